/**
 * The store against the reference, on random 64-bit numbers: everything that it answers is what plain BigInt arithmetic
 * answers, first computed and then remembered; contradictory numbers included. fast-check prints the seed of a failure.
 */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ALU, JMP } from '../isa/index.ts';
import * as arithmetic from './reference/alu.ts';
import * as jumps from './reference/branch.ts';
import * as ref from './reference/scalar.ts';
import type { Scalar } from './reference/scalar.ts';
import { tnumIntersect, tnumIsAligned } from './reference/tnum.ts';
import { ScalarStore } from './store.ts';

const store = new ScalarStore();
beforeEach(() => store.reset());

const EDGES = [0n, 7n, 8n, 15n, 16n, 31n, 32n, 33n, 47n, 52n, 53n, 54n, 62n, 63n].map((n) => 1n << n);
const edge = fc
  .tuple(fc.constantFrom(...EDGES), fc.bigInt(-3n, 3n), fc.boolean())
  .map(([power, near, negative]) => (negative ? -(power + near) : power + near));
const number64 = fc
  .oneof(edge, fc.bigInt(-20n, 20n), fc.bigInt(0n, (1n << 64n) - 1n))
  .map((v) => BigInt.asUintN(64, v));

/**
 * Ranges and tnum of some numbers, each on its own, so never contradictory; `synced` or not, as what is left after the
 * kernel forgot the ranges of a contradictory number.
 */
const scalarOf = (synced: boolean): fc.Arbitrary<Scalar> =>
  fc
    .tuple(fc.array(number64, { minLength: 1, maxLength: 3 }), number64, fc.nat(31))
    .map(([values, unknownBits, parts]) => {
      const of = (f: (v: bigint) => bigint): [bigint, bigint] => {
        const all = values.map(f);
        return [all.reduce(ref.minBig), all.reduce(ref.maxBig)];
      };
      const draft = { ...ref.unknown() };
      const mask = values.reduce((m, v) => m | (v ^ values[0]), parts & 2 ? 0n : unknownBits);
      if (parts & 1) draft.tnum = { value: values[0] & ~mask, mask };
      if (parts & 2) [draft.umin, draft.umax] = of((v) => v);
      if (parts & 4) [draft.smin, draft.smax] = of((v) => BigInt.asIntN(64, v));
      if (parts & 8) [draft.umin32, draft.umax32] = of((v) => BigInt.asUintN(32, v));
      if (parts & 16) [draft.smin32, draft.smax32] = of((v) => BigInt.asIntN(32, v));
      return synced ? ref.sync(draft) : draft;
    });

const number32 = number64.map((v) => BigInt.asIntN(32, v));
/** Anything at all: contradictions too, which are told and then never computed with. */
const wild: fc.Arbitrary<Scalar> = fc
  .tuple(number64, number64, number64, number64, number64, number64, number32, number32, number32, number32)
  .map(([umin, umax, smin, smax, value, mask, a, b, smin32, smax32]) => ({
    tnum: { value: value & ~mask, mask },
    umin,
    umax,
    smin: BigInt.asIntN(64, smin),
    smax: BigInt.asIntN(64, smax),
    umin32: BigInt.asUintN(32, a),
    umax32: BigInt.asUintN(32, b),
    smin32,
    smax32,
  }));
const constant = number64.map((v) => ref.constant(v));
const shiftAmount = fc.bigInt(0n, 66n).map((v) => ref.constant(v));
const spread = fc.constantFrom(
  ref.sync({ ...ref.unknown(), smin: -1n, smax: 0n }),
  ref.sync({ ...ref.unknown(), smin32: -1n, smax32: 0n }),
);
const anyScalar = fc.oneof(
  { weight: 6, arbitrary: scalarOf(true) },
  { weight: 2, arbitrary: constant },
  { weight: 1, arbitrary: scalarOf(false) },
);
const operand = fc.oneof({ weight: 6, arbitrary: anyScalar }, { weight: 1, arbitrary: shiftAmount });

const RUNS = { numRuns: 800 };
const same = (h: number, expected: Scalar): void => expect(store.scalar(h)).toEqual(expected);
/** Twice: computed, then remembered. */
const twice = (ask: () => number, expected: Scalar): void => {
  const first = ask();
  same(first, expected);
  expect(ask()).toBe(first);
};

describe('the store equals the reference', () => {
  it('keeps what it is given, equal numbers in equal handles', () => {
    fc.assert(
      fc.property(fc.oneof(anyScalar, wild), (a) => {
        const h = store.intern(a);
        same(h, a);
        expect(store.intern({ ...a, tnum: { ...a.tnum } })).toBe(h);
        expect(store.violation(h)).toBe(ref.violation(a));
        same(store.unbounded(h), ref.unbounded(a));
      }),
      RUNS,
    );
  });

  it.each(Object.entries(ALU).filter(([name]) => !['NEG', 'MOV', 'END'].includes(name)))('%s', (_name, op) => {
    fc.assert(
      fc.property(anyScalar, operand, (a, b) => {
        const [x, y] = [store.intern(a), store.intern(b)];
        twice(() => store.alu64(op, 0, x, y), arithmetic.alu(op, false, 0, a, b));
        twice(() => store.alu32(op, 0, x, y), arithmetic.alu(op, true, 0, a, b));
      }),
      RUNS,
    );
  });

  it('of constants', () => {
    const op = fc.constantFrom(
      ...Object.values(ALU).filter((code) => ![ALU.NEG, ALU.MOV, ALU.END].includes(code as never)),
    );
    fc.assert(
      fc.property(op, constant, fc.oneof(constant, shiftAmount), (code, a, b) => {
        const [x, y] = [store.intern(a), store.intern(b)];
        twice(() => store.alu64(code, 0, x, y), arithmetic.alu(code, false, 0, a, b));
        twice(() => store.alu32(code, 0, x, y), arithmetic.alu(code, true, 0, a, b));
      }),
      RUNS,
    );
  });

  it('negation, moves, conversions, pointer offsets', () => {
    fc.assert(
      fc.property(anyScalar, operand, (a, b) => {
        const [x, y] = [store.intern(a), store.intern(b)];
        twice(() => store.neg64(x), arithmetic.neg(false, a));
        twice(() => store.neg32(x), arithmetic.neg(true, a));
        twice(() => store.zext32(x), ref.zext(a));
        for (const bytes of [1, 2, 4, 8]) twice(() => store.truncate(x, bytes), ref.truncate(a, bytes * 8));
        for (const bits of [8, 16, 32]) twice(() => store.movsx(bits, true, x), ref.signExtend(a, bits, 64));
        for (const bits of [8, 16]) twice(() => store.movsx(bits, false, x), ref.signExtend(a, bits, 32));
        for (const bits of [16, 32, 64]) twice(() => store.bswap(bits, x), ref.bswap(a, bits));
        for (const bits of [16, 32]) twice(() => store.toLe(bits, x), ref.truncate(a, bits));
        twice(() => store.toLe(64, x), ref.sync(a));
        for (const op of [ALU.ADD, ALU.SUB])
          twice(() => store.pointerOffset(op, x, y), arithmetic.pointerOffset(op, a, b));
      }),
      RUNS,
    );
  });

  it('spread signs', () => {
    const op = fc.constantFrom(ALU.AND, ALU.OR, ALU.XOR);
    fc.assert(
      fc.property(op, fc.oneof(spread, anyScalar), fc.oneof(constant, anyScalar), (code, a, b) => {
        const expected = arithmetic.forks(code, a, b);
        expect(store.forks(code, store.intern(a), store.intern(b))).toBe(expected !== undefined);
        if (!expected) return;
        same(store.outA, expected[0]);
        same(store.outB, expected[1]);
      }),
      RUNS,
    );
  });

  it.each(Object.entries(JMP).filter(([name]) => !['JA', 'CALL', 'EXIT', 'JCOND'].includes(name)))(
    '%s',
    (_name, op) => {
      fc.assert(
        fc.property(anyScalar, operand, fc.boolean(), fc.boolean(), (a, b, is32, taken) => {
          const [x, y] = [store.intern(a), store.intern(b)];
          const verdict = jumps.branchTaken(op, is32, a, b);
          expect(store.branchTaken(op, is32, x, y)).toBe(verdict);
          if (verdict !== -1) return;
          const [left, right] = jumps.refine(op, is32, a, b, taken);
          for (let times = 0; times < 2; times++) {
            store.refine(op, is32, x, y, taken);
            same(store.outA, left);
            same(store.outB, right);
          }
        }),
        RUNS,
      );
    },
  );

  it('within', () => {
    fc.assert(
      fc.property(anyScalar, anyScalar, fc.boolean(), (a, b, widened) => {
        const old = widened ? ref.sync({ ...a, smin: -(1n << 63n), tnum: { value: 0n, mask: (1n << 64n) - 1n } }) : a;
        expect(store.within(store.intern(old), store.intern(b))).toBe(ref.within(old, b));
        expect(store.within(store.intern(old), store.intern(a))).toBe(ref.within(old, a));
      }),
      RUNS,
    );
  });

  it('narrowing', () => {
    fc.assert(
      fc.property(anyScalar, wild, (a, by) => {
        const h = store.intern(a);
        const { tnum, ...ranges } = by;
        same(store.withRange(h, ranges), ref.narrow(a, ranges));
        same(store.withRange(h, { umax: by.umax }), ref.narrow(a, { umax: by.umax }));
        const narrowed = ref.sync({ ...a, tnum: tnumIntersect(a.tnum, tnum) });
        same(store.intersectTnum(h, tnum.value, tnum.mask), narrowed);
      }),
      RUNS,
    );
  });
});

describe('reading', () => {
  it('constants come in three forms', () => {
    fc.assert(
      fc.property(number64, (v) => {
        const h = store.constant(v);
        same(h, ref.constant(v));
        expect(store.constant(BigInt.asIntN(64, v))).toBe(h);
        expect(store.constant32(Number(v & 0xffffffffn), Number(v >> 32n))).toBe(h);
        const n = Number(BigInt.asIntN(64, v));
        if (Number.isSafeInteger(n)) {
          expect(store.constantNumber(n)).toBe(h);
          expect(store.constNumber(h)).toBe(n);
        } else if (Math.abs(n) > 2 ** 53) expect(store.constNumber(h)).toBeNaN();
        expect(store.isConst(h)).toBe(true);
        expect(store.constValue(h)).toBe(v);
      }),
      RUNS,
    );
    expect(store.constantNumber(0)).toBe(store.ZERO);
    expect(store.fromSize(8)).toBe(store.UNKNOWN);
  });

  it('ranges as doubles are exact, or the nearest beyond', () => {
    fc.assert(
      fc.property(anyScalar, (a) => {
        const h = store.intern(a);
        for (const [n, exact, up] of [
          [store.sminN(h), a.smin, false],
          [store.smaxN(h), a.smax, true],
          [store.uminN(h), a.umin, false],
          [store.umaxN(h), a.umax, true],
        ] as const) {
          if (BigInt.asIntN(54, exact) === exact) expect(BigInt(n)).toBe(exact);
          const error = up ? BigInt(n) - exact : exact - BigInt(n);
          expect(error >= 0n && error < 0x800n, `${exact} as ${n}`).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('loads are of their size', () => {
    for (const bytes of [1, 2, 4, 8]) {
      same(store.fromSize(bytes), ref.loaded(bytes * 8));
      same(store.fromSizeSigned(bytes), bytes === 8 ? ref.unknown() : ref.signExtend(ref.unknown(), bytes * 8, 64));
    }
  });

  it('alignment', () => {
    fc.assert(
      fc.property(anyScalar, fc.integer({ min: -4096, max: 4096 }), fc.constantFrom(1, 2, 4, 8), (a, off, size) => {
        const sum = ref.addOffset(a.tnum, BigInt(off));
        expect(store.tnumIsAligned(store.intern(a), off, size)).toBe(tnumIsAligned(sum, BigInt(size)));
      }),
      RUNS,
    );
  });

  it('grows, and starts over', () => {
    const handles = Array.from({ length: 50_000 }, (_, i) => store.constantNumber(i * 7919));
    expect(new Set(handles).size).toBe(50_000);
    expect(handles.every((h, i) => store.constNumber(h) === i * 7919)).toBe(true);
    store.reset();
    expect(store.scalar(store.UNKNOWN)).toEqual(ref.unknown());
    expect(store.scalar(store.ZERO)).toEqual(ref.constant(0n));
    same(
      store.alu64(ALU.ADD, 0, store.constantNumber(3), store.fromSize(1)),
      arithmetic.alu(ALU.ADD, false, 0, ref.constant(3n), ref.loaded(8)),
    );
  });
});
