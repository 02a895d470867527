/**
 * The reference, exhaustively for registers of four bits with halves of two: whatever is deduced, computed or learned from
 * a jump still holds every number that was meant.
 */
import { describe, expect, it } from 'vitest';
import { ALU, JMP } from '../../isa/index.ts';
import { alu, forks, neg, pointerOffset } from './alu.ts';
import { branchTaken, refine } from './branch.ts';
import * as ref from './scalar.ts';
import type { Scalar } from './scalar.ts';
import { tnumRange, type Tnum } from './tnum.ts';

const W = ref.width(4);
const numbers = Array.from({ length: 16 }, (_, i) => BigInt(i));
const ranges = (min: bigint, max: bigint): [bigint, bigint][] => {
  const out: [bigint, bigint][] = [];
  for (let lo = min; lo <= max; lo++) for (let hi = lo; hi <= max; hi++) out.push([lo, hi]);
  return out;
};
const tnums: Tnum[] = numbers.flatMap((mask) =>
  numbers.filter((value) => (value & mask) === 0n).map((value) => ({ value, mask })),
);
const any = ref.unknown(W);
const meant = (a: Scalar): bigint[] => numbers.filter((v) => ref.contains(a, v, W));

/** Fails unless `after` holds all `values`; JSON of the scalars is made only then. */
function expectHolds(after: Scalar, values: readonly bigint[], what: () => string): void {
  for (const v of values) if (!ref.contains(after, v, W)) expect.fail(`${v} is lost: ${what()} gives ${show(after)}`);
}
const show = (a: Scalar): string => JSON.stringify(a, (_key, v: unknown) => (typeof v === 'bigint' ? Number(v) : v));

describe('sync', () => {
  const check = (a: Scalar): void => {
    expectHolds(ref.sync(a, W), meant(a), () => show(a));
  };

  it('holds all numbers of every unsigned, signed and unsigned half range', () => {
    for (const [umin, umax] of ranges(0n, 15n))
      for (const [smin, smax] of ranges(-8n, 7n))
        for (const [umin32, umax32] of [
          [0n, 3n],
          [0n, 1n],
          [1n, 2n],
          [2n, 3n],
        ])
          check({ ...any, umin, umax, smin, smax, umin32, umax32 });
  });

  it('holds all numbers of every tnum, unsigned and signed half range', () => {
    for (const tnum of tnums)
      for (const [umin, umax] of ranges(0n, 15n))
        for (const [smin32, smax32] of [
          [-2n, 1n],
          [-1n, 0n],
          [0n, 1n],
          [-2n, -1n],
          [1n, 1n],
        ])
          check({ ...any, tnum, umin, umax, smin32, smax32 });
  });

  it('knows a number whenever the unsigned range and the tnum have only one', () => {
    for (const tnum of tnums) {
      for (const [umin, umax] of ranges(0n, 15n)) {
        const values = meant({ ...any, tnum, umin, umax });
        if (values.length === 1) expect(ref.sync({ ...any, tnum, umin, umax }, W)).toEqual(ref.constant(values[0], W));
      }
    }
  });

  it('a synced number is not contradictory, nor is one that means something', () => {
    for (const [smin, smax] of ranges(-8n, 7n)) expect(ref.violation(ref.sync({ ...any, smin, smax }, W), W)).toBe('');
    expect(ref.violation({ ...any, umin: 3n, umax: 2n }, W)).toBe('range bounds violation');
    expect(ref.violation({ ...any, tnum: { value: 5n, mask: 0n } }, W)).toBe(
      'const tnum out of sync with range bounds',
    );
    expect(ref.violation({ ...any, tnum: { value: 1n, mask: 12n } }, W)).toBe(
      'const subreg tnum out of sync with range bounds',
    );
  });
});

/** A spread of numbers: constants, ranges across every border, sparse bits, halves. */
const samples: Scalar[] = [
  any,
  ...[0n, 1n, 5n, 7n, 8n, 15n].map((v) => ref.constant(v, W)),
  ...[
    [0n, 1n],
    [0n, 6n],
    [3n, 9n],
    [5n, 14n],
    [8n, 11n],
    [12n, 15n],
    [1n, 15n],
  ].map(([umin, umax]) => ref.sync({ ...any, umin, umax, tnum: tnumRange(umin, umax, W.bits) }, W)),
  ...[
    [-1n, 0n],
    [-3n, 2n],
    [-8n, -1n],
    [-8n, 5n],
    [-2n, 7n],
  ].map(([smin, smax]) => ref.sync({ ...any, smin, smax }, W)),
  ...[
    [0n, 10n],
    [1n, 6n],
    [8n, 5n],
    [2n, 13n],
  ].map(([value, mask]) => ref.sync({ ...any, tnum: { value, mask } }, W)),
  ...[
    [-1n, 0n],
    [-2n, -1n],
    [0n, 1n],
  ].map(([smin32, smax32]) => ref.sync({ ...any, smin32, smax32 }, W)),
  ref.sync({ ...any, umin: 4n, umax: 13n, smin32: -1n, smax32: 1n }, W),
];

const u = (v: bigint): bigint => BigInt.asUintN(W.bits, v);
const shiftOf = (y: bigint, bits: number): bigint => y & BigInt(bits - 1);
const CONCRETE: [name: keyof typeof ALU, (x: bigint, y: bigint, bits: number) => bigint][] = [
  ['ADD', (x, y) => x + y],
  ['SUB', (x, y) => x - y],
  ['MUL', (x, y) => x * y],
  ['AND', (x, y) => x & y],
  ['OR', (x, y) => x | y],
  ['XOR', (x, y) => x ^ y],
  ['DIV', (x, y) => (y === 0n ? 0n : x / y)],
  ['MOD', (x, y) => (y === 0n ? x : x % y)],
  ['LSH', (x, y, bits) => x << shiftOf(y, bits)],
  ['RSH', (x, y, bits) => x >> shiftOf(y, bits)],
  ['ARSH', (x, y, bits) => BigInt.asIntN(bits, x) >> shiftOf(y, bits)],
];

describe.each(CONCRETE)('%s', (name, concrete) => {
  it.each([false, true])('holds every result (32-bit: %s)', (is32) => {
    const bits = is32 ? W.half : W.bits;
    const cut = (v: bigint): bigint => BigInt.asUintN(bits, v);
    for (const a of samples) {
      for (const b of samples) {
        const values = meant(a).flatMap((x) => meant(b).map((y) => cut(concrete(cut(x), cut(y), bits))));
        const after = alu(ALU[name], is32, 0, a, b, W);
        expectHolds(after, values, () => `${show(a)} ${name} ${show(b)}`);
        expect(ref.violation(after, W)).toBe('');
      }
    }
  });
});

describe('moves', () => {
  const check = (after: (a: Scalar) => Scalar, concrete: (v: bigint) => bigint): void => {
    for (const a of samples) expectHolds(after(a), meant(a).map(concrete), () => show(a));
  };
  it('negation', () => {
    check(
      (a) => neg(false, a, W),
      (v) => u(-v),
    );
    check(
      (a) => neg(true, a, W),
      (v) => BigInt.asUintN(W.half, -v),
    );
  });
  it('zero extension and truncation', () => {
    check(
      (a) => ref.zext(a, W),
      (v) => v & 3n,
    );
    for (const bits of [1, 2, 3])
      check(
        (a) => ref.truncate(a, bits, W),
        (v) => BigInt.asUintN(bits, v),
      );
  });
  it('sign extension', () => {
    for (const bits of [1, 2, 3])
      check(
        (a) => ref.signExtend(a, bits, W.bits, W),
        (v) => u(BigInt.asIntN(bits, v)),
      );
    check(
      (a) => ref.signExtend(a, 1, W.half, W),
      (v) => BigInt.asUintN(W.half, BigInt.asIntN(1, v)),
    );
  });
  it('pointer offsets', () => {
    for (const a of samples)
      for (const b of samples) {
        const both = (f: (x: bigint, y: bigint) => bigint): bigint[] =>
          meant(a).flatMap((x) => meant(b).map((y) => u(f(x, y))));
        expectHolds(
          pointerOffset(ALU.ADD, a, b, W),
          both((x, y) => x + y),
          () => `${show(a)} + ${show(b)}`,
        );
        expectHolds(
          pointerOffset(ALU.SUB, a, b, W),
          both((x, y) => x - y),
          () => `${show(a)} - ${show(b)}`,
        );
      }
  });
  it('a spread sign is one of its two cases', () => {
    const sign = ref.sync({ ...any, smin: -1n, smax: 0n }, W);
    const [ones, zero] = forks(ALU.AND, sign, ref.constant(5n, W), W)!;
    expect([ones, zero].flatMap(meant)).toEqual([15n, 0n]);
    const half = ref.sync({ ...any, smin32: -1n, smax32: 0n }, W);
    expect(forks(ALU.OR, half, ref.constant(5n, W), W)!.flatMap(meant).sort()).toEqual(meant(half).sort());
    expect(forks(ALU.AND, sign, half, W)).toBeUndefined();
    expect(forks(ALU.XOR, sign, ref.constant(5n, W), W)).toBeUndefined();
  });
});

const COMPARE: [name: keyof typeof JMP, (x: bigint, y: bigint, bits: number) => boolean][] = [
  ['JEQ', (x, y) => x === y],
  ['JNE', (x, y) => x !== y],
  ['JSET', (x, y) => (x & y) !== 0n],
  ['JGT', (x, y) => x > y],
  ['JGE', (x, y) => x >= y],
  ['JLT', (x, y) => x < y],
  ['JLE', (x, y) => x <= y],
  ['JSGT', (x, y, bits) => BigInt.asIntN(bits, x) > BigInt.asIntN(bits, y)],
  ['JSGE', (x, y, bits) => BigInt.asIntN(bits, x) >= BigInt.asIntN(bits, y)],
  ['JSLT', (x, y, bits) => BigInt.asIntN(bits, x) < BigInt.asIntN(bits, y)],
  ['JSLE', (x, y, bits) => BigInt.asIntN(bits, x) <= BigInt.asIntN(bits, y)],
];

describe.each(COMPARE)('%s', (name, concrete) => {
  it.each([false, true])('is decided rightly, and teaches nothing wrong (32-bit: %s)', (is32) => {
    const bits = is32 ? W.half : W.bits;
    const cut = (v: bigint): bigint => BigInt.asUintN(bits, v);
    for (const a of samples) {
      for (const b of samples) {
        const pairs = meant(a).flatMap((x) => meant(b).map((y) => [x, y, concrete(cut(x), cut(y), bits)] as const));
        const verdict = branchTaken(JMP[name], is32, a, b, W);
        const wrong = pairs.some(([, , jumps]) => verdict !== -1 && jumps !== (verdict === 1));
        if (wrong) expect.fail(`decided wrongly: ${show(a)} ${name} ${show(b)} ${verdict}`);
        if (verdict !== -1) continue;
        for (const taken of [true, false]) {
          const [x, y] = refine(JMP[name], is32, a, b, taken, W);
          const left = pairs.filter(([, , jumps]) => jumps === taken);
          const what = (): string => `${show(a)} ${name} ${show(b)} ${taken}`;
          expectHolds(
            x,
            left.map((pair) => pair[0]),
            what,
          );
          expectHolds(
            y,
            left.map((pair) => pair[1]),
            what,
          );
        }
      }
    }
  });
});
