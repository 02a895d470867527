import { expect, it } from 'vitest';
import { Random } from '../../src/util/index.ts';
import { runCampaign } from './campaign.ts';
import { campaign, compareTranslation } from './cbpf.ts';

const why = campaign.unavailable?.();
if (why) console.warn(`the comparison of classic programs with Linux is skipped: ${why}`);

it.skipIf(why)('judges and computes what Linux does', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 100, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});

it.skipIf(why)('translates the longest programs, with jumps over all of them', () => {
  const insn = (code: number, k = 0, jt = 0): { code: number; jt: number; jf: number; k: number } => ({
    code,
    jt,
    jf: 0,
    k,
  });
  for (const filling of [insn(0xb1, 2), insn(0x3c), insn(0x40, 1)]) {
    // Over everything where the first byte is large.
    const insns = [
      insn(0x30, 0),
      insn(0x35, 128, 1),
      insn(0x05, 1),
      insn(0x05, 4091),
      ...Array(4091).fill(filling),
      insn(0x06, 9),
    ];
    expect(insns).toHaveLength(4096);
    expect(compareTranslation(new Random(1), insns)).toBeUndefined();
  }
});
