import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './udp.ts';

const why = campaign.unavailable?.();
if (why) console.warn(`the comparison of UDP filters with Linux is skipped: ${why}`);

it.skipIf(why)('delivers the datagrams that the kernel delivers, cut to the same lengths', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 60, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});
