/**
 * Reads from addresses that nobody has proved: inside the one memory they read what is there, anywhere else they fail as a
 * fault would, with a zeroed destination and -EFAULT. There is no other address space: kernel and user reads are the same.
 */
import { ERRNO } from '../errors/index.ts';
import type { HelperFn } from '../vm/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { memory, returnInt, uint32 } from './registers.ts';

/** What Linux answers where nothing is at the address in r3, and where nothing is read from there. */
interface Reach {
  fault(r: Int32Array): number;
  empty(r: Int32Array): number;
}

/** First address behind user space: its high word, and its low word. @kernel TASK_SIZE_MAX */
const USER_END = [0x7fff, 0xfffff000] as const;
/** The page of old system calls. @kernel VSYSCALL_ADDR */
const VSYSCALL = [-1, 0xff600000] as const;
const PAGE = 0x1000;

function isUser(r: Int32Array): boolean {
  const [low, high] = [r[6] >>> 0, r[7] >>> 0];
  return high < USER_END[0] || (high === USER_END[0] && low < USER_END[1]);
}

/** Above user space and a page behind it, of 57 bits, and not the page of old system calls. @kernel copy_from_kernel_nofault_allowed */
function isKernel(r: Int32Array): boolean {
  const high = r[7];
  if (high >>> 15 === 0 || (high << 7) >> 7 !== high) return false;
  return high !== VSYSCALL[0] || (r[6] & -PAGE) >>> 0 !== VSYSCALL[1];
}

const USER: Reach = {
  fault: () => -ERRNO.EFAULT,
  empty: (r) => (isUser(r) || (r[7] === USER_END[0] && r[6] >>> 0 === USER_END[1]) ? 0 : -ERRNO.EFAULT),
};
const KERNEL: Reach = {
  fault: (r) => (isKernel(r) ? -ERRNO.EFAULT : -ERRNO.ERANGE),
  empty: (r) => (isKernel(r) ? 0 : -ERRNO.ERANGE),
};
/** Of the helpers that are older than the two halves. */
const EITHER: Reach = {
  fault: (r) => (isUser(r) ? USER : KERNEL).fault(r),
  empty: (r) => (isUser(r) ? USER : KERNEL).empty(r),
};
/** Nothing is always there. */
const COPY: Reach = { fault: USER.fault, empty: () => 0 };

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
function read(env: HelperEnv, r: Int32Array, slot: number, reach: Reach): void {
  const size = uint32(r, 2);
  const to = memory(env.space, r, 1, size, true, slot);
  const from = r[6] >>> 0;
  const { bytes } = env.space;
  const isThere = r[7] === 0 && env.space.check(from, size, false) !== undefined;
  if (isThere) copy(bytes, to, from, size);
  else bytes.fill(0, to, to + size);
  returnInt(r, isThere ? 0 : size === 0 ? reach.empty(r) : reach.fault(r));
}

/** `(dst, size, from)`: up to the NUL, or cut to `size - 1` bytes and a NUL; the length with it. */
function readString(env: HelperEnv, r: Int32Array, slot: number, reach: Reach): void {
  const size = uint32(r, 2);
  const to = memory(env.space, r, 1, size, true, slot);
  const from = r[6] >>> 0;
  const { space } = env;
  const { bytes } = space;
  if (size === 0) return returnInt(r, 0);
  for (let i = 0; i < size; i++) {
    if (r[7] !== 0 || space.check(from + i, 1, false) === undefined) {
      bytes.fill(0, to, to + size);
      return returnInt(r, reach.fault(r));
    }
    bytes[to + i] = i === size - 1 ? 0 : bytes[from + i];
    if (bytes[to + i] === 0) return returnInt(r, i + 1);
  }
}

const reads =
  (reach: Reach): HelperFn<HelperEnv> =>
  (env, r, slot) =>
    read(env, r, slot, reach);
const readsString =
  (reach: Reach): HelperFn<HelperEnv> =>
  (env, r, slot) =>
    readString(env, r, slot, reach);

export const probeFamily: Family = {
  probe_read: reads(EITHER),
  probe_read_kernel: reads(KERNEL),
  probe_read_user: reads(USER),
  probe_read_str: readsString(EITHER),
  probe_read_kernel_str: readsString(KERNEL),
  probe_read_user_str: readsString(USER),
  copy_from_user: reads(COPY),
};
