import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './ringbuf.ts';

it('records through a ring buffer are neither lost nor torn', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 3, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});
