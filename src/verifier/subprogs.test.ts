/** Functions and their bounds, with Linux 6.18's answers. */
import { describe, expect, it } from 'vitest';
import { envOf, slot } from '../../test/support/verifier-env.ts';
import { CALL, EXIT } from '../isa/index.ts';
import { UnsupportedConstruct } from './context.ts';
import { checkSubprogs, findSubprogs, subprogAt } from './subprogs.ts';

function run(program: Parameters<typeof envOf>[0]) {
  const env = envOf(program);
  const err = findSubprogs(env) || checkSubprogs(env);
  return { env, err, log: env.log.text() };
}

describe('sub-programs', () => {
  it('finds callees and callbacks in ascending order, each once', () => {
    const { env, err, log } = run(`
      call b
      call a
      r1 = subprog[b]
      r0 = 0
      exit
      a: r0 = 0
      exit
      b: r0 = 0
      goto b`);
    expect(err).toBe(0);
    expect(log).toBe('func#0 @0\nfunc#1 @6\nfunc#2 @8\n');
    expect(env.aux.subprogs.map(({ start, end }) => [start, end])).toEqual([
      [0, 6],
      [6, 8],
      [8, 10],
    ]);
    expect([0, 5, 6, 7, 8, 9].map((at) => subprogAt(env, at))).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('notes tail calls and packet loads', () => {
    const { env } = run(`
      r6 = r1
      r0 = *(u8 *)skb[0]
      call a
      exit
      a: call tail_call
      exit`);
    expect(env.aux.subprogs.map(({ hasLdAbs, hasTailCall }) => [hasLdAbs, hasTailCall])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  const r0 = slot(0xb7);
  const exit = slot(EXIT);
  it.each([
    ['a call behind the end', [slot(CALL, 0, 1, 0, 5), r0, exit], 'call to invalid destination\n'],
    ['a call before the start', [slot(CALL, 0, 1, 0, -2), r0, exit], 'call to invalid destination\n'],
    ['a callback behind the end', [slot(0x18, 1, 4, 0, 9), slot(0), r0, exit], 'call to invalid destination\n'],
    [
      'a bad call before a bad jump',
      [slot(0x15, 0, 0, 100), slot(CALL, 0, 1, 0, 9), exit],
      'call to invalid destination\n',
    ],
    ['a jump behind the end', [slot(0x15, 0, 0, 2), r0, exit], 'func#0 @0\njump out of range from insn 0 to 3\n'],
    ['gotol by its immediate', [slot(6, 0, 0, 0, -100), exit], 'func#0 @0\njump out of range from insn 0 to -99\n'],
    [
      'gotol across 2^31',
      [slot(6, 0, 0, 0, 0x7fffffff), exit],
      'func#0 @0\njump out of range from insn 0 to -2147483648\n',
    ],
    [
      'a jump with an unknown operation',
      [slot(0xf5, 0, 0, 100), exit],
      'func#0 @0\njump out of range from insn 0 to 101\n',
    ],
    ['an end without exit', [r0], 'func#0 @0\nlast insn is not an exit or jmp\n'],
    ['an end that may fall through', [r0, exit, slot(0x15, 0, 0, -3)], 'func#0 @0\nlast insn is not an exit or jmp\n'],
    ['an exit with a register bit', [slot(0x9d)], 'func#0 @0\nlast insn is not an exit or jmp\n'],
    [
      'a jump into another function',
      [slot(CALL, 0, 1, 0, 2), r0, exit, r0, slot(5, 0, 0, -3), exit],
      'func#0 @0\nfunc#1 @3\njump out of range from insn 4 to 2\n',
    ],
  ])('refuses %s', (_name, insns, log) => {
    expect(run(insns)).toMatchObject({ err: -22, log });
  });

  it('does not take the offset of calls and exits for a jump', () => {
    expect(run([slot(CALL, 0, 0, 100, 5), slot(EXIT, 0, 0, 100)]).err).toBe(0);
  });

  it('names kernel functions as unsupported', () => {
    expect(() => run([slot(CALL, 0, 2, 0, 1), exit])).toThrow(UnsupportedConstruct);
  });
});
