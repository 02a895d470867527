/**
 * How tnum and ranges learn from each other, exactly as far as Linux 6.18 goes (its order is visible in the log):
 *
 *     ranges from tnum · 3 x (lower half · whole · whole from half) · tnum from unsigned ranges · ranges from tnum
 *
 * - Ranges from tnum: unknown bits all zero are the least number, all one the greatest. If tnum and the unsigned range
 *   have one number in common, it is the number.
 * - Lower half from the whole: when both ends share their upper half, or when it grows by one from an end with a negative
 *   lower half to one that is not negative.
 * - Signed and unsigned, for the whole and for the half: a range that does not cross the other's border is a range there;
 *   a signed one that does is two unsigned ones, of which the unsigned range may meet only one.
 * - Whole from half: the ends' lower halves may be replaced by the half's ends. If the whole fits 32 signed bits and the
 *   half is not negative, the whole is the half.
 */
import {
  lessU,
  lowerS,
  lowerU,
  MASK,
  narrowS32,
  narrowU32,
  POSITIVE,
  raiseS,
  raiseU,
  set64,
  setConstant,
  SIGN,
  SMAX,
  SMAX32,
  SMIN,
  SMIN32,
  UMAX,
  UMAX32,
  UMIN,
  UMIN32,
  VALUE,
  WORDS,
  type Words,
} from './words.ts';

// Results of `nextMember`, whose two halves cannot be returned without an allocation.
let nextLo = 0;
let nextHi = 0;

/** The least number of the tnum above `lo, hi`, or its greatest where there is none, into `nextLo, nextHi`. */
function nextMember(r: Words, lo: number, hi: number): void {
  const vLo = r[VALUE];
  const vHi = r[VALUE + 1];
  const mLo = r[MASK];
  const mHi = r[MASK + 1];
  nextLo = vLo | mLo;
  nextHi = vHi | mHi;
  if (!lessU(lo, hi, nextLo, nextHi)) return;
  // The highest known bit in which the number differs, and all below it.
  const differLo = (lo ^ vLo) & ~mLo;
  const differHi = (hi ^ vHi) & ~mHi;
  const belowHi = differHi === 0 ? 0 : -1 >>> Math.clz32(differHi);
  const belowLo = differHi !== 0 ? -1 : differLo === 0 ? 0 : -1 >>> Math.clz32(differLo);
  const isOne = differHi !== 0 ? vHi & (belowHi ^ (belowHi >>> 1)) : vLo & (belowLo ^ (belowLo >>> 1));
  if (isOne !== 0) {
    // The number has zero there: with the same bits above, every member is greater.
    nextLo = vLo | (lo & ~belowLo & mLo);
    nextHi = vHi | (hi & ~belowHi & mHi);
    return;
  }
  // Count up in the unknown bits above: known ones carry.
  const sum = ((lo | belowLo | ~mLo) + 1) | 0;
  nextLo = vLo | (sum & mLo);
  nextHi = vHi | (((hi | belowHi | ~mHi) + (sum === 0 ? 1 : 0)) & mHi);
}

/** Becomes the number that tnum and unsigned range have in common, if it is just one. */
function onlyMember(r: Words): void {
  const minLo = r[UMIN];
  const minHi = r[UMIN + 1];
  nextMember(r, minLo, minHi);
  const lo = nextLo;
  const hi = nextHi;
  const beyond = lessU(r[UMAX], r[UMAX + 1], lo, hi);
  if ((minLo & ~r[MASK]) === r[VALUE] && (minHi & ~r[MASK + 1]) === r[VALUE + 1]) {
    if (beyond) setConstant(r, minLo, minHi);
    return;
  }
  // On a path that cannot be there is none; the kernel then answers the tnum's greatest.
  if (lo === (r[VALUE] | r[MASK]) && hi === (r[VALUE + 1] | r[MASK + 1])) return setConstant(r, lo, hi);
  if (beyond) return;
  nextMember(r, lo, hi);
  if (lessU(r[UMAX], r[UMAX + 1], nextLo, nextHi)) setConstant(r, lo, hi);
}

function rangesFromTnum(r: Words): void {
  const vLo = r[VALUE];
  const vHi = r[VALUE + 1];
  const mLo = r[MASK];
  const mHi = r[MASK + 1];
  raiseS(r, SMIN, vLo, vHi | (mHi & SIGN));
  lowerS(r, SMAX, vLo | mLo, vHi | (mHi & POSITIVE));
  raiseU(r, UMIN, vLo, vHi);
  lowerU(r, UMAX, vLo | mLo, vHi | mHi);
  onlyMember(r);
  narrowS32(r, vLo | (mLo & SIGN), vLo | (mLo & POSITIVE));
  narrowU32(r, vLo, vLo | mLo);
}

function deduceHalf(r: Words): void {
  const uminLo = r[UMIN];
  const umaxLo = r[UMAX];
  const sminLo = r[SMIN];
  const smaxLo = r[SMAX];
  if (r[UMIN + 1] === r[UMAX + 1]) {
    narrowU32(r, uminLo, umaxLo);
    if (uminLo <= umaxLo) narrowS32(r, uminLo, umaxLo);
  }
  if (r[SMIN + 1] === r[SMAX + 1]) {
    if (sminLo >>> 0 <= smaxLo >>> 0) narrowU32(r, sminLo, smaxLo);
    if (sminLo <= smaxLo) narrowS32(r, sminLo, smaxLo);
  }
  if (((r[UMIN + 1] + 1) | 0) === r[UMAX + 1] && uminLo < 0 && umaxLo >= 0) narrowS32(r, uminLo, umaxLo);
  if (((r[SMIN + 1] + 1) | 0) === r[SMAX + 1] && sminLo < 0 && smaxLo >= 0) narrowS32(r, sminLo, smaxLo);

  if (r[UMIN32] <= r[UMAX32]) narrowS32(r, r[UMIN32], r[UMAX32]);
  const smin32 = r[SMIN32];
  const smax32 = r[SMAX32];
  if (smin32 >>> 0 <= smax32 >>> 0) {
    narrowU32(r, smin32, smax32);
  } else if (r[UMAX32] >>> 0 < smin32 >>> 0) {
    r[SMIN32] = r[UMIN32];
    if (smax32 >>> 0 < r[UMAX32] >>> 0) r[UMAX32] = smax32;
  } else if (smax32 >>> 0 < r[UMIN32] >>> 0) {
    r[SMAX32] = r[UMAX32];
    if (smin32 >>> 0 > r[UMIN32] >>> 0) r[UMIN32] = smin32;
  }
}

function deduceWhole(r: Words): void {
  const uminLo = r[UMIN];
  const uminHi = r[UMIN + 1];
  const umaxLo = r[UMAX];
  const umaxHi = r[UMAX + 1];
  if (uminHi === umaxHi ? uminLo >>> 0 <= umaxLo >>> 0 : uminHi < umaxHi) {
    raiseS(r, SMIN, uminLo, uminHi);
    lowerS(r, SMAX, umaxLo, umaxHi);
  }
  const sminLo = r[SMIN];
  const sminHi = r[SMIN + 1];
  const smaxLo = r[SMAX];
  const smaxHi = r[SMAX + 1];
  if (!lessU(smaxLo, smaxHi, sminLo, sminHi)) {
    raiseU(r, UMIN, sminLo, sminHi);
    lowerU(r, UMAX, smaxLo, smaxHi);
  } else if (lessU(umaxLo, umaxHi, sminLo, sminHi)) {
    set64(r, SMIN, uminLo, uminHi);
    lowerU(r, UMAX, smaxLo, smaxHi);
  } else if (lessU(smaxLo, smaxHi, uminLo, uminHi)) {
    set64(r, SMAX, umaxLo, umaxHi);
    raiseU(r, UMIN, sminLo, sminHi);
  }
}

function deduceWholeFromHalf(r: Words): void {
  raiseU(r, UMIN, r[UMIN32], r[UMIN + 1]);
  lowerU(r, UMAX, r[UMAX32], r[UMAX + 1]);
  raiseS(r, SMIN, r[UMIN32], r[SMIN + 1]);
  lowerS(r, SMAX, r[UMAX32], r[SMAX + 1]);
  const fits =
    (r[SMIN + 1] >= 0 || (r[SMIN + 1] === -1 && r[SMIN] < 0)) &&
    (r[SMAX + 1] < 0 || (r[SMAX + 1] === 0 && r[SMAX] >= 0));
  if (fits && r[SMIN32] >= 0) {
    set64(r, SMIN, r[SMIN32], 0);
    set64(r, UMIN, r[SMIN32], 0);
    set64(r, SMAX, r[SMAX32], r[SMAX32] >> 31);
    set64(r, UMAX, r[SMAX32], r[SMAX32] >> 31);
    intersectRange(r, r[SMIN32], 0, r[SMAX32], r[SMAX32] >> 31);
  }
}

/** The tnum learns the leading bits that both ends of a range share. */
function intersectRange(r: Words, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  const differHi = minHi ^ maxHi;
  const differLo = minLo ^ maxLo;
  const freeHi = differHi === 0 ? 0 : -1 >>> Math.clz32(differHi);
  const freeLo = differHi !== 0 ? -1 : differLo === 0 ? 0 : -1 >>> Math.clz32(differLo);
  r[MASK] &= freeLo;
  r[MASK + 1] &= freeHi;
  r[VALUE] = (r[VALUE] | (minLo & ~freeLo)) & ~r[MASK];
  r[VALUE + 1] = (r[VALUE + 1] | (minHi & ~freeHi)) & ~r[MASK + 1];
}

function tnumFromRanges(r: Words): void {
  intersectRange(r, r[UMIN], r[UMIN + 1], r[UMAX], r[UMAX + 1]);
  const differ = r[UMIN32] ^ r[UMAX32];
  const free = differ === 0 ? 0 : -1 >>> Math.clz32(differ);
  r[MASK] &= free;
  r[VALUE] = (r[VALUE] | (r[UMIN32] & ~free)) & ~r[MASK];
}

/** Ranges before a round. */
const before: Words = new Int32Array(WORDS);

function isSame(r: Words): boolean {
  for (let i = SMIN; i < WORDS; i++) if (before[i] !== r[i]) return false;
  return true;
}

/** Lets everything that is known of one number learn from everything else. */
export function sync(r: Words): void {
  rangesFromTnum(r);
  for (let round = 0; round < 3; round++) {
    for (let i = SMIN; i < WORDS; i++) before[i] = r[i];
    deduceHalf(r);
    deduceWhole(r);
    deduceWholeFromHalf(r);
    // What taught nothing once teaches nothing the next time.
    if (isSame(r)) break;
  }
  tnumFromRanges(r);
  rangesFromTnum(r);
}
