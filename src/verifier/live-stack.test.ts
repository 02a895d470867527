/** Liveness of stack slots: the lines that Linux 6.18 prints when paths end. */
import { describe, expect, it } from 'vitest';
import { envOf, inputOf } from '../../test/support/verifier-env.ts';
import { checkCfg } from './cfg.ts';
import { LiveStack } from './live-stack.ts';
import { findSubprogs } from './subprogs.ts';
import { verify } from './verify.ts';

/** What the analysis prints while the program is verified. */
function lines(program: string): string[] {
  const result = verify(inputOf(program));
  expect(result.ok, result.log).toBe(true);
  return result.log.split('\n').filter((line) => /^\([\d,]+\) /.test(line));
}

describe('one function', () => {
  it('shows where a slot is read and where it was surely written before', () => {
    expect(
      lines(`
        *(u64 *)(r10 -8) = 1
        *(u64 *)(r10 -16) = 2
        call get_prandom_u32
        if r0 == 0 goto pc+1
        r1 = *(u64 *)(r10 -16)
        r2 = *(u64 *)(r10 -8)
        r0 = 0
        exit`),
    ).toEqual([
      '(0) frame 0 insn 5 +live -8 ',
      '(0) frame 0 insn 4 +live -8,-16 ',
      '(0) frame 0 insn 3 +live -8,-16 ',
      '(0) frame 0 insn 1 +live -8 ',
      '(0) frame 0 insn 1 +written -16 ',
      '(0) frame 0 insn 0 +written -8,-16 ',
      '(0) live stack update done in 2 iterations',
    ]);
  });

  it('does not count a store of half a slot as written', () => {
    expect(lines('*(u32 *)(r10 -8) = 0\nr0 = 0\nr0 = *(u32 *)(r10 -8)\nexit')).toEqual([
      '(0) frame 0 insn 2 +live -8 ',
      '(0) frame 0 insn 0 +live -8 ',
      '(0) live stack update done in 2 iterations',
    ]);
  });

  it('forgets what an instruction wrote once a visit wrote elsewhere', () => {
    expect(
      lines(`
        *(u64 *)(r10 -8) = 1
        *(u64 *)(r10 -16) = 2
        call get_prandom_u32
        r1 = r10
        if r0 == 0 goto pc+2
        r1 += -8
        goto pc+1
        r1 += -16
        *(u64 *)(r1 +0) = 5
        r2 = *(u64 *)(r10 -8)
        r3 = *(u64 *)(r10 -16)
        r0 = 0
        exit`),
    ).toEqual([
      '(0) frame 0 insn 10 +live -16 ',
      '(0) frame 0 insn 9 +live -8,-16 ',
      '(0) frame 0 insn 8 +live -16 ',
      '(0) frame 0 insn 8 +written -8 ',
      '(0) frame 0 insn 7 +live -16 ',
      '(0) frame 0 insn 7 +written -8 ',
      '(0) frame 0 insn 4 +live -16 ',
      '(0) frame 0 insn 4 +written -8 ',
      '(0) frame 0 insn 3 +live -16 ',
      '(0) frame 0 insn 3 +written -8 ',
      '(0) frame 0 insn 1 +written -8,-16 ',
      '(0) frame 0 insn 0 +written -8,-16 ',
      '(0) live stack update done in 2 iterations',
      '(0) frame 0 insn 8 +live -8 ',
      '(0) frame 0 insn 7 +live -8 ',
      '(0) frame 0 insn 4 +live -8 ',
      '(0) frame 0 insn 3 +live -8 ',
      '(0) frame 0 insn 1 +live -8 ',
      '(0) frame 0 insn 1 +written -16 ',
      '(0) frame 0 insn 0 +written -8,-16 ',
      '(0) live stack update done in 2 iterations',
    ]);
  });

  it('takes back liveness through code that turned out to write', () => {
    expect(
      lines(`
        *(u64 *)(r10 -8) = 1
        *(u64 *)(r10 -16) = 2
        call get_prandom_u32
        if r0 == 0 goto pc+2
        r0 = 0
        goto pc+2
        *(u64 *)(r10 -8) = 3
        r2 = *(u64 *)(r10 -16)
        r1 = *(u64 *)(r10 -8)
        r0 = 0
        exit`).slice(7),
    ).toEqual([
      '(0) frame 0 insn 7 +live -16 ',
      '(0) frame 0 insn 6 +live -16 -live -8',
      '(0) frame 0 insn 6 +written -8 ',
      '(0) frame 0 insn 3 +live -16 ',
      '(0) live stack update done in 2 iterations',
    ]);
  });

  it('takes one more round where a loop carries a read backwards', () => {
    const printed = lines(`
      *(u64 *)(r10 -8) = 1
      r6 = 0
      r6 += 1
      r1 = *(u64 *)(r10 -8)
      *(u64 *)(r10 -8) = 4
      if r6 != 3 goto pc-4
      r0 = 0
      exit`);
    expect(printed.at(-2)).toBe('(0) frame 0 insn 5 +live -8 ');
    expect(printed.at(-1)).toBe('(0) live stack update done in 3 iterations');
  });
});

describe('chains of calls', () => {
  it("counts what a callee does to its caller's frame as done by the call, and drops it when a path differs", () => {
    const env = envOf(`
      *(u64 *)(r10 -8) = 1
      *(u64 *)(r10 -16) = 2
      r1 = r10
      r1 += -8
      call f
      r0 = *(u64 *)(r10 -8)
      r0 = *(u64 *)(r10 -16)
      r0 = 0
      exit
      f: r6 = r1
      call get_prandom_u32
      if r0 == 0 goto pc+1
      r6 += -8
      *(u64 *)(r6 +0) = 3
      r0 = 0
      exit`);
    expect(findSubprogs(env) || checkCfg(env)).toBe(0);
    const main = [{ subprog: 0, callsite: -1 }];
    const inside = [...main, { subprog: 1, callsite: 4 }];
    const live = new LiveStack(env);
    const visit = (
      frames: typeof main,
      insns: number[],
      reads: Record<number, number>,
      writes: Record<number, number>,
    ) => {
      for (const insn of insns) {
        live.beginVisit(insn, frames);
        if (insn in reads) live.recordRead(0, reads[insn]);
        if (insn in writes) live.recordWrite(0, writes[insn]);
        live.endVisit();
      }
      const before = env.log.length;
      live.update(frames);
      return env.log.text().slice(before).trimEnd().split('\n');
    };
    visit(main, [], {}, {});
    for (const insn of [0, 1, 2, 3, 4]) {
      live.beginVisit(insn, main);
      if (insn < 2) live.recordWrite(0, insn);
      live.endVisit();
    }
    expect(visit(inside, [9, 10, 11, 12, 13, 14, 15], {}, { 13: 1 })).toEqual([
      '(4,9) frame 0 insn 13 +written -16 ',
      '(4,9) frame 0 insn 11 +written -16 ',
      '(4,9) frame 0 insn 9 +written -16 ',
      '(4,9) live stack update done in 2 iterations',
      '(0) frame 0 insn 4 +written -16 ',
      '(0) frame 0 insn 1 +written -16 ',
      '(0) frame 0 insn 0 +written -8,-16 ',
      '(0) live stack update done in 2 iterations',
    ]);
    expect(visit(main, [5, 6, 7, 8], { 5: 0, 6: 1 }, {})).toEqual([
      '(0) frame 0 insn 6 +live -16 ',
      '(0) frame 0 insn 5 +live -8,-16 ',
      '(0) frame 0 insn 4 +live -8 ',
      '(0) frame 0 insn 1 +live -8 ',
      '(0) live stack update done in 2 iterations',
    ]);
    expect(visit(inside, [13, 14, 15], {}, { 13: 0 })).toEqual([
      '(4,9) live stack update done in 1 iterations',
      '(0) frame 0 insn 4 +live -16 ',
      '(0) frame 0 insn 1 +written -16 ',
      '(0) frame 0 insn 0 +written -8,-16 ',
      '(0) live stack update done in 2 iterations',
    ]);
    // Inside the callee the caller's slots are live: they are read after the return.
    expect(live.live(13, 0, 0, inside)).toBe(0b011);
    expect(live.live(7, 0, 0, main)).toBe(0);
  });
});
