/**
 * Conditional jumps, as Linux 6.18 judges them.
 *
 * Decided: by ranges of the compared width (for equality, also by the tnum's known bits and, in 64 bits, by the halves'
 * ranges); JSET by the tnum, when either side is constant.
 *
 * Learned, on each side, then synced:
 * - `==`: both get the common ranges and the common tnum; of 64 bits, the halves' ranges are not exchanged;
 * - `!=` a constant: an end that equals it moves by one (of the compared width only);
 * - orders: the greatest of the less and the least of the greater;
 * - `& constant` not zero, one bit: the bit is one; zero: those bits are zero, and all ranges start over from the tnum;
 * - 32-bit comparisons change only the lower half.
 */
import { JMP } from '../isa/index.ts';
import { sync } from './sync.ts';
import {
  anyRange,
  isExact,
  lessS,
  lessU,
  lowerS,
  lowerU,
  MASK,
  raiseS,
  raiseU,
  SMAX,
  SMAX32,
  SMIN,
  SMIN32,
  UMAX,
  UMAX32,
  UMIN,
  UMIN32,
  VALUE,
  type Words,
} from './words.ts';

/** Certainly, certainly not, or cannot tell. */
export type Verdict = 1 | 0 | -1;

const not = (v: Verdict): Verdict => (v === -1 ? -1 : v === 1 ? 0 : 1);

// --- deciding: scalars are offsets `a`, `b` into the arena ------------------------------------------------------------

/** Whether number `a`'s field is certainly below that of `b`. */
const below = (m: Words, a: number, b: number, signed: boolean): boolean =>
  signed ? lessS(m[a], m[a + 1], m[b], m[b + 1]) : lessU(m[a], m[a + 1], m[b], m[b + 1]);
const below32 = (m: Words, a: number, b: number, signed: boolean): boolean =>
  signed ? m[a] < m[b] : m[a] >>> 0 < m[b] >>> 0;

/** `a > b`, of unsigned or signed ranges. */
function greater(m: Words, a: number, b: number, signed: boolean, is32: boolean): Verdict {
  if (is32) {
    const min = signed ? SMIN32 : UMIN32;
    const max = signed ? SMAX32 : UMAX32;
    if (below32(m, b + max, a + min, signed)) return 1;
    return below32(m, b + min, a + max, signed) ? -1 : 0;
  }
  const min = signed ? SMIN : UMIN;
  const max = signed ? SMAX : UMAX;
  if (below(m, b + max, a + min, signed)) return 1;
  return below(m, b + min, a + max, signed) ? -1 : 0;
}

/** Whether the ranges of one kind have nothing in common. */
const apart = (m: Words, a: number, b: number, signed: boolean): boolean => {
  const min = signed ? SMIN : UMIN;
  const max = signed ? SMAX : UMAX;
  return below(m, b + max, a + min, signed) || below(m, a + max, b + min, signed);
};
const apart32 = (m: Words, a: number, b: number, signed: boolean): boolean => {
  const min = signed ? SMIN32 : UMIN32;
  const max = signed ? SMAX32 : UMAX32;
  return below32(m, b + max, a + min, signed) || below32(m, a + max, b + min, signed);
};

function equal(m: Words, a: number, b: number, is32: boolean): Verdict {
  const lo = ((m[a] ^ m[b]) & ~m[a + MASK] & ~m[b + MASK]) | 0;
  const hi = is32 ? 0 : (m[a + 1] ^ m[b + 1]) & ~m[a + MASK + 1] & ~m[b + MASK + 1];
  if (lo !== 0 || hi !== 0) return 0;
  const unknown = m[a + MASK] | m[b + MASK] | (is32 ? 0 : m[a + MASK + 1] | m[b + MASK + 1]);
  if (unknown === 0) return 1;
  if (is32) {
    if (m[a + UMIN32] === m[a + UMAX32] && m[b + UMIN32] === m[b + UMAX32])
      return m[a + UMIN32] === m[b + UMIN32] ? 1 : 0;
    return apart32(m, a, b, false) || apart32(m, a, b, true) ? 0 : -1;
  }
  if (isPoint(m, a) && isPoint(m, b)) return m[a + UMIN] === m[b + UMIN] && m[a + UMIN + 1] === m[b + UMIN + 1] ? 1 : 0;
  if (apart(m, a, b, false) || apart(m, a, b, true)) return 0;
  return apart32(m, a, b, false) || apart32(m, a, b, true) ? 0 : -1;
}

const isPoint = (m: Words, a: number): boolean => m[a + UMIN] === m[a + UMAX] && m[a + UMIN + 1] === m[a + UMAX + 1];

/** `a & b` against zero, where either is constant. */
function bitsSet(m: Words, a: number, b: number, is32: boolean): Verdict {
  if (m[b + MASK] !== 0 || (!is32 && m[b + MASK + 1] !== 0))
    return m[a + MASK] === 0 && (is32 || m[a + MASK + 1] === 0) ? bitsSet(m, b, a, is32) : -1;
  const upper = is32 ? 0 : m[b + 1];
  if ((m[a] & m[b]) !== 0 || (m[a + 1] & upper) !== 0) return 1;
  return (m[a + MASK] & m[b]) !== 0 || (m[a + MASK + 1] & upper) !== 0 ? -1 : 0;
}

/** Whether `if a op b` jumps. */
export function branchTaken(op: number, is32: boolean, m: Words, a: number, b: number): Verdict {
  switch (op) {
    case JMP.JEQ:
      return equal(m, a, b, is32);
    case JMP.JNE:
      return not(equal(m, a, b, is32));
    case JMP.JSET:
      return bitsSet(m, a, b, is32);
    case JMP.JGT:
    case JMP.JSGT:
      return greater(m, a, b, op === JMP.JSGT, is32);
    case JMP.JLE:
    case JMP.JSLE:
      return not(greater(m, a, b, op === JMP.JSLE, is32));
    case JMP.JLT:
    case JMP.JSLT:
      return greater(m, b, a, op === JMP.JSLT, is32);
    case JMP.JGE:
    case JMP.JSGE:
      return not(greater(m, b, a, op === JMP.JSGE, is32));
    default:
      return -1;
  }
}

// --- learning: scalars are drafts, changed in place ------------------------------------------------------------------

const lowIsConst = (r: Words, is32: boolean): boolean => r[MASK] === 0 && (is32 || r[MASK + 1] === 0);

/** The tnum of both sides, of one word, where they are equal. */
function shareTnum(a: Words, b: Words, at: number): void {
  const mask = a[MASK + at] & b[MASK + at];
  const value = (a[VALUE + at] | b[VALUE + at]) & ~mask;
  a[MASK + at] = b[MASK + at] = mask;
  a[VALUE + at] = b[VALUE + at] = value;
}

function learnEqual(a: Words, b: Words, is32: boolean): void {
  shareTnum(a, b, 0);
  if (is32) {
    a[SMIN32] = b[SMIN32] = Math.max(a[SMIN32], b[SMIN32]);
    a[SMAX32] = b[SMAX32] = Math.min(a[SMAX32], b[SMAX32]);
    a[UMIN32] = b[UMIN32] = Math.max(a[UMIN32] >>> 0, b[UMIN32] >>> 0);
    a[UMAX32] = b[UMAX32] = Math.min(a[UMAX32] >>> 0, b[UMAX32] >>> 0);
    return;
  }
  shareTnum(a, b, 1);
  raiseU(a, UMIN, b[UMIN], b[UMIN + 1]);
  lowerU(a, UMAX, b[UMAX], b[UMAX + 1]);
  raiseS(a, SMIN, b[SMIN], b[SMIN + 1]);
  lowerS(a, SMAX, b[SMAX], b[SMAX + 1]);
  for (let i = SMIN; i < SMIN32; i++) b[i] = a[i];
}

/** Adds 1 or -1 to a 64-bit word. */
function step(r: Words, at: number, by: 1 | -1): void {
  const lo = (r[at] + by) | 0;
  if (lo === (by === 1 ? 0 : -1)) r[at + 1] += by;
  r[at] = lo;
}

/** `a` is not the constant `b`. */
function learnDifferent(a: Words, b: Words, is32: boolean): void {
  if (!lowIsConst(b, is32)) return;
  const lo = b[VALUE];
  if (is32) {
    if (a[UMIN32] === lo) a[UMIN32]++;
    if (a[UMAX32] === lo) a[UMAX32]--;
    if (a[SMIN32] === lo) a[SMIN32]++;
    if (a[SMAX32] === lo) a[SMAX32]--;
    return;
  }
  const hi = b[VALUE + 1];
  for (const at of [UMIN, SMIN]) if (a[at] === lo && a[at + 1] === hi) step(a, at, 1);
  for (const at of [UMAX, SMAX]) if (a[at] === lo && a[at + 1] === hi) step(a, at, -1);
}

/** `a & b` is (`set`) or is not zero, with `b` constant. */
function learnBits(a: Words, b: Words, set: boolean, is32: boolean): void {
  if (!lowIsConst(b, is32)) return;
  const lo = b[VALUE];
  const hi = is32 ? 0 : b[VALUE + 1];
  if (set) {
    const oneBit = hi === 0 ? lo !== 0 && (lo & (lo - 1)) === 0 : lo === 0 && (hi & (hi - 1)) === 0;
    if (!oneBit) return;
    a[VALUE] |= lo;
    a[VALUE + 1] |= hi;
  } else {
    anyRange(a);
    a[VALUE] &= ~lo;
    a[VALUE + 1] &= ~hi;
  }
  a[MASK] &= ~lo;
  a[MASK + 1] &= ~hi;
}

const edge = new Int32Array(2);

/** `a <= b`, or `a < b` when `gap` is 1: in place on `a`'s greatest and `b`'s least. Wraps where the kernel's does. */
function learnAtMost(a: Words, b: Words, signed: boolean, gap: 0 | 1, is32: boolean): void {
  if (is32) {
    if (signed) {
      const most = b[SMAX32] - gap;
      const least = a[SMIN32] + gap;
      a[SMAX32] = Math.min(a[SMAX32], most);
      b[SMIN32] = Math.max(b[SMIN32], least);
    } else {
      const most = (b[UMAX32] >>> 0) - gap;
      const least = (a[UMIN32] >>> 0) + gap;
      a[UMAX32] = Math.min(a[UMAX32] >>> 0, most);
      b[UMIN32] = Math.max(b[UMIN32] >>> 0, least);
    }
    return;
  }
  const max = signed ? SMAX : UMAX;
  const min = signed ? SMIN : UMIN;
  const leastLo = a[min];
  const leastHi = a[min + 1];
  moved(b[max], b[max + 1], gap === 1 ? -1 : 0);
  (signed ? lowerS : lowerU)(a, max, edge[0], edge[1]);
  moved(leastLo, leastHi, gap);
  (signed ? raiseS : raiseU)(b, min, edge[0], edge[1]);
}

function moved(lo: number, hi: number, by: 0 | 1 | -1): void {
  edge[0] = lo;
  edge[1] = hi;
  if (by !== 0) step(edge, 0, by);
}

function learn(op: number, a: Words, b: Words, is32: boolean, taken: boolean): void {
  switch (op) {
    case JMP.JEQ:
    case JMP.JNE:
      if ((op === JMP.JEQ) === taken) learnEqual(a, b, is32);
      else if (lowIsConst(b, is32)) learnDifferent(a, b, is32);
      else learnDifferent(b, a, is32);
      return;
    case JMP.JSET:
      return lowIsConst(b, is32) ? learnBits(a, b, taken, is32) : learnBits(b, a, taken, is32);
    case JMP.JGT:
    case JMP.JSGT:
      return taken ? learnAtMost(b, a, op === JMP.JSGT, 1, is32) : learnAtMost(a, b, op === JMP.JSGT, 0, is32);
    case JMP.JGE:
    case JMP.JSGE:
      return taken ? learnAtMost(b, a, op === JMP.JSGE, 0, is32) : learnAtMost(a, b, op === JMP.JSGE, 1, is32);
    case JMP.JLT:
    case JMP.JSLT:
      return taken ? learnAtMost(a, b, op === JMP.JSLT, 1, is32) : learnAtMost(b, a, op === JMP.JSLT, 0, is32);
    case JMP.JLE:
    case JMP.JSLE:
      return taken ? learnAtMost(a, b, op === JMP.JSLE, 0, is32) : learnAtMost(b, a, op === JMP.JSLE, 1, is32);
  }
}

/** Both drafts after `if a op b` was or was not taken. Only for jumps that are not decided. */
export function refine(op: number, is32: boolean, a: Words, b: Words, taken: boolean): void {
  learn(op, a, b, is32, taken);
  // One number has nothing to learn.
  if (!isExact(a, 0)) sync(a);
  if (!isExact(b, 0)) sync(b);
}
