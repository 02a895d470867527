/**
 * Reads from addresses that nobody has proved: inside the one memory they read what is there, anywhere else they fail as a
 * fault would, with a zeroed destination and -EFAULT. There is no other address space: kernel and user reads are the same.
 */
import { ERRNO } from '../errors/index.ts';
import type { HelperFn } from '../vm/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { memory, returnInt, uint32 } from './registers.ts';

type Fault = (r: Int32Array) => number;

/** What Linux answers where a user address is not mapped. */
const userFault: Fault = () => -ERRNO.EFAULT;
/** The kernel has nothing in the lower half of the address space. */
const kernelFault: Fault = (r) => (r[7] >>> 15 === 0 ? -ERRNO.ERANGE : -ERRNO.EFAULT);

/** As Linux does: forwards, 8 bytes at a time, then 4, 2, 1. What overlaps is read after it was written. */
function copy(bytes: Uint8Array, to: number, from: number, size: number): void {
  if (to <= from || to >= from + size) {
    bytes.copyWithin(to, from, from + size);
    return;
  }
  let at = 0;
  for (let step = 8; step > 0; step >>= 1)
    for (; size - at >= step; at += step) bytes.copyWithin(to + at, from + at, from + at + step);
}

/** `(dst, size, from)` */
function read(env: HelperEnv, r: Int32Array, slot: number, fault: Fault): void {
  const size = uint32(r, 2);
  const to = memory(env.space, r, 1, size, true, slot);
  const from = r[6] >>> 0;
  const { bytes } = env.space;
  if (size === 0) {
    // Nothing is read: the kernel minds only addresses of the other half.
    const refused = fault === kernelFault ? r[7] === 0 && from === 0 : r[7] !== 0;
    return returnInt(r, refused ? fault(r) : 0);
  }
  const isThere = r[7] === 0 && env.space.check(from, size, false) !== undefined;
  if (isThere) copy(bytes, to, from, size);
  else bytes.fill(0, to, to + size);
  returnInt(r, isThere ? 0 : fault(r));
}

/** `(dst, size, from)`: up to the NUL, or cut to `size - 1` bytes and a NUL; the length with it. */
function readString(env: HelperEnv, r: Int32Array, slot: number, fault: Fault): void {
  const size = uint32(r, 2);
  const to = memory(env.space, r, 1, size, true, slot);
  const from = r[6] >>> 0;
  const { space } = env;
  const { bytes } = space;
  if (size === 0) return returnInt(r, 0);
  for (let i = 0; i < size; i++) {
    if (r[7] !== 0 || space.check(from + i, 1, false) === undefined) {
      bytes.fill(0, to, to + size);
      return returnInt(r, fault(r));
    }
    bytes[to + i] = i === size - 1 ? 0 : bytes[from + i];
    if (bytes[to + i] === 0) return returnInt(r, i + 1);
  }
}

const reads =
  (fault: Fault): HelperFn<HelperEnv> =>
  (env, r, slot) =>
    read(env, r, slot, fault);
const readsString =
  (fault: Fault): HelperFn<HelperEnv> =>
  (env, r, slot) =>
    readString(env, r, slot, fault);

export const probeFamily: Family = {
  probe_read: reads(kernelFault),
  probe_read_kernel: reads(kernelFault),
  probe_read_user: reads(userFault),
  probe_read_str: readsString(kernelFault),
  probe_read_kernel_str: readsString(kernelFault),
  probe_read_user_str: readsString(userFault),
  copy_from_user: reads(userFault),
};
