import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './packets.ts';

const why = campaign.unavailable?.();
if (why) console.warn(`the comparison of packet sockets' filters with Linux is skipped: ${why}`);

it.skipIf(why)(
  'lets the packets through that the kernel lets through, cut to the same lengths',
  async () => {
    const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const failures = await runCampaign(campaign, { seed, count: 30, log: () => {} });
    expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
  },
  120_000,
);
