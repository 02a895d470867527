/**
 * Conditional jumps on what is known of two numbers: whether the jump is decided, and what each outcome teaches about
 * both sides. Comparisons of the lower halves (`is32`) refine only the 32-bit ranges and the low bits, then sync.
 */
import { JMP } from '../../isa/index.ts';
import { maxBig, minBig, sync, unknown, W64, type Draft, type Scalar, type Width } from './scalar.ts';
import { tnumCast, tnumIntersect, tnumIsConst, tnumOverlap, tnumWithLow, type Tnum } from './tnum.ts';

/** Certainly, certainly not, or cannot tell. */
export type Verdict = 1 | 0 | -1;

interface Side {
  readonly tnum: Tnum;
  readonly umin: bigint;
  readonly umax: bigint;
  readonly smin: bigint;
  readonly smax: bigint;
}

const side = (a: Scalar, is32: boolean, w: Width): Side =>
  is32 ? { tnum: tnumCast(a.tnum, w.half), umin: a.umin32, umax: a.umax32, smin: a.smin32, smax: a.smax32 } : a;

const not = (v: Verdict): Verdict => (v === -1 ? -1 : v === 1 ? 0 : 1);

function equal(a: Scalar, b: Scalar, is32: boolean, w: Width): Verdict {
  const x = side(a, is32, w);
  const y = side(b, is32, w);
  if (tnumIsConst(x.tnum) && tnumIsConst(y.tnum)) return x.tnum.value === y.tnum.value ? 1 : 0;
  if (!tnumOverlap(x.tnum, y.tnum)) return 0;
  if (x.umin === x.umax && y.umin === y.umax) return x.umin === y.umin ? 1 : 0;
  if (x.umin > y.umax || x.umax < y.umin || x.smin > y.smax || x.smax < y.smin) return 0;
  if (!is32) {
    if (a.umin32 > b.umax32 || a.umax32 < b.umin32 || a.smin32 > b.smax32 || a.smax32 < b.smin32) return 0;
  }
  return -1;
}

/** `x & y` against zero, where either is constant. */
function bitsSet(x: Side, y: Side): Verdict {
  if (!tnumIsConst(y.tnum)) return tnumIsConst(x.tnum) ? bitsSet(y, x) : -1;
  if (x.tnum.value & y.tnum.value) return 1;
  return (x.tnum.value | x.tnum.mask) & y.tnum.value ? -1 : 0;
}

/** x > y, from ranges. */
const greater = (xmin: bigint, xmax: bigint, ymin: bigint, ymax: bigint): Verdict =>
  xmin > ymax ? 1 : xmax <= ymin ? 0 : -1;

/** Whether `if a op b` jumps. */
export function branchTaken(op: number, is32: boolean, a: Scalar, b: Scalar, w: Width = W64): Verdict {
  const x = side(a, is32, w);
  const y = side(b, is32, w);
  switch (op) {
    case JMP.JEQ:
      return equal(a, b, is32, w);
    case JMP.JNE:
      return not(equal(a, b, is32, w));
    case JMP.JSET:
      return bitsSet(x, y);
    case JMP.JGT:
      return greater(x.umin, x.umax, y.umin, y.umax);
    case JMP.JLE:
      return not(greater(x.umin, x.umax, y.umin, y.umax));
    case JMP.JLT:
      return greater(y.umin, y.umax, x.umin, x.umax);
    case JMP.JGE:
      return not(greater(y.umin, y.umax, x.umin, x.umax));
    case JMP.JSGT:
      return greater(x.smin, x.smax, y.smin, y.smax);
    case JMP.JSLE:
      return not(greater(x.smin, x.smax, y.smin, y.smax));
    case JMP.JSLT:
      return greater(y.smin, y.smax, x.smin, x.smax);
    case JMP.JSGE:
      return not(greater(y.smin, y.smax, x.smin, x.smax));
    default:
      return -1;
  }
}

// --- refinement -------------------------------------------------------------------------------------------------------

/** Equality: both have what either has; of the whole registers, not also of their lower halves. */
function learnEqual(a: Draft, b: Draft, is32: boolean, w: Width): void {
  if (is32) {
    a.umin32 = b.umin32 = maxBig(a.umin32, b.umin32);
    a.umax32 = b.umax32 = minBig(a.umax32, b.umax32);
    a.smin32 = b.smin32 = maxBig(a.smin32, b.smin32);
    a.smax32 = b.smax32 = minBig(a.smax32, b.smax32);
    const low = tnumIntersect(tnumCast(a.tnum, w.half), tnumCast(b.tnum, w.half));
    a.tnum = tnumWithLow(a.tnum, low, w.half);
    b.tnum = tnumWithLow(b.tnum, low, w.half);
    return;
  }
  a.umin = b.umin = maxBig(a.umin, b.umin);
  a.umax = b.umax = minBig(a.umax, b.umax);
  a.smin = b.smin = maxBig(a.smin, b.smin);
  a.smax = b.smax = minBig(a.smax, b.smax);
  a.tnum = b.tnum = tnumIntersect(a.tnum, b.tnum);
}

/** `a` is not the constant `b`: an end of a range that equals it moves by one. */
function learnDifferent(a: Draft, b: Scalar, is32: boolean, w: Width): void {
  if (is32) {
    const low = tnumCast(b.tnum, w.half);
    if (!tnumIsConst(low)) return;
    const s = BigInt.asIntN(w.half, low.value);
    if (a.umin32 === low.value) a.umin32++;
    if (a.umax32 === low.value) a.umax32--;
    if (a.smin32 === s) a.smin32++;
    if (a.smax32 === s) a.smax32--;
    return;
  }
  if (!tnumIsConst(b.tnum)) return;
  const s = BigInt.asIntN(w.bits, b.tnum.value);
  if (a.umin === b.tnum.value) a.umin++;
  if (a.umax === b.tnum.value) a.umax--;
  if (a.smin === s) a.smin++;
  if (a.smax === s) a.smax--;
}

/** `a & b` is (`set`) or is not zero, with `b` constant: one bit known one, or all known zero. */
function learnBits(a: Draft, b: Scalar, set: boolean, is32: boolean, w: Width): void {
  const low = is32 ? tnumCast(b.tnum, w.half) : b.tnum;
  if (!tnumIsConst(low)) return;
  const bits = low.value;
  const oneBit = bits !== 0n && (bits & (bits - 1n)) === 0n;
  if (set && !oneBit) return;
  if (!set) Object.assign(a, { ...unknown(w), tnum: a.tnum });
  const known: Tnum = is32 ? tnumCast(a.tnum, w.half) : a.tnum;
  const learned = { value: set ? known.value | bits : known.value & ~bits, mask: known.mask & ~bits };
  a.tnum = is32 ? tnumWithLow(a.tnum, learned, w.half) : learned;
}

/** `a <= b` (or `a < b` when `gap` is 1), unsigned or signed. */
function learnAtMost(a: Draft, b: Draft, signed: boolean, gap: bigint, is32: boolean): void {
  if (is32) {
    if (signed) {
      a.smax32 = minBig(a.smax32, b.smax32 - gap);
      b.smin32 = maxBig(a.smin32 + gap, b.smin32);
    } else {
      a.umax32 = minBig(a.umax32, b.umax32 - gap);
      b.umin32 = maxBig(a.umin32 + gap, b.umin32);
    }
  } else if (signed) {
    a.smax = minBig(a.smax, b.smax - gap);
    b.smin = maxBig(a.smin + gap, b.smin);
  } else {
    a.umax = minBig(a.umax, b.umax - gap);
    b.umin = maxBig(a.umin + gap, b.umin);
  }
}

function learn(op: number, a: Draft, b: Draft, is32: boolean, taken: boolean, w: Width): void {
  switch (op) {
    case JMP.JEQ:
    case JMP.JNE:
      if ((op === JMP.JEQ) === taken) learnEqual(a, b, is32, w);
      else if (tnumIsConst(is32 ? tnumCast(b.tnum, w.half) : b.tnum)) learnDifferent(a, b, is32, w);
      else learnDifferent(b, a, is32, w);
      return;
    case JMP.JSET:
      if (tnumIsConst(is32 ? tnumCast(b.tnum, w.half) : b.tnum)) learnBits(a, b, taken, is32, w);
      else learnBits(b, a, taken, is32, w);
      return;
    case JMP.JGT:
    case JMP.JSGT:
      return taken ? learnAtMost(b, a, op === JMP.JSGT, 1n, is32) : learnAtMost(a, b, op === JMP.JSGT, 0n, is32);
    case JMP.JGE:
    case JMP.JSGE:
      return taken ? learnAtMost(b, a, op === JMP.JSGE, 0n, is32) : learnAtMost(a, b, op === JMP.JSGE, 1n, is32);
    case JMP.JLT:
    case JMP.JSLT:
      return taken ? learnAtMost(a, b, op === JMP.JSLT, 1n, is32) : learnAtMost(b, a, op === JMP.JSLT, 0n, is32);
    case JMP.JLE:
    case JMP.JSLE:
      return taken ? learnAtMost(a, b, op === JMP.JSLE, 0n, is32) : learnAtMost(b, a, op === JMP.JSLE, 1n, is32);
  }
}

/** Both sides after `if a op b` was or was not taken. Only for jumps that are not decided. */
export function refine(
  op: number,
  is32: boolean,
  a: Scalar,
  b: Scalar,
  taken: boolean,
  w: Width = W64,
): readonly [Scalar, Scalar] {
  const x: Draft = { ...a };
  const y: Draft = { ...b };
  learn(op, x, y, is32, taken, w);
  return [sync(x, w), sync(y, w)];
}

/** The number after `if a op a` of one register with itself, which the kernel refines as two sides that are one. */
export function refineSame(op: number, is32: boolean, a: Scalar, taken: boolean, w: Width = W64): Scalar {
  const x: Draft = { ...a };
  learn(op, x, x, is32, taken, w);
  return sync(sync(x, w), w);
}
