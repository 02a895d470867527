/** The first 10,000 cases of the campaign, and that a case can be repeated by its number. */
import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './captures.ts';

it('10,000 mutated captures give packets or a FormatError', async () => {
  const seed = Number(process.env.SKEP_SEED ?? 1);
  const failures = await runCampaign(campaign, { seed, count: 10_000, log: () => {} });
  expect(failures, `npm run campaign -- captures --seed ${seed} --case ${failures[0]?.caseNumber}`).toEqual([]);
});
