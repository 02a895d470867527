/** A few cases of the campaign, so that it does not rot. */
import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './rules.ts';

it.skipIf(campaign.unavailable?.() !== undefined)('programs by rule get the kernel’s answers', async () => {
  const failures = await runCampaign(campaign, { seed: 1, count: 200, log: () => {} });
  expect(failures).toEqual([]);
});
