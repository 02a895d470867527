import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './interpreter.ts';

const why = campaign.unavailable?.();
if (why) console.warn(`the comparison of the interpreter with Linux is skipped: ${why}`);

it.skipIf(why)('computes what Linux computes', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 150, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});
