/** The one check of every access that a program makes or has a helper make. */
import { Trap } from '../errors/index.ts';
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

function badAccess(low: number, high: number, off: number, size: number, write: boolean, slot: number): Trap {
  const sum = (low >>> 0) + off;
  const carry = Math.floor(sum / 0x1_0000_0000);
  const words = [(high + carry) >>> 0, sum >>> 0].map((word) => word.toString(16).padStart(8, '0'));
  const address = words.join('').replace(/^0+(?=.)/, '');
  return new Trap(`invalid ${write ? 'write' : 'read'} of ${size} byte${size > 1 ? 's' : ''} at 0x${address}`, slot);
}
