/** First cases of the campaign: programs that clang made give the same results everywhere. */
import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './compiled.ts';

const COUNT = 40;

it.skipIf(campaign.unavailable?.() !== undefined)(
  'programs of object files have the same results everywhere',
  async () => {
    const failures = await runCampaign(campaign, { seed: 1, count: COUNT, log: () => {} });
    expect(failures.map((one) => `--seed 1 --case ${one.caseNumber}\n${one.detail}`)).toEqual([]);
    const compared = Number(/compared (\d+)/.exec(campaign.report?.()[0] ?? '')?.[1]);
    expect(compared).toBeGreaterThan(COUNT / 4);
  },
  60_000,
);
