/**
 * Arithmetic on two known numbers, in 32-bit halves: what a counting loop does most. Only what the kernel keeps as a
 * constant; division, and shifts beyond the width, it forgets.
 */
import { ALU } from '../isa/index.ts';

/** The result of the last `fold` that answered true: low and high word. */
export const folded = new Int32Array(2);

/** `a op b` into `folded`; false where the result is not a constant. */
export function fold(op: number, is32: boolean, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  if (is32) return fold32(op, aLo, bLo, bHi);
  switch (op) {
    case ALU.ADD: {
      const lo = (aLo + bLo) | 0;
      return set(lo, aHi + bHi + (lo >>> 0 < aLo >>> 0 ? 1 : 0));
    }
    case ALU.SUB:
      return set(aLo - bLo, aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0));
    case ALU.AND:
      return set(aLo & bLo, aHi & bHi);
    case ALU.OR:
      return set(aLo | bLo, aHi | bHi);
    case ALU.XOR:
      return set(aLo ^ bLo, aHi ^ bHi);
    case ALU.MUL:
      return set(Math.imul(aLo, bLo), Math.imul(aHi, bLo) + Math.imul(aLo, bHi) + mulHigh(aLo, bLo));
    case ALU.LSH:
    case ALU.RSH:
    case ALU.ARSH:
      return bHi === 0 && bLo >>> 0 < 64 && shift64(op, aLo, aHi, bLo);
    default:
      return false;
  }
}

function set(lo: number, hi: number): true {
  folded[0] = lo;
  folded[1] = hi;
  return true;
}

/** The high word of the unsigned product of two words. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(((middle & 0xffff) + aLow * bHigh) / 0x10000);
}

function shift64(op: number, lo: number, hi: number, n: number): true {
  if (n === 0) return set(lo, hi);
  if (op === ALU.LSH) return n < 32 ? set(lo << n, (hi << n) | (lo >>> (32 - n))) : set(0, lo << (n - 32));
  const fill = op === ALU.ARSH ? hi >> 31 : 0;
  if (n >= 32) return set(op === ALU.ARSH ? hi >> (n - 32) : hi >>> (n - 32), fill);
  return set((lo >>> n) | (hi << (32 - n)), op === ALU.ARSH ? hi >> n : hi >>> n);
}

function fold32(op: number, a: number, b: number, bHi: number): boolean {
  switch (op) {
    case ALU.ADD:
      return set(a + b, 0);
    case ALU.SUB:
      return set(a - b, 0);
    case ALU.AND:
      return set(a & b, 0);
    case ALU.OR:
      return set(a | b, 0);
    case ALU.XOR:
      return set(a ^ b, 0);
    case ALU.MUL:
      return set(Math.imul(a, b), 0);
    case ALU.LSH:
    case ALU.RSH:
    case ALU.ARSH:
      if (bHi !== 0 || b >>> 0 >= 32) return false;
      return set(op === ALU.LSH ? a << b : op === ALU.RSH ? a >>> b : a >> b, 0);
    default:
      return false;
  }
}
