/**
 * 64-bit multiplication, division, shifts and byte swaps on pairs of 32-bit words in an operand file: `r[d]` is the low
 * word of the destination, `r[d + 1]` its high word. Division by zero gives 0 and modulo zero leaves the dividend;
 * the most negative number divided by -1 is itself, remainder 0 (RFC 9669 section 4.1).
 */

const TWO_32 = 0x1_0000_0000;
/** High words below this belong to numbers below 2^53, which doubles hold exactly. */
const EXACT_HIGH = 1 << 21;

/** High word of the unsigned product of two words. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >>> 16); // below 2^32
  const other = a0 * b1 + (middle & 0xffff); // below 2^32
  return (a1 * b1 + (middle >>> 16) + (other >>> 16)) | 0;
}

export function mul64(r: Int32Array, d: number, s: number): void {
  const al = r[d];
  const bl = r[s];
  const high = mulHigh(al, bl) + Math.imul(r[d + 1], bl) + Math.imul(al, r[s + 1]);
  r[d] = Math.imul(al, bl);
  r[d + 1] = high;
}

/** Unsigned quotient, or remainder. */
export function divmod64(r: Int32Array, d: number, s: number, remainder: boolean): void {
  const al = r[d];
  const ah = r[d + 1];
  const bl = r[s];
  const bh = r[s + 1];
  if ((bl | bh) === 0) {
    if (!remainder) r[d] = r[d + 1] = 0;
    return;
  }
  if ((ah | bh) === 0) {
    r[d] = remainder ? (al >>> 0) % (bl >>> 0) : (al >>> 0) / (bl >>> 0);
    return;
  }
  if (ah >>> 0 < EXACT_HIGH && bh >>> 0 < EXACT_HIGH) {
    const a = (ah >>> 0) * TWO_32 + (al >>> 0);
    const b = (bh >>> 0) * TWO_32 + (bl >>> 0);
    const rest = a % b;
    setNumber(r, d, remainder ? rest : (a - rest) / b);
    return;
  }
  const a = toBigInt(al, ah);
  const b = toBigInt(bl, bh);
  setBigInt(r, d, remainder ? a % b : a / b);
}

/** Signed quotient truncated towards zero, or remainder with the dividend's sign. */
export function signedDivmod64(r: Int32Array, d: number, s: number, remainder: boolean): void {
  const a = BigInt.asIntN(64, toBigInt(r[d], r[d + 1]));
  const b = BigInt.asIntN(64, toBigInt(r[s], r[s + 1]));
  if (b === 0n) {
    if (!remainder) r[d] = r[d + 1] = 0;
    return;
  }
  setBigInt(r, d, remainder ? a % b : a / b);
}

export function lsh64(r: Int32Array, d: number, s: number): void {
  const n = r[s] & 63;
  if (n >= 32) {
    r[d + 1] = r[d] << n; // the engine masks the count with 31
    r[d] = 0;
  } else if (n > 0) {
    r[d + 1] = (r[d + 1] << n) | (r[d] >>> (32 - n));
    r[d] <<= n;
  }
}

export function rsh64(r: Int32Array, d: number, s: number): void {
  const n = r[s] & 63;
  if (n >= 32) {
    r[d] = r[d + 1] >>> n;
    r[d + 1] = 0;
  } else if (n > 0) {
    r[d] = (r[d] >>> n) | (r[d + 1] << (32 - n));
    r[d + 1] >>>= n;
  }
}

export function arsh64(r: Int32Array, d: number, s: number): void {
  const n = r[s] & 63;
  if (n >= 32) {
    r[d] = r[d + 1] >> n;
    r[d + 1] >>= 31;
  } else if (n > 0) {
    r[d] = (r[d] >>> n) | (r[d + 1] << (32 - n));
    r[d + 1] >>= n;
  }
}

/** Reverse the low `bits` (16, 32, 64) and clear the rest. */
export function swapBytes(r: Int32Array, d: number, bits: number): void {
  const low = r[d];
  if (bits === 64) {
    r[d] = swap32(r[d + 1]);
    r[d + 1] = swap32(low);
  } else {
    r[d] = bits === 32 ? swap32(low) : swap32(low) >>> 16;
    r[d + 1] = 0;
  }
}

/** Keep the low `bits` (16, 32, 64) and clear the rest. */
export function keepBytes(r: Int32Array, d: number, bits: number): void {
  if (bits === 64) return;
  if (bits === 16) r[d] &= 0xffff;
  r[d + 1] = 0;
}

function swap32(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** The unsigned 64-bit number of a pair of words. */
export function toBigInt(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function setBigInt(r: Int32Array, d: number, value: bigint): void {
  r[d] = Number(BigInt.asIntN(32, value));
  r[d + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Write a whole number of -2^63 to 2^64 as a pair of words. */
export function setNumber(r: Int32Array, d: number, value: number): void {
  r[d] = value;
  r[d + 1] = Math.floor(value / TWO_32);
}
