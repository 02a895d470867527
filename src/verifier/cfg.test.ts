/** Control flow and loops, with Linux 6.18's answers. */
import { describe, expect, it } from 'vitest';
import { ALL_CAPS, envOf, slot } from '../../test/support/verifier-env.ts';
import { EXIT } from '../isa/index.ts';
import { CAP } from '../uapi/index.ts';
import { checkCfg } from './cfg.ts';
import { AUX } from './insn-aux.ts';
import { computeScc } from './scc.ts';
import { findSubprogs } from './subprogs.ts';

function run(program: string, caps = ALL_CAPS) {
  const env = envOf(program, { caps, logLevel: 1 });
  const err = findSubprogs(env) || checkCfg(env);
  return { env, err, log: env.log.text() };
}

/** Slots that have a flag. */
function flagged(program: string, flag: number): number[] {
  const { env, err } = run(program);
  expect(err).toBe(0);
  return [...env.aux.flags.keys()].filter((at) => env.aux.flags[at] & flag);
}

describe('control flow', () => {
  it.each([
    ['code behind an exit', 'r0 = 0\nexit\nexit', 'unreachable insn 2\n'],
    ['code behind a goto', 'r0 = 0\ngoto pc+2\nr0 = 0x1 ll\nexit', 'unreachable insn 2\n'],
    ['a function that only dead code calls', 'r0 = 0\nexit\ncall f\nexit\nf: exit', 'unreachable insn 2\n'],
    [
      'a jump between the two slots of ld_imm64',
      'r0 = 0\nif r0 == 0 goto pc+1\nr1 = 0x1 ll\nexit',
      'jump into the middle of ldimm64 insn 2\n',
    ],
    ['the first of two problems', 'r0 = 0\ngoto pc+1\nr1 = 0x1 ll\nexit', 'unreachable insn 2\n'],
  ])('refuses %s', (_name, program, log) => {
    expect(run(program)).toMatchObject({ err: -22, log });
  });

  it('reaches functions over calls and references', () => {
    expect(run('r1 = subprog[f]\ncall g\nexit\nf: r0 = 0\nexit\ng: r0 = 0\nexit').err).toBe(0);
  });

  it('allows loops to callers with CAP_BPF only', () => {
    const loop = 'r0 = 0\nr0 += 1\nif r0 != 3 goto pc-2\nexit';
    expect(run(loop).err).toBe(0);
    expect(run(loop, 1n << BigInt(CAP.SYS_ADMIN)).err).toBe(0);
    expect(run(loop, 0n)).toMatchObject({ err: -22, log: 'back-edge from insn 2 to 1\n' });
  });

  it('goes down a long path without recursion', () => {
    const env = envOf([...Array.from({ length: 99_999 }, () => slot(0xb7)), slot(EXIT)]);
    expect(findSubprogs(env) || checkCfg(env) || computeScc(env)).toBe(0);
  });
});

describe('points where the walk compares states', () => {
  const { PRUNE_POINT, JMP_POINT, FORCE_CHECKPOINT } = AUX;

  it('are conditional jumps and every target, but not what a jump falls into', () => {
    const program = 'r0 = 0\nif r0 == 1 goto pc+2\nr0 = 0\nr0 = 0\nexit';
    expect(flagged(program, PRUNE_POINT)).toEqual([1, 4]);
    expect(flagged(program, JMP_POINT)).toEqual([4]);
  });

  it('are targets of unconditional jumps, but not those jumps', () => {
    const program = 'r0 = 0\ngoto pc+0\ngotol pc+0\nexit';
    expect(flagged(program, PRUNE_POINT)).toEqual([2, 3]);
    expect(flagged(program, JMP_POINT)).toEqual([2, 3]);
  });

  it('are what follows a call of any kind, and for functions of the program the call and its callee', () => {
    const program = 'call ktime_get_ns\nr0 = 0\ncall f\nr0 = 0\nexit\nf: r0 = 0\nexit';
    expect(flagged(program, PRUNE_POINT)).toEqual([1, 2, 3, 5]);
    expect(flagged(program, JMP_POINT)).toEqual([1, 3, 5]);
  });

  it('are references to callbacks, what follows them and the callback', () => {
    const program = 'r6 = 0\nr1 = 2\nr2 = subprog[f]\nr3 = 0\nr4 = 0\ncall loop\nr0 = 0\nexit\nf: r0 = 0\nexit';
    expect(flagged(program, PRUNE_POINT)).toEqual([2, 4, 6, 7, 9]);
    expect(flagged(program, FORCE_CHECKPOINT)).toEqual([6]);
    expect(flagged(program, AUX.CALLS_CALLBACK)).toEqual([6]);
  });

  it('are none in straight code', () => {
    expect(flagged('r6 = r1\nr0 = *(u8 *)skb[0]\nr1 = 0x5 ll\nlock *(u64 *)(r10 -8) += r1\nexit', PRUNE_POINT)).toEqual(
      [],
    );
  });

  it('always hold a checkpoint at may_goto', () => {
    const program = 'r0 = 0\nmay_goto pc+1\nr0 = 1\nexit';
    expect(flagged(program, PRUNE_POINT)).toEqual([1, 3]);
    expect(flagged(program, FORCE_CHECKPOINT)).toEqual([1]);
  });
});

describe('loops', () => {
  const back = (by: number) => `if r1 != 3 goto pc-${by}`;
  const go = (to: string) => `if r1 != 3 goto ${to}`;
  const step = 'r0 = 0';
  it.each([
    ['goto itself', ['goto pc-1'], [1]],
    ['a jump to itself', [back(1), step, 'exit'], [1, 0, 0]],
    ['one loop', [step, step, back(2), 'exit'], [0, 1, 1, 0]],
    [
      'one after the other: the last is complete first',
      [step, back(2), step, back(2), step, 'exit'],
      [2, 2, 1, 1, 0, 0],
    ],
    ['nested loops are one', [step, step, back(2), back(4), 'exit'], [1, 1, 1, 1, 0]],
    [
      'two ways: the fall-through first',
      [go('b'), step, back(2), 'exit', `b: ${step}`, back(2), step, 'exit'],
      [0, 1, 1, 0, 2, 2, 0, 0],
    ],
    ['may_goto', ['may_goto pc+2', step, 'goto pc-3', step, 'exit'], [1, 1, 1, 0, 0]],
    [
      'calls are not followed',
      [step, 'call f', back(3), step, 'exit', `f: ${step}`, back(2), 'exit'],
      [1, 1, 1, 0, 0, 2, 2, 0],
    ],
    ['recursion is no loop', ['call f', 'exit', 'f: call f', 'exit'], [0, 0, 0, 0]],
  ])('%s', (_name, lines, expected) => {
    const { env } = run(lines.join('\n'));
    computeScc(env);
    expect([...env.aux.scc]).toEqual(expected);
  });
});
