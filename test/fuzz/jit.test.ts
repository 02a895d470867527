import { expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { campaign } from './jit.ts';

it('compiled programs do what the interpreter does', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 900, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});
