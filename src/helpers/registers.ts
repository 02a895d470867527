/** Arguments and results of helpers in the words of registers. */
import type { AddressSpace } from '../memory/index.ts';
import { checkedAddress, setNumber } from '../vm/index.ts';

const TWO_32 = 0x1_0000_0000;

/** The low word of argument `n` (1 to 5), signed. */
export function int32(r: Int32Array, n: number): number {
  return r[n * 2];
}

/** The low word of argument `n`, unsigned. */
export function uint32(r: Int32Array, n: number): number {
  return r[n * 2] >>> 0;
}

/** All 64 bits of argument `n` as an unsigned number; above 2^53 the low bits are lost. */
export function uint64(r: Int32Array, n: number): number {
  return (r[n * 2 + 1] >>> 0) * TWO_32 + (r[n * 2] >>> 0);
}

/** The address in argument `n` of `size` bytes, 0 or more. @throws Trap where they are not all one live object's. */
export function memory(
  space: AddressSpace,
  r: Int32Array,
  n: number,
  size: number,
  write: boolean,
  slot: number,
): number {
  if (size === 0) return uint32(r, n);
  return checkedAddress(space, r[n * 2], r[n * 2 + 1], 0, size, write, slot);
}

/** The text in argument `n`, which has no size: its address and the end of its object. @throws Trap where it is in none */
export function text(space: AddressSpace, r: Int32Array, n: number, slot: number): readonly [at: number, end: number] {
  const at = memory(space, r, n, 1, false, slot);
  const region = space.regionAt(at);
  return [at, region === undefined ? at : region.base + region.size];
}

/** Result: a signed 32-bit number, sign-extended. */
export function returnInt(r: Int32Array, value: number): void {
  r[0] = value;
  r[1] = value >> 31;
}

/** Result: an unsigned 32-bit number or an address. */
export function returnUint(r: Int32Array, value: number): void {
  r[0] = value;
  r[1] = 0;
}

/** Result: a whole number of 0 to 2^64. */
export function returnUint64(r: Int32Array, value: number): void {
  setNumber(r, 0, value);
}
