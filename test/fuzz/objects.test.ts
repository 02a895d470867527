/** The first 2,000 cases of the campaign. */
import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './objects.ts';

it('2,000 mutated objects give a spec, a FormatError or an UnsupportedError', async () => {
  const seed = Number(process.env.SKEP_SEED ?? 1);
  const failures = await runCampaign(campaign, { seed, count: 2000, log: () => {} });
  expect(failures, `npm run campaign -- objects --seed ${seed} --case ${failures[0]?.caseNumber}`).toEqual([]);
});
