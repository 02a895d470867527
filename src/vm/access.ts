/** The one check of every access that a program makes or has a helper make. */
import { Trap } from '../errors/index.ts';
import { MODE } from '../isa/index.ts';
import type { AddressSpace } from '../memory/index.ts';

/**
 * The address of `size` bytes at the 64-bit pointer `high:low` plus `off`, all inside one live object.
 * The sum may wrap at 32 bits without harm: the first and the last 64 KiB of addresses belong to nobody, and `off` is
 * shorter.
 * @throws Trap where the access is bad.
 */
export function checkedAddress(
  space: AddressSpace,
  low: number,
  high: number,
  off: number,
  size: number,
  write: boolean,
  slot: number,
): number {
  const address = (low + off) >>> 0;
  if (high !== 0 || space.check(address, size, write) === undefined) throw badAccess(low, high, off, size, write, slot);
  return address;
}

/** Bytes of a load by the two bits of its opcode that say so. */
const BYTES = [4, 2, 1, 8];

/**
 * The words at `d` = what a guarded load finds at the pointer at `s` plus `off`: 0 where there is no live object.
 * @param op its opcode
 */
export function guardedLoad(space: AddressSpace, r: Int32Array, op: number, d: number, s: number, off: number): void {
  const size = BYTES[(op >> 3) & 3];
  const address = (r[s] + off) >>> 0;
  const isThere = r[s + 1] === 0 && space.check(address, size, false) !== undefined;
  let [low, high] = [0, 0];
  for (let i = isThere ? Math.min(size, 4) - 1 : -1; i >= 0; i--) low = (low << 8) | space.bytes[address + i];
  if (isThere && size === 8) high = space.view.getInt32(address + 4, true);
  if ((op & 0xe0) === MODE.MEMSX) {
    const unused = 32 - 8 * size;
    low = (low << unused) >> unused;
    high = low >> 31;
  }
  r[d] = low;
  r[d + 1] = high;
}

function badAccess(low: number, high: number, off: number, size: number, write: boolean, slot: number): Trap {
  const sum = (low >>> 0) + off;
  const carry = Math.floor(sum / 0x1_0000_0000);
  const words = [(high + carry) >>> 0, sum >>> 0].map((word) => word.toString(16).padStart(8, '0'));
  const address = words.join('').replace(/^0+(?=.)/, '');
  return new Trap(`invalid ${write ? 'write' : 'read'} of ${size} byte${size > 1 ? 's' : ''} at 0x${address}`, slot);
}
