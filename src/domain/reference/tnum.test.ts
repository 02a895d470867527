/** Every operator of the reference, on all tristate numbers of four bits: sound, and as tight as the paper proves. */
import { describe, expect, it } from 'vitest';
import * as t from './tnum.ts';
import type { Tnum } from './tnum.ts';

const BITS = 4;
const SIZE = 1n << BigInt(BITS);
const numbers = Array.from({ length: Number(SIZE) }, (_, i) => BigInt(i));
const all: Tnum[] = numbers.flatMap((mask) =>
  numbers.filter((value) => (value & mask) === 0n).map((value) => ({ value, mask })),
);
const has = (a: Tnum, v: bigint): boolean => (v & ~a.mask) === a.value;
const members = new Map(all.map((a) => [a, numbers.filter((v) => has(a, v))]));
const of = (a: Tnum): readonly bigint[] => members.get(a)!;
const wrap = (v: bigint): bigint => BigInt.asUintN(BITS, v);
const wellFormed = (a: Tnum): boolean => (a.value & a.mask) === 0n && a.value < SIZE && a.mask < SIZE;

/** The tightest tnum that holds all of these. */
function abstract(values: readonly bigint[]): Tnum {
  const mask = values.reduce((m, v) => m | (v ^ values[0]), 0n);
  return { value: values[0] & ~mask, mask };
}

interface Operator {
  readonly abstract: (a: Tnum, b: Tnum) => Tnum;
  readonly concrete: (x: bigint, y: bigint) => bigint;
  /** Whether no tighter tnum holds all results. */
  readonly optimal: boolean;
}

const OPERATORS: Record<string, Operator> = {
  add: { abstract: (a, b) => t.tnumAdd(a, b, BITS), concrete: (x, y) => wrap(x + y), optimal: true },
  sub: { abstract: (a, b) => t.tnumSub(a, b, BITS), concrete: (x, y) => wrap(x - y), optimal: true },
  and: { abstract: t.tnumAnd, concrete: (x, y) => x & y, optimal: true },
  or: { abstract: t.tnumOr, concrete: (x, y) => x | y, optimal: true },
  xor: { abstract: t.tnumXor, concrete: (x, y) => x ^ y, optimal: true },
  mul: { abstract: (a, b) => t.tnumMul(a, b, BITS), concrete: (x, y) => wrap(x * y), optimal: false },
};

describe.each(Object.entries(OPERATORS))('%s of two', (_name, op) => {
  it('holds every result, and no more where that is possible', () => {
    for (const a of all) {
      for (const b of all) {
        const result = op.abstract(a, b);
        const values = of(a).flatMap((x) => of(b).map((y) => op.concrete(x, y)));
        if (!wellFormed(result) || !values.every((v) => has(result, v))) expect.fail(`unsound: ${show(a)} ${show(b)}`);
        const tightest = abstract(values);
        if (op.optimal && (result.value !== tightest.value || result.mask !== tightest.mask))
          expect.fail(`loose: ${show(a)} ${show(b)} gives ${show(result)}`);
      }
    }
  });
});

const show = (a: Tnum): string => `(${a.value}; ${a.mask})`;

describe('operators of one', () => {
  const shifts = numbers.filter((n) => n < BigInt(BITS));
  const signed = (v: bigint): bigint => BigInt.asIntN(BITS, v);

  it('shifts are exact', () => {
    for (const a of all) {
      for (const n of shifts) {
        expect(t.tnumLsh(a, n, BITS)).toEqual(abstract(of(a).map((v) => wrap(v << n))));
        expect(t.tnumRsh(a, n)).toEqual(abstract(of(a).map((v) => v >> n)));
        expect(t.tnumArsh(a, n, BITS)).toEqual(abstract(of(a).map((v) => wrap(signed(v) >> n))));
      }
    }
  });

  it('negation and cast are exact', () => {
    for (const a of all) {
      expect(t.tnumNeg(a, BITS)).toEqual(abstract(of(a).map((v) => wrap(-v))));
      for (const bits of [1, 2, 3, 4]) {
        expect(t.tnumCast(a, bits)).toEqual(abstract(of(a).map((v) => BigInt.asUintN(bits, v))));
      }
    }
  });

  it('replacing the low bits is exact', () => {
    for (const a of all) {
      for (const low of all) {
        const values = of(a).flatMap((x) => of(low).map((y) => (x & ~3n) | (y & 3n)));
        expect(t.tnumWithLow(a, low, 2)).toEqual(abstract(values));
      }
    }
  });

  it('a byte swap reverses bytes', () => {
    const a = { value: 0x1200n, mask: 0x00ff_0034n };
    expect(t.tnumBswap(a, 16)).toEqual({ value: 0x0012n, mask: 0x3400n });
    expect(t.tnumBswap(a, 32)).toEqual({ value: 0x0012_0000n, mask: 0x3400_ff00n });
    expect(t.tnumBswap(a, 64)).toEqual({ value: 0x0012_0000n << 32n, mask: 0x3400_ff00n << 32n });
  });

  it('the next number is the next', () => {
    for (const a of all) {
      for (const v of numbers) {
        const greatest = a.value | a.mask;
        const next = of(a).find((x) => x > v) ?? greatest;
        expect(t.tnumNext(a, v, BITS), `${show(a)} above ${v}`).toBe(next);
      }
    }
  });

  it('alignment is that of every number', () => {
    for (const a of all) {
      for (const size of [1n, 2n, 4n, 8n]) expect(t.tnumIsAligned(a, size)).toBe(of(a).every((v) => v % size === 0n));
    }
  });
});

describe('sets', () => {
  it('a range becomes the leading bits that its ends share', () => {
    for (const min of numbers) {
      for (const max of numbers.filter((v) => v >= min)) {
        const mask = [0n, 1n, 3n, 7n, 15n].find((low) => (min & ~low) === (max & ~low))!;
        expect(t.tnumRange(min, max, BITS)).toEqual({ value: min & ~mask, mask });
      }
    }
  });

  it('union, intersection, inclusion and overlap', () => {
    for (const a of all) {
      for (const b of all) {
        const both = of(a).filter((v) => has(b, v));
        expect(t.tnumUnion(a, b)).toEqual(abstract([...of(a), ...of(b)]));
        expect(t.tnumIn(a, b)).toBe(of(b).every((v) => has(a, v)));
        expect(t.tnumOverlap(a, b)).toBe(both.length > 0);
        if (both.length > 0) expect(t.tnumIntersect(a, b)).toEqual(abstract(both));
        else expect(wellFormed(t.tnumIntersect(a, b))).toBe(true);
      }
    }
  });
});
