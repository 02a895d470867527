/**
 * Moves and conversions of one number, as Linux 6.18 leaves them:
 *
 * - a 32-bit write keeps the lower half's ranges and makes the whole register from them;
 * - a narrower load, store or fill keeps the unsigned ends if they share the bits that are cut off, else only the size;
 *   below 32 bits the half's ranges start over;
 * - sign extension keeps the signed ends if they share the bits that are cut off and stay in order, else only the size;
 *   no tnum survives, except of a constant;
 * - a byte swap keeps only the tnum, its bytes reversed; `le` on a little-endian machine is a narrowing;
 * - unknown loads are these conversions of an unknown number.
 */
import { sync } from './sync.ts';
import {
  anyRange,
  anyS32,
  anyU32,
  MASK,
  set64,
  setConstant,
  setUnknown,
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

/** Clears the upper half, after a 32-bit operation; not yet synced. */
export function zeroExtendHalf(r: Words): void {
  r[VALUE + 1] = 0;
  r[MASK + 1] = 0;
  set64(r, UMIN, r[UMIN32], 0);
  set64(r, UMAX, r[UMAX32], 0);
  const positive = r[SMIN32] >= 0 && r[SMAX32] >= 0;
  set64(r, SMIN, positive ? r[SMIN32] : 0, 0);
  set64(r, SMAX, positive ? r[SMAX32] : r[UMAX32], 0);
}

/** `wN = wM`. */
export function zext(r: Words): void {
  zeroExtendHalf(r);
  sync(r);
}

/** The low 8, 16 or 32 `bits`, extended by zeros. */
export function truncate(r: Words, bits: number): void {
  const mask = -1 >>> (32 - bits);
  const cutIsSame = r[UMIN + 1] === r[UMAX + 1] && (r[UMIN] & ~mask) === (r[UMAX] & ~mask);
  const min = cutIsSame ? r[UMIN] & mask : 0;
  const max = cutIsSame ? r[UMAX] & mask : mask;
  set64(r, VALUE, r[VALUE] & mask, 0);
  set64(r, MASK, r[MASK] & mask, 0);
  set64(r, UMIN, min, 0);
  set64(r, SMIN, min, 0);
  set64(r, UMAX, max, 0);
  set64(r, SMAX, max, 0);
  if (bits < 32) {
    anyU32(r);
    anyS32(r);
  }
  sync(r);
}

/** The low `bits` extended by their sign into the whole register. */
export function signExtend64(r: Words, bits: number): void {
  if (isConstant(r)) return signExtendConstant(r, bits, true);
  const shift = 32 - bits;
  const cutIsSame = r[SMIN + 1] === r[SMAX + 1] && (bits === 32 || r[SMIN] >> bits === r[SMAX] >> bits);
  const [min, max] = signedEnds(cutIsSame, (r[SMIN] << shift) >> shift, (r[SMAX] << shift) >> shift, bits);
  setUnknown(r);
  set64(r, SMIN, min, min >> 31);
  set64(r, SMAX, max, max >> 31);
  sync(r);
}

/** The low 8 or 16 `bits` extended by their sign into the lower half; the upper half zero. */
export function signExtend32(r: Words, bits: number): void {
  if (isConstant(r)) return signExtendConstant(r, bits, false);
  const shift = 32 - bits;
  const cutIsSame = r[SMIN32] >> bits === r[SMAX32] >> bits;
  const [min, max] = signedEnds(cutIsSame, (r[SMIN32] << shift) >> shift, (r[SMAX32] << shift) >> shift, bits);
  setUnknown(r);
  r[SMIN32] = min;
  r[SMAX32] = max;
  zext(r);
}

const isConstant = (r: Words): boolean => r[MASK] === 0 && r[MASK + 1] === 0;

function signExtendConstant(r: Words, bits: number, whole: boolean): void {
  const low = (r[VALUE] << (32 - bits)) >> (32 - bits);
  setConstant(r, low, whole ? low >> 31 : 0);
}

function signedEnds(cutIsSame: boolean, min: number, max: number, bits: number): readonly [number, number] {
  const most = 0x7fffffff >> (32 - bits);
  return cutIsSame && min <= max ? [min, max] : [~most, most];
}

/** The low 16, 32 or 64 `bits` with their bytes reversed. */
export function bswap(r: Words, bits: number): void {
  swapPair(r, VALUE, bits);
  swapPair(r, MASK, bits);
  anyRange(r);
  sync(r);
}

function swapPair(r: Words, at: number, bits: number): void {
  const lo = swap32(r[at]);
  const hi = swap32(r[at + 1]);
  if (bits === 64) set64(r, at, hi, lo);
  else set64(r, at, lo >>> (32 - bits), 0);
}

const swap32 = (v: number): number => (v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24);
