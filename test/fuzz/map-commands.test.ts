import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './map-commands.ts';

const why = campaign.unavailable?.();
if (why) console.warn(`the comparison of map commands with Linux is skipped: ${why}`);

it.skipIf(why)('gives every answer that Linux gives', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 400, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});
