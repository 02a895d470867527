/** A few cases of the campaign, so that it does not rot. */
import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './verdicts.ts';

it.skipIf(campaign.unavailable?.() !== undefined)('mutated programs get the kernel’s verdicts', async () => {
  const failures = await runCampaign(campaign, { seed: 1, count: 200, log: () => {} });
  expect(failures).toEqual([]);
});
