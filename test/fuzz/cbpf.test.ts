import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './cbpf.ts';

const why = campaign.unavailable?.();
if (why) console.warn(`the comparison of classic programs with Linux is skipped: ${why}`);

it.skipIf(why)('judges and computes what Linux does', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 100, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});
