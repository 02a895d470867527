/**
 * Tristate numbers: each bit is known 0, known 1 or unknown. `value` holds the known ones, `mask` the unknown bits; a bit
 * is never set in both. Plain BigInt, for any width, written to be read: the tests prove every operator sound at small
 * widths, and the fast store is compared with it.
 *
 * Source: Vishwanathan, Shachnai, Narayana, Nagarakatte, "Sound, Precise, and Fast Abstract Interpretation with Tristate
 * Numbers", CGO 2022 (addition, subtraction, bitwise operators). Multiplication is the later long multiplication with a
 * join for each unknown bit, as Linux 6.18 prints it.
 */

/** @kernel struct tnum */
export interface Tnum {
  /** Bits known to be one. */
  readonly value: bigint;
  /** Bits that are not known. */
  readonly mask: bigint;
}

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

export const tnumConst = (value: bigint, bits = 64): Tnum => ({ value: BigInt.asUintN(bits, value), mask: 0n });

export const tnumUnknown = (bits = 64): Tnum => ({ value: 0n, mask: ones(bits) });

export const tnumIsConst = (a: Tnum): boolean => a.mask === 0n;

/** The tightest tnum that holds every unsigned number of `min..max`: their common leading bits. */
export function tnumRange(min: bigint, max: bigint, bits = 64): Tnum {
  const differing = BigInt.asUintN(bits, min ^ max).toString(2);
  const mask = min === max ? 0n : ones(differing.length);
  return { value: BigInt.asUintN(bits, min & ~mask), mask };
}

/** Whether every number of `b` is one of `a`. */
export const tnumIn = (a: Tnum, b: Tnum): boolean => (b.mask & ~a.mask) === 0n && a.value === (b.value & ~a.mask);

/** Whether some number may be in both: no bit is known to differ. */
export const tnumOverlap = (a: Tnum, b: Tnum): boolean => ((a.value ^ b.value) & ~a.mask & ~b.mask) === 0n;

/** What is known when both are known to hold. Where they contradict each other, ones win. */
export function tnumIntersect(a: Tnum, b: Tnum): Tnum {
  const mask = a.mask & b.mask;
  return { value: (a.value | b.value) & ~mask, mask };
}

/** The tightest tnum that holds both. */
export function tnumUnion(a: Tnum, b: Tnum): Tnum {
  const mask = (a.value ^ b.value) | a.mask | b.mask;
  return { value: a.value & b.value & ~mask, mask };
}

/** The least number of `a` above `than`; its greatest where there is none. */
export function tnumNext(a: Tnum, than: bigint, bits = 64): bigint {
  const greatest = a.value | a.mask;
  if (than >= greatest) return greatest;
  const from = than + 1n;
  let raise = -1n; // the lowest unknown bit, so far, that could be one where `from` has zero
  for (let i = BigInt(bits - 1); i >= 0n; i--) {
    const wanted = (from >> i) & 1n;
    const known = (a.value >> i) & 1n;
    if ((a.mask >> i) & 1n) {
      if (!wanted) raise = i;
    } else if (known > wanted) {
      return above(a, from, i, 0n);
    } else if (known < wanted) {
      return above(a, from, raise, 1n << raise);
    }
  }
  return from;
}

/** `from`'s bits above bit `i`, then `bit`, then the known ones of `a`. */
const above = (a: Tnum, from: bigint, i: bigint, bit: bigint): bigint =>
  ((from >> (i + 1n)) << (i + 1n)) | bit | (a.value & ((2n << i) - 1n));

/** Whether the low bits say that it is a multiple of `size`, a power of two. */
export const tnumIsAligned = (a: Tnum, size: bigint): boolean => ((a.value | a.mask) & (size - 1n)) === 0n;

export function tnumAdd(a: Tnum, b: Tnum, bits = 64): Tnum {
  const values = BigInt.asUintN(bits, a.value + b.value);
  const carries = BigInt.asUintN(bits, values + a.mask + b.mask) ^ values;
  const mask = carries | a.mask | b.mask;
  return { value: values & ~mask, mask };
}

export function tnumSub(a: Tnum, b: Tnum, bits = 64): Tnum {
  const difference = BigInt.asUintN(bits, a.value - b.value);
  const borrows = BigInt.asUintN(bits, difference + a.mask) ^ BigInt.asUintN(bits, difference - b.mask);
  const mask = borrows | a.mask | b.mask;
  return { value: difference & ~mask, mask };
}

export const tnumNeg = (a: Tnum, bits = 64): Tnum => tnumSub(tnumConst(0n, bits), a, bits);

export function tnumAnd(a: Tnum, b: Tnum): Tnum {
  const value = a.value & b.value;
  return { value, mask: (a.value | a.mask) & (b.value | b.mask) & ~value };
}

export function tnumOr(a: Tnum, b: Tnum): Tnum {
  const value = a.value | b.value;
  return { value, mask: (a.mask | b.mask) & ~value };
}

export function tnumXor(a: Tnum, b: Tnum): Tnum {
  const mask = a.mask | b.mask;
  return { value: (a.value ^ b.value) & ~mask, mask };
}

/** Long multiplication over the bits of `a`; where a bit is unknown, both partial sums are joined. */
export function tnumMul(a: Tnum, b: Tnum, bits = 64): Tnum {
  let sum = tnumConst(0n, bits);
  for (let i = 0n; i < BigInt(bits); i++) {
    const shifted = tnumLsh(b, i, bits);
    if ((a.value >> i) & 1n) sum = tnumAdd(sum, shifted, bits);
    else if ((a.mask >> i) & 1n) sum = tnumUnion(sum, tnumAdd(sum, shifted, bits));
  }
  return sum;
}

export const tnumLsh = (a: Tnum, shift: bigint, bits = 64): Tnum => ({
  value: BigInt.asUintN(bits, a.value << shift),
  mask: BigInt.asUintN(bits, a.mask << shift),
});

export const tnumRsh = (a: Tnum, shift: bigint): Tnum => ({ value: a.value >> shift, mask: a.mask >> shift });

/** Arithmetic shift right: value and mask both extend their own sign bit. */
export const tnumArsh = (a: Tnum, shift: bigint, bits = 64): Tnum => ({
  value: BigInt.asUintN(bits, BigInt.asIntN(bits, a.value) >> shift),
  mask: BigInt.asUintN(bits, BigInt.asIntN(bits, a.mask) >> shift),
});

/** The low `bits`; above them zeros. */
export const tnumCast = (a: Tnum, bits: number): Tnum => ({
  value: BigInt.asUintN(bits, a.value),
  mask: BigInt.asUintN(bits, a.mask),
});

/** `a` with its low `bits` replaced by those of `low`. */
export const tnumWithLow = (a: Tnum, low: Tnum, bits: number): Tnum => ({
  value: (a.value & ~ones(bits)) | BigInt.asUintN(bits, low.value),
  mask: (a.mask & ~ones(bits)) | BigInt.asUintN(bits, low.mask),
});

/** The low `bits` with their bytes in reverse order; above them zeros. */
export function tnumBswap(a: Tnum, bits: number): Tnum {
  return { value: reverseBytes(a.value, bits), mask: reverseBytes(a.mask, bits) };
}

function reverseBytes(v: bigint, bits: number): bigint {
  let out = 0n;
  for (let at = 0n; at < BigInt(bits); at += 8n) out = (out << 8n) | ((v >> at) & 0xffn);
  return out;
}
