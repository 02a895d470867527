/**
 * How the store keeps a scalar: sixteen 32-bit words, so that no operation needs a BigInt. The halves of a 64-bit word
 * are just what the deductions between a register and its lower half are about. Unsigned words are kept as their bits;
 * `>>> 0` makes them comparable.
 */

/** Word offsets: 64-bit fields are their low word, then their high one. */
export const VALUE = 0;
export const MASK = 2;
export const SMIN = 4;
export const SMAX = 6;
export const UMIN = 8;
export const UMAX = 10;
export const SMIN32 = 12;
export const SMAX32 = 13;
export const UMIN32 = 14;
export const UMAX32 = 15;
export const WORDS = 16;

/** The sign bit of a high word, and the greatest word without it. */
export const SIGN = -0x80000000;
export const POSITIVE = 0x7fffffff;

/** A scalar being computed, or the arena of all of them. */
export type Words = Int32Array;

export const lessU = (aLo: number, aHi: number, bLo: number, bHi: number): boolean =>
  aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;

export const lessS = (aLo: number, aHi: number, bLo: number, bHi: number): boolean =>
  aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi;

export function set64(r: Words, at: number, lo: number, hi: number): void {
  r[at] = lo;
  r[at + 1] = hi;
}

/** Narrowing: a least number may only rise and a greatest one only fall. */
export function raiseU(r: Words, at: number, lo: number, hi: number): void {
  if (lessU(r[at], r[at + 1], lo, hi)) set64(r, at, lo, hi);
}
export function lowerU(r: Words, at: number, lo: number, hi: number): void {
  if (lessU(lo, hi, r[at], r[at + 1])) set64(r, at, lo, hi);
}
export function raiseS(r: Words, at: number, lo: number, hi: number): void {
  if (lessS(r[at], r[at + 1], lo, hi)) set64(r, at, lo, hi);
}
export function lowerS(r: Words, at: number, lo: number, hi: number): void {
  if (lessS(lo, hi, r[at], r[at + 1])) set64(r, at, lo, hi);
}
export function narrowU32(r: Words, min: number, max: number): void {
  if (min >>> 0 > r[UMIN32] >>> 0) r[UMIN32] = min;
  if (max >>> 0 < r[UMAX32] >>> 0) r[UMAX32] = max;
}
export function narrowS32(r: Words, min: number, max: number): void {
  if (min > r[SMIN32]) r[SMIN32] = min;
  if (max < r[SMAX32]) r[SMAX32] = max;
}

/** Nothing is known of the whole register's ranges; tnum and lower half stay. */
export function anyRange64(r: Words): void {
  anyS64(r);
  anyU64(r);
}
export function anyS64(r: Words): void {
  set64(r, SMIN, 0, SIGN);
  set64(r, SMAX, -1, POSITIVE);
}
export function anyU64(r: Words): void {
  set64(r, UMIN, 0, 0);
  set64(r, UMAX, -1, -1);
}
export function anyS32(r: Words): void {
  r[SMIN32] = SIGN;
  r[SMAX32] = POSITIVE;
}
export function anyU32(r: Words): void {
  r[UMIN32] = 0;
  r[UMAX32] = -1;
}
/** Nothing is known of any range. */
export function anyRange(r: Words): void {
  anyRange64(r);
  anyS32(r);
  anyU32(r);
}
/** Nothing is known. */
export function setUnknown(r: Words): void {
  set64(r, VALUE, 0, 0);
  set64(r, MASK, -1, -1);
  anyRange(r);
}
/** Exactly this number. */
export function setConstant(r: Words, lo: number, hi: number): void {
  set64(r, VALUE, lo, hi);
  set64(r, MASK, 0, 0);
  for (let at = SMIN; at <= UMAX; at += 2) set64(r, at, lo, hi);
  for (let at = SMIN32; at < WORDS; at++) r[at] = lo;
}
/** Whether tnum and every range say one number; a contradictory scalar may have a constant tnum only. */
export function isExact(r: Words, at: number): boolean {
  if (r[at + MASK] !== 0 || r[at + MASK + 1] !== 0) return false;
  const lo = r[at];
  const hi = r[at + 1];
  for (let i = at + SMIN; i <= at + UMAX; i += 2) if (r[i] !== lo || r[i + 1] !== hi) return false;
  for (let i = at + SMIN32; i < at + WORDS; i++) if (r[i] !== lo) return false;
  return true;
}

/** What is contradictory about a scalar, in the kernel's words, or empty. */
export function contradiction(r: Words): string {
  const crossed =
    lessU(r[UMAX], r[UMAX + 1], r[UMIN], r[UMIN + 1]) ||
    lessS(r[SMAX], r[SMAX + 1], r[SMIN], r[SMIN + 1]) ||
    r[UMIN32] >>> 0 > r[UMAX32] >>> 0 ||
    r[SMIN32] > r[SMAX32];
  if (crossed) return 'range bounds violation';
  if (r[MASK] !== 0) return '';
  if (r[MASK + 1] === 0) {
    for (let i = SMIN; i <= UMAX; i += 2)
      if (r[i] !== r[VALUE] || r[i + 1] !== r[VALUE + 1]) return 'const tnum out of sync with range bounds';
  }
  for (let i = SMIN32; i <= UMAX32; i++)
    if (r[i] !== r[VALUE]) return 'const subreg tnum out of sync with range bounds';
  return '';
}

/** Copies a scalar out of the arena. */
export function load(r: Words, from: Words, at: number): void {
  for (let i = 0; i < WORDS; i++) r[i] = from[at + i];
}

/** A 64-bit field as a BigInt. */
export const signedOf = (r: Words, at: number): bigint => (BigInt(r[at + 1]) << 32n) | BigInt(r[at] >>> 0);
export const unsignedOf = (r: Words, at: number): bigint => (BigInt(r[at + 1] >>> 0) << 32n) | BigInt(r[at] >>> 0);
