/**
 * What Linux 6.18's verifier knows of a number, and how that knowledge changes: the reference, in plain BigInt and for any
 * width, that the store is compared with. Bounds are kept canonical: unsigned ones in `0..2^bits-1`, signed ones negative
 * where the number is; `half` names the lower half (32 bits of 64), as the kernel's sub-register bounds.
 */
import {
  tnumAdd,
  tnumBswap,
  tnumCast,
  tnumConst,
  tnumIn,
  tnumIntersect,
  tnumIsConst,
  tnumNext,
  tnumRange,
  tnumUnknown,
  tnumWithLow,
  type Tnum,
} from './tnum.ts';

/** @kernel the numeric part of struct bpf_reg_state */
export interface Scalar {
  readonly tnum: Tnum;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly umin: bigint;
  readonly umax: bigint;
  readonly smin32: bigint;
  readonly smax32: bigint;
  readonly umin32: bigint;
  readonly umax32: bigint;
}

/** The constants of a register of `bits` bits with a sub-register of `half` bits. */
export interface Width {
  readonly bits: number;
  readonly half: number;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly umax: bigint;
  readonly smin32: bigint;
  readonly smax32: bigint;
  readonly umax32: bigint;
}

export function width(bits: number): Width {
  const half = bits / 2;
  return {
    bits,
    half,
    smin: -(1n << BigInt(bits - 1)),
    smax: (1n << BigInt(bits - 1)) - 1n,
    umax: (1n << BigInt(bits)) - 1n,
    smin32: -(1n << BigInt(half - 1)),
    smax32: (1n << BigInt(half - 1)) - 1n,
    umax32: (1n << BigInt(half)) - 1n,
  };
}

export const W64 = width(64);

export const maxBig = (a: bigint, b: bigint): bigint => (a > b ? a : b);
export const minBig = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Bounds while they are being narrowed. */
export type Draft = { -readonly [K in keyof Scalar]: Scalar[K] };

/** Nothing is known. */
export const unknown = (w: Width = W64): Scalar => ({
  tnum: tnumUnknown(w.bits),
  smin: w.smin,
  smax: w.smax,
  umin: 0n,
  umax: w.umax,
  smin32: w.smin32,
  smax32: w.smax32,
  umin32: 0n,
  umax32: w.umax32,
});

/** Exactly one number, given signed or unsigned. */
export function constant(value: bigint, w: Width = W64): Scalar {
  const s = BigInt.asIntN(w.bits, value);
  const u = BigInt.asUintN(w.bits, value);
  const s32 = BigInt.asIntN(w.half, value);
  const u32 = BigInt.asUintN(w.half, value);
  return {
    tnum: tnumConst(value, w.bits),
    smin: s,
    smax: s,
    umin: u,
    umax: u,
    smin32: s32,
    smax32: s32,
    umin32: u32,
    umax32: u32,
  };
}

export const isConst = (a: Scalar): boolean => tnumIsConst(a.tnum);

/** Whether the number `v` (unsigned) may be meant. */
export function contains(a: Scalar, v: bigint, w: Width = W64): boolean {
  const s = BigInt.asIntN(w.bits, v);
  const s32 = BigInt.asIntN(w.half, v);
  const u32 = BigInt.asUintN(w.half, v);
  return (
    (v & ~a.tnum.mask) === a.tnum.value &&
    v >= a.umin &&
    v <= a.umax &&
    s >= a.smin &&
    s <= a.smax &&
    u32 >= a.umin32 &&
    u32 <= a.umax32 &&
    s32 >= a.smin32 &&
    s32 <= a.smax32
  );
}

/** Every bound and the tnum of `cur` lie inside those of `old`. */
export const within = (old: Scalar, cur: Scalar): boolean =>
  tnumIn(old.tnum, cur.tnum) &&
  old.umin <= cur.umin &&
  old.umax >= cur.umax &&
  old.smin <= cur.smin &&
  old.smax >= cur.smax &&
  old.umin32 <= cur.umin32 &&
  old.umax32 >= cur.umax32 &&
  old.smin32 <= cur.smin32 &&
  old.smax32 >= cur.smax32;

/**
 * What is contradictory, in the kernel's words of its message `REG INVARIANTS VIOLATION`; empty when nothing is. Arises on
 * paths that cannot be; the kernel then forgets the ranges (`unbounded`) and goes on.
 */
export function violation(a: Scalar, w: Width = W64): string {
  if (a.umin > a.umax || a.smin > a.smax || a.umin32 > a.umax32 || a.smin32 > a.smax32) return 'range bounds violation';
  if (tnumIsConst(a.tnum)) {
    const c = constant(a.tnum.value, w);
    if (a.umin !== c.umin || a.umax !== c.umax || a.smin !== c.smin || a.smax !== c.smax)
      return 'const tnum out of sync with range bounds';
  }
  const low = tnumCast(a.tnum, w.half);
  if (tnumIsConst(low)) {
    const c = constant(low.value, w);
    if (a.umin32 !== c.umin32 || a.umax32 !== c.umax32 || a.smin32 !== c.smin32 || a.smax32 !== c.smax32)
      return 'const subreg tnum out of sync with range bounds';
  }
  return '';
}

/** Only the tnum is kept. */
export const unbounded = (a: Scalar, w: Width = W64): Scalar => ({ ...unknown(w), tnum: a.tnum });

// --- deduction -------------------------------------------------------------------------------------------------------

/**
 * The number that tnum and unsigned range have in common, if it is just one. On a path that cannot be they have none,
 * and what the kernel then answers is kept too: an end of the range, or the tnum's greatest.
 */
function onlyMember(r: Draft, w: Width): bigint | undefined {
  const next = tnumNext(r.tnum, r.umin, w.bits);
  if ((r.umin & ~r.tnum.mask) === r.tnum.value) return next > r.umax ? r.umin : undefined;
  if (next === (r.tnum.value | r.tnum.mask)) return next;
  return next <= r.umax && tnumNext(r.tnum, next, w.bits) > r.umax ? next : undefined;
}

/** Ranges learn from the tnum: unknown bits all zero give the least number, all one the greatest. */
function boundsFromTnum(r: Draft, w: Width): void {
  const { value, mask } = r.tnum;
  const sign = 1n << BigInt(w.bits - 1);
  r.smin = maxBig(r.smin, BigInt.asIntN(w.bits, value | (mask & sign)));
  r.smax = minBig(r.smax, BigInt.asIntN(w.bits, value | (mask & ~sign)));
  r.umin = maxBig(r.umin, value);
  r.umax = minBig(r.umax, value | mask);
  const only = onlyMember(r, w);
  if (only !== undefined) Object.assign(r, constant(only, w));
  const low = tnumCast(r.tnum, w.half);
  const sign32 = 1n << BigInt(w.half - 1);
  r.smin32 = maxBig(r.smin32, BigInt.asIntN(w.half, low.value | (low.mask & sign32)));
  r.smax32 = minBig(r.smax32, BigInt.asIntN(w.half, low.value | (low.mask & ~sign32)));
  r.umin32 = maxBig(r.umin32, low.value);
  r.umax32 = minBig(r.umax32, low.value | low.mask);
}

/** The sub-register learns from whole-register ranges, and its signed and unsigned ranges from each other. */
function deduce32(r: Draft, w: Width): void {
  const half = BigInt(w.half);
  const u32 = (x: bigint): bigint => BigInt.asUintN(w.half, x);
  const s32 = (x: bigint): bigint => BigInt.asIntN(w.half, x);
  const signedRange = (min: bigint, max: bigint): void => {
    r.smin32 = maxBig(r.smin32, s32(min));
    r.smax32 = minBig(r.smax32, s32(max));
  };
  const unsignedRange = (min: bigint, max: bigint): void => {
    r.umin32 = maxBig(r.umin32, u32(min));
    r.umax32 = minBig(r.umax32, u32(max));
  };
  // Both ends share their upper half: the lower halves are a range.
  if (r.umin >> half === r.umax >> half) {
    unsignedRange(r.umin, r.umax);
    if (s32(r.umin) <= s32(r.umax)) signedRange(r.umin, r.umax);
  }
  if (r.smin >> half === r.smax >> half) {
    if (u32(r.smin) <= u32(r.smax)) unsignedRange(r.smin, r.smax);
    if (s32(r.smin) <= s32(r.smax)) signedRange(r.smin, r.smax);
  }
  // The upper half grows by one between them, from negative to positive lower halves.
  if (u32((r.umin >> half) + 1n) === u32(r.umax >> half) && s32(r.umin) < 0n && s32(r.umax) >= 0n)
    signedRange(r.umin, r.umax);
  if (u32((r.smin >> half) + 1n) === u32(r.smax >> half) && s32(r.smin) < 0n && s32(r.smax) >= 0n)
    signedRange(r.smin, r.smax);
  if (s32(r.umin32) <= s32(r.umax32)) signedRange(r.umin32, r.umax32);
  if (u32(r.smin32) <= u32(r.smax32)) {
    unsignedRange(r.smin32, r.smax32);
  } else if (r.umax32 < u32(r.smin32)) {
    r.smin32 = s32(r.umin32);
    r.umax32 = minBig(r.umax32, u32(r.smax32));
  } else if (u32(r.smax32) < r.umin32) {
    r.smax32 = s32(r.umax32);
    r.umin32 = maxBig(r.umin32, u32(r.smin32));
  }
}

/** Signed and unsigned ranges learn from each other. */
function deduce64(r: Draft, w: Width): void {
  const u = (x: bigint): bigint => BigInt.asUintN(w.bits, x);
  const s = (x: bigint): bigint => BigInt.asIntN(w.bits, x);
  if (s(r.umin) <= s(r.umax)) {
    r.smin = maxBig(r.smin, s(r.umin));
    r.smax = minBig(r.smax, s(r.umax));
  }
  if (u(r.smin) <= u(r.smax)) {
    r.umin = maxBig(r.umin, u(r.smin));
    r.umax = minBig(r.umax, u(r.smax));
  } else if (r.umax < u(r.smin)) {
    // The signed range is two unsigned ones, and only the lower (not negative) one meets the unsigned range.
    r.smin = s(r.umin);
    r.umax = minBig(r.umax, u(r.smax));
  } else if (u(r.smax) < r.umin) {
    r.smax = s(r.umax);
    r.umin = maxBig(r.umin, u(r.smin));
  }
}

/** The whole register learns from its sub-register. */
function deduceMixed(r: Draft, w: Width): void {
  const upper = (x: bigint): bigint => (x >> BigInt(w.half)) << BigInt(w.half);
  r.umin = maxBig(r.umin, upper(r.umin) | r.umin32);
  r.umax = minBig(r.umax, upper(r.umax) | r.umax32);
  r.smin = maxBig(r.smin, upper(r.smin) | r.umin32);
  r.smax = minBig(r.smax, upper(r.smax) | r.umax32);
  // A sign-extended sub-register that is not negative is the whole number.
  if (r.smin32 >= 0n && r.smin >= w.smin32 && r.smax <= w.smax32) {
    r.smin = r.umin = r.smin32;
    r.smax = r.smax32;
    r.umax = BigInt.asUintN(w.bits, r.smax32);
    r.tnum = tnumIntersect(r.tnum, tnumRange(r.smin, r.smax, w.bits));
  }
}

function deduce(r: Draft, w: Width): void {
  deduce32(r, w);
  deduce64(r, w);
  deduceMixed(r, w);
}

/** The tnum learns from the unsigned ranges. */
function tnumFromBounds(r: Draft, w: Width): void {
  const whole = tnumIntersect(r.tnum, tnumRange(r.umin, r.umax, w.bits));
  const low = tnumIntersect(tnumCast(whole, w.half), tnumRange(r.umin32, r.umax32, w.half));
  r.tnum = tnumWithLow(whole, low, w.half);
}

/** Let tnum and ranges learn from each other, as far as the kernel goes. */
export function sync(from: Scalar, w: Width = W64): Scalar {
  const r: Draft = { ...from };
  boundsFromTnum(r, w);
  deduce(r, w);
  deduce(r, w);
  deduce(r, w);
  tnumFromBounds(r, w);
  boundsFromTnum(r, w);
  return r;
}

// --- moves and conversions --------------------------------------------------------------------------------------------

/** The whole register is its sub-register, extended by zeros. */
export function assign32Into64(a: Scalar): Scalar {
  const signedFits = a.smin32 >= 0n && a.smax32 >= 0n;
  return {
    ...a,
    umin: a.umin32,
    umax: a.umax32,
    smin: signedFits ? a.smin32 : 0n,
    smax: signedFits ? a.smax32 : a.umax32,
  };
}

/** A 32-bit register write: upper half cleared. Not yet synced. */
export const zeroExtendHalf = (a: Scalar, w: Width = W64): Scalar =>
  assign32Into64({ ...a, tnum: tnumCast(a.tnum, w.half) });

/** What `wN = wM` leaves. */
export const zext = (a: Scalar, w: Width = W64): Scalar => sync(zeroExtendHalf(a, w), w);

/** The low `bits` of the number, extended by zeros: a narrower store, load or fill. */
export function truncate(a: Scalar, bits: number, w: Width = W64): Scalar {
  if (bits === w.bits) return a;
  const mask = (1n << BigInt(bits)) - 1n;
  const sameUpper = a.umin >> BigInt(bits) === a.umax >> BigInt(bits);
  const r: Draft = { ...a, tnum: tnumCast(a.tnum, bits) };
  r.umin = r.smin = sameUpper ? a.umin & mask : 0n;
  r.umax = r.smax = sameUpper ? a.umax & mask : mask;
  if (bits < w.half) {
    r.umin32 = 0n;
    r.umax32 = w.umax32;
    r.smin32 = w.smin32;
    r.smax32 = w.smax32;
  }
  return sync(r, w);
}

/** The low `bits`, extended by their sign into `into` bits (the whole register or its half, the rest zeros). */
export function signExtend(a: Scalar, bits: number, into: number, w: Width = W64): Scalar {
  if (isConst(a)) {
    const low = BigInt.asIntN(bits, a.tnum.value);
    return constant(BigInt.asUintN(into, low), w);
  }
  const max = (1n << BigInt(bits - 1)) - 1n;
  const min = -max - 1n;
  if (into === w.bits) {
    const sameUpper = a.smin >> BigInt(bits) === a.smax >> BigInt(bits);
    const lo = BigInt.asIntN(bits, a.smin);
    const hi = BigInt.asIntN(bits, a.smax);
    const ordered = sameUpper && lo <= hi;
    const r: Draft = { ...unknown(w), smin: ordered ? lo : min, smax: ordered ? hi : max };
    return sync(r, w);
  }
  const sameUpper = a.smin32 >> BigInt(bits) === a.smax32 >> BigInt(bits);
  const lo = BigInt.asIntN(bits, a.smin32);
  const hi = BigInt.asIntN(bits, a.smax32);
  const ordered = sameUpper && lo <= hi;
  const r: Draft = { ...unknown(w), smin32: ordered ? lo : min, smax32: ordered ? hi : max };
  return zext(r, w);
}

/** The low `bits` with their bytes reversed: only the tnum can follow. */
export const bswap = (a: Scalar, bits: number): Scalar => sync({ ...unknown(), tnum: tnumBswap(a.tnum, bits) });

/** An unknown number read from memory. */
export const loaded = (bits: number, w: Width = W64): Scalar => truncate(unknown(w), bits, w);

/** Narrowed to the given ranges: what a helper's contract says of its result. */
export function narrow(a: Scalar, bounds: Partial<Omit<Scalar, 'tnum'>>, w: Width = W64): Scalar {
  const r: Draft = { ...a };
  for (const key of ['smin', 'umin', 'smin32', 'umin32'] as const) r[key] = maxBig(r[key], bounds[key] ?? r[key]);
  for (const key of ['smax', 'umax', 'smax32', 'umax32'] as const) r[key] = minBig(r[key], bounds[key] ?? r[key]);
  return sync(r, w);
}

/** The tnum of the number plus a known offset. */
export const addOffset = (a: Tnum, offset: bigint, w: Width = W64): Tnum =>
  tnumAdd(a, tnumConst(offset, w.bits), w.bits);
