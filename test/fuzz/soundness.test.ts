import { describe, expect, it } from 'vitest';
import type { ProgramObject } from '../../src/loader/index.ts';
import { parseBpft } from '../bpft.ts';
import { runCampaign } from './campaign.ts';
import { campaign } from './soundness.ts';
import { SoundnessRunner } from './soundness/run.ts';
import { type NotWalked, recordWalk, type Walked } from './soundness/walked.ts';
import type { Reg } from '../../src/verifier/state/reg.ts';

const PROGRAM = `
.type xdp
.map cells array key=4 value=8 max=4
.run data=000102030405060708090a0b0c0d0e0f

== bounded
r6 = r1
r2 = *(u32 *)(r6 +0)
r3 = *(u32 *)(r6 +4)
r4 = r2
r4 += 14
if r4 > r3 goto out
r7 = *(u8 *)(r2 +3)
r7 &= 3
*(u64 *)(r10 -8) = r7
*(u32 *)(r10 -16) = r7
r1 = map[cells]
r2 = r10
r2 += -16
call bpf_map_lookup_elem#1
if r0 == 0 goto out
r1 = *(u64 *)(r10 -8)
r0 += r1
r0 = *(u8 *)(r0 +0)
out:
r0 = 2
exit
`;

const object = (): ProgramObject => parseBpft(PROGRAM, 'bounded.bpft')[0].object;

/** The same walk, in which one register of one instruction is said to be something else. */
function lying(
  insn: number,
  r: number,
  lie: (reg: Reg, walked: Walked) => Reg,
): (input: Parameters<typeof recordWalk>[0]) => Walked | NotWalked {
  return (input) => {
    const walked = recordWalk(input);
    if (typeof walked === 'string') return walked;
    const states = walked.states.map((list, at) =>
      at === insn
        ? list.map((frames) =>
            frames.map((frame) => ({ ...frame, regs: frame.regs.map((reg, i) => (i === r ? lie(reg, walked) : reg)) })),
          )
        : list,
    );
    return { ...walked, states };
  };
}

describe('a run is held to what was proved', () => {
  it('and holds', () => {
    const outcome = new SoundnessRunner().check(object());
    expect(outcome.answer).toMatchObject({ verdict: 'accept', runs: [{ errno: 0, retval: 2 }] });
    expect(outcome).toMatchObject({ mode: 'exact', violation: undefined });
    expect(outcome.steps).toBeGreaterThan(18);
  });

  const lies: readonly (readonly [string, number, number, (reg: Reg, walked: Walked) => Reg, RegExp])[] = [
    ['a number', 8, 7, (reg, { store }) => reg.withScalar(store.constant(5n)), /r7 = 0x3: .* tnum/],
    [
      'a bound',
      8,
      7,
      (reg, { store }) => reg.withScalar(store.withRange(store.UNKNOWN, { umin: 4n, umax: 9n })),
      /r7 = 0x3/,
    ],
    ['an offset into the packet', 4, 2, (reg) => reg.withOffset(4, reg.s), /r2 .*offset from the packet/],
    [
      'what can be read of the packet',
      6,
      2,
      (reg) => reg.withRange(17),
      /17 bytes from its base end 1 behind the packet/,
    ],
    ['a stack pointer', 14, 2, (reg) => reg.withOffset(-8, reg.s), /offset from the frame/],
    [
      'an offset into a map value',
      18,
      0,
      (reg, { store }) => reg.withOffset(0, store.ZERO),
      /r0 .*not at offset 0 of a value/,
    ],
  ];
  it.each(lies)('a wrong claim about %s is found', (_what, insn, r, lie, message) => {
    expect(new SoundnessRunner(lying(insn, r, lie)).check(object()).violation).toMatch(message);
  });
});

it.each(['hash', 'lru_hash', 'percpu_hash', 'array'])('values of a %s are known again', (type) => {
  const source = `
.type xdp
.map m ${type} key=4 value=200 max=4
.run data=000102030405060708090a0b0c0d0e0f

== found
*(u32 *)(r10 -4) = 1
r1 = map[m]
r2 = r10
r2 += -4
r3 = r10
r3 += -208
r4 = 0
${Array.from({ length: 25 }, (_, i) => `*(u64 *)(r10 -${208 - 8 * i}) = 0`).join('\n')}
call bpf_map_update_elem#2
r1 = map[m]
r2 = r10
r2 += -4
call bpf_map_lookup_elem#1
if r0 == 0 goto out
r6 = *(u8 *)(r0 +0)
r6 &= 127
r0 += r6
r0 = *(u8 *)(r0 +8)
out:
r0 = 2
exit
`;
  const outcome = new SoundnessRunner().check(parseBpft(source, 'found.bpft')[0].object);
  expect(outcome).toMatchObject({ mode: 'exact', violation: undefined });
  expect(outcome.steps).toBeGreaterThan(40);
});

it('holds for generated programs', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const failures = await runCampaign(campaign, { seed, count: 150, log: () => {} });
  expect(failures, `SKEP_SEED=${seed} repeats it`).toEqual([]);
});
