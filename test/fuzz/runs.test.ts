/** First cases of the campaign: engines and kernel give the same results, and what is compared is not nothing. */
import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './runs.ts';

const COUNT = 24;

it.skipIf(campaign.unavailable?.() !== undefined)('programs have the same results everywhere', async () => {
  const failures = await runCampaign(campaign, { seed: 1, count: COUNT, log: () => {} });
  expect(failures.map((one) => `--seed 1 --case ${one.caseNumber}\n${one.detail}`)).toEqual([]);
  const compared = Number(/compared (\d+)/.exec(campaign.report?.()[0] ?? '')?.[1]);
  expect(compared).toBeGreaterThan(COUNT / 4);
});
