/**
 * Arithmetic on what is known of two numbers, as Linux 6.18's verifier does it: each operator computes the tnum, the ranges
 * of the whole register and those of its lower half, and then lets them learn from each other (`sync`).
 *
 * Always unknown afterwards: DIV, MOD, END, shifts by an amount that is unknown or not smaller than the operand.
 */
import { ALU } from '../../isa/index.ts';
import {
  constant,
  isConst,
  maxBig,
  minBig,
  sync,
  unknown,
  W64,
  zeroExtendHalf,
  type Draft,
  type Scalar,
  type Width,
} from './scalar.ts';
import * as tnum from './tnum.ts';

type Range = readonly [min: bigint, max: bigint];

/** The four ranges of a scalar, apart from its tnum, by width and sign. */
interface View {
  readonly bits: number;
  readonly tnum: tnum.Tnum;
  readonly u: Range;
  readonly s: Range;
}

const whole = (a: Scalar, w: Width): View => ({ bits: w.bits, tnum: a.tnum, u: [a.umin, a.umax], s: [a.smin, a.smax] });
const half = (a: Scalar, w: Width): View => ({
  bits: w.half,
  tnum: tnum.tnumCast(a.tnum, w.half),
  u: [a.umin32, a.umax32],
  s: [a.smin32, a.smax32],
});

const anyUnsigned = (bits: number): Range => [0n, (1n << BigInt(bits)) - 1n];
const anySigned = (bits: number): Range => [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n];

interface Ranges {
  readonly u: Range;
  readonly s: Range;
}

/** A signed range, or all if an end does not fit. */
function fitSigned(min: bigint, max: bigint, bits: number): Range {
  const [lo, hi] = anySigned(bits);
  return min < lo || max < lo || min > hi || max > hi ? [lo, hi] : [min, max];
}

/** An unsigned range whose ends both wrapped or both did not. */
function fitWrapped(min: bigint, max: bigint, bits: number): Range {
  const wrapped = (x: bigint): boolean => BigInt.asUintN(bits, x) !== x;
  if (wrapped(min) !== wrapped(max)) return anyUnsigned(bits);
  return [BigInt.asUintN(bits, min), BigInt.asUintN(bits, max)];
}

const add = (a: View, b: View): Ranges => ({
  u: fitWrapped(a.u[0] + b.u[0], a.u[1] + b.u[1], a.bits),
  s: fitSigned(a.s[0] + b.s[0], a.s[1] + b.s[1], a.bits),
});

const sub = (a: View, b: View): Ranges => ({
  u: fitWrapped(a.u[0] - b.u[1], a.u[1] - b.u[0], a.bits),
  s: fitSigned(a.s[0] - b.s[1], a.s[1] - b.s[0], a.bits),
});

function mul(a: View, b: View): Ranges {
  const [, top] = anyUnsigned(a.bits);
  const umax = a.u[1] * b.u[1];
  const products = [a.s[0] * b.s[0], a.s[0] * b.s[1], a.s[1] * b.s[0], a.s[1] * b.s[1]];
  const least = products.reduce(minBig);
  const most = products.reduce(maxBig);
  return {
    u: umax > top ? anyUnsigned(a.bits) : [a.u[0] * b.u[0], umax],
    s: fitSigned(least, most, a.bits),
  };
}

/** Bitwise results: the signed range is the unsigned one where that does not cross the sign. */
function bitwise(u: Range, bits: number): Ranges {
  const lo = BigInt.asIntN(bits, u[0]);
  const hi = BigInt.asIntN(bits, u[1]);
  return { u, s: lo <= hi ? [lo, hi] : anySigned(bits) };
}

const and = (a: View, b: View, r: tnum.Tnum): Ranges => bitwise([r.value, minBig(a.u[1], b.u[1])], a.bits);
const or = (a: View, b: View, r: tnum.Tnum): Ranges => bitwise([maxBig(a.u[0], b.u[0]), r.value | r.mask], a.bits);
const xor = (a: View, _b: View, r: tnum.Tnum): Ranges => bitwise([r.value, r.value | r.mask], a.bits);

type TnumOp = (a: tnum.Tnum, b: tnum.Tnum, bits: number) => tnum.Tnum;
type RangeOp = (a: View, b: View, result: tnum.Tnum) => Ranges;

const OPERATORS = new Map<number, { readonly bits: TnumOp; readonly ranges: RangeOp }>([
  [ALU.ADD, { bits: tnum.tnumAdd, ranges: add }],
  [ALU.SUB, { bits: tnum.tnumSub, ranges: sub }],
  [ALU.MUL, { bits: tnum.tnumMul, ranges: mul }],
  [ALU.AND, { bits: tnum.tnumAnd, ranges: and }],
  [ALU.OR, { bits: tnum.tnumOr, ranges: or }],
  [ALU.XOR, { bits: tnum.tnumXor, ranges: xor }],
]);

function withRanges(t: tnum.Tnum, r64: Ranges, r32: Ranges): Draft {
  return {
    tnum: t,
    umin: r64.u[0],
    umax: r64.u[1],
    smin: r64.s[0],
    smax: r64.s[1],
    umin32: r32.u[0],
    umax32: r32.u[1],
    smin32: r32.s[0],
    smax32: r32.s[1],
  };
}

function combine(op: number, a: Scalar, b: Scalar, w: Width): Scalar {
  const { bits, ranges } = OPERATORS.get(op)!;
  const t = bits(a.tnum, b.tnum, w.bits);
  return withRanges(t, ranges(whole(a, w), whole(b, w), t), ranges(half(a, w), half(b, w), tnum.tnumCast(t, w.half)));
}

// --- shifts by a known amount -----------------------------------------------------------------------------------------

const all = (bits: number): Ranges => ({ u: anyUnsigned(bits), s: anySigned(bits) });

/** Unsigned range shifted left, or all when bits may be lost. */
function shiftedLeft(u: Range, shift: bigint, bits: number): Range {
  const lost = shift >= BigInt(bits) || u[1] > 1n << (BigInt(bits) - 1n - shift);
  return lost ? anyUnsigned(bits) : [u[0] << shift, u[1] << shift];
}

function lsh(a: Scalar, shift: bigint, w: Width): Draft {
  const [smin, smax] = anySigned(w.bits);
  const byHalf = shift === BigInt(w.half);
  const r32 = { u: shiftedLeft([a.umin32, a.umax32], shift, w.half), s: anySigned(w.half) };
  const s: Range = byHalf ? [a.smin32 << shift, a.smax32 << shift] : [smin, smax];
  return withRanges(tnum.tnumLsh(a.tnum, shift, w.bits), { u: shiftedLeft([a.umin, a.umax], shift, w.bits), s }, r32);
}

function rsh(a: Scalar, shift: bigint, w: Width): Draft {
  const u: Range = [a.umin >> shift, a.umax >> shift];
  return withRanges(tnum.tnumRsh(a.tnum, shift), { u, s: anySigned(w.bits) }, all(w.half));
}

function arsh(a: Scalar, shift: bigint, w: Width): Draft {
  const s: Range = [a.smin >> shift, a.smax >> shift];
  return withRanges(tnum.tnumArsh(a.tnum, shift, w.bits), { u: anyUnsigned(w.bits), s }, all(w.half));
}

/** Shifts of the lower half; the whole register is recomputed from it. */
function shift32(op: number, a: Scalar, shift: bigint, w: Width): Draft {
  const low = tnum.tnumCast(a.tnum, w.half);
  const r64 = all(w.bits);
  if (op === ALU.LSH) {
    const u = shiftedLeft([a.umin32, a.umax32], shift, w.half);
    return withRanges(tnum.tnumLsh(low, shift, w.half), r64, { u, s: anySigned(w.half) });
  }
  if (op === ALU.RSH) {
    const u: Range = [a.umin32 >> shift, a.umax32 >> shift];
    return withRanges(tnum.tnumRsh(low, shift), r64, { u, s: anySigned(w.half) });
  }
  const s: Range = [a.smin32 >> shift, a.smax32 >> shift];
  return withRanges(tnum.tnumArsh(low, shift, w.half), r64, { u: anyUnsigned(w.half), s });
}

/** `a op= b` of two numbers, on the whole register or (`is32`) on its lower half. `off` selects signed division. */
export function alu(op: number, is32: boolean, _off: number, a: Scalar, b: Scalar, w: Width = W64): Scalar {
  const finish = (r: Draft): Scalar => sync(is32 ? zeroExtendHalf(r, w) : r, w);
  if (OPERATORS.has(op)) {
    if (!is32 && isConst(a) && isConst(b)) return constant(OPERATORS.get(op)!.bits(a.tnum, b.tnum, w.bits).value, w);
    return finish(combine(op, a, b, w));
  }
  const bits = is32 ? w.half : w.bits;
  if (op === ALU.LSH || op === ALU.RSH || op === ALU.ARSH) {
    const known = is32 ? tnum.tnumIsConst(tnum.tnumCast(b.tnum, w.half)) : isConst(b);
    const shift = is32 ? b.umin32 : b.umin;
    if (!known || b.umax >= BigInt(bits)) return unknown(w);
    if (is32) return finish(shift32(op, a, shift, w));
    return finish(op === ALU.LSH ? lsh(a, shift, w) : op === ALU.RSH ? rsh(a, shift, w) : arsh(a, shift, w));
  }
  return unknown(w);
}

/** `a = -a`. */
export const neg = (is32: boolean, a: Scalar, w: Width = W64): Scalar => alu(ALU.SUB, is32, 0, constant(0n, w), a, w);

/**
 * `a &= b` and `a |= b` with a constant `b`, where `a` is 0 or -1 (a sign that was shifted down): the kernel walks both
 * cases. Answers `a` as -1 and as 0, or undefined.
 */
export function forks(op: number, a: Scalar, b: Scalar, w: Width = W64): readonly [Scalar, Scalar] | undefined {
  if ((op !== ALU.AND && op !== ALU.OR) || !isConst(b)) return undefined;
  if (a.smin === -1n && a.smax === 0n) return [constant(-1n, w), constant(0n, w)];
  if (a.smin32 === -1n && a.smax32 === 0n) return [withHalf(a, -1n, w), withHalf(a, 0n, w)];
  return undefined;
}

/** The lower half known; what is known of the whole is not brought up to date. */
function withHalf(a: Scalar, value: bigint, w: Width): Scalar {
  const c = constant(value, w);
  const { smin32, smax32, umin32, umax32 } = c;
  return { ...a, tnum: tnum.tnumWithLow(a.tnum, c.tnum, w.half), smin32, smax32, umin32, umax32 };
}

/** The variable offset `a` of a pointer after `pointer op= b` (ADD or SUB). */
export function pointerOffset(op: number, a: Scalar, b: Scalar, w: Width = W64): Scalar {
  const { bits, ranges } = OPERATORS.get(op)!;
  const { s } = ranges(whole(a, w), whole(b, w), a.tnum);
  const [min, max] = op === ALU.ADD ? [a.umin + b.umin, a.umax + b.umax] : [a.umin - b.umax, a.umax - b.umin];
  const u: Range = min < 0n || max > w.umax ? anyUnsigned(w.bits) : [min, max];
  return sync(withRanges(bits(a.tnum, b.tnum, w.bits), { u, s }, all(w.half)), w);
}
