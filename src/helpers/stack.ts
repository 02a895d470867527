/**
 * Stack traces. Programs of this subsystem run in no kernel: nobody has a stack that can be walked (-EFAULT, the buffer is
 * zeroed). Refuses what Linux refuses before it walks: unknown flags, sizes that are no whole number of frames (-EINVAL).
 * Measured with raw tracepoints on Linux 6.18.
 */
import { ERRNO } from '../errors/index.ts';
import type { Family } from './env.ts';
import { memory, returnInt, uint32, uint64 } from './registers.ts';

/** @kernel BPF_F_SKIP_FIELD_MASK, BPF_F_USER_STACK, BPF_F_FAST_STACK_CMP, BPF_F_REUSE_STACKID, BPF_F_USER_BUILD_ID */
const FLAG = { SKIP: 0xff, USER_STACK: 0x100, FAST_COMPARE: 0x200, REUSE: 0x400, USER_BUILD_ID: 0x800 } as const;
const STACKID_FLAGS = FLAG.SKIP | FLAG.USER_STACK | FLAG.FAST_COMPARE | FLAG.REUSE;
const STACK_FLAGS = FLAG.SKIP | FLAG.USER_STACK | FLAG.USER_BUILD_ID;

/** Bytes of a frame: an address, or a `struct bpf_stack_build_id`. */
const ADDRESS = 8;
const BUILD_ID = 32;

const unknown = (flags: number, known: number): boolean => flags > known || (flags & ~known) !== 0;

function stackError(size: number, flags: number): number {
  if (unknown(flags, STACK_FLAGS)) return -ERRNO.EINVAL;
  const buildId = (flags & FLAG.USER_BUILD_ID) !== 0;
  if (buildId && !(flags & FLAG.USER_STACK)) return -ERRNO.EINVAL;
  return size % (buildId ? BUILD_ID : ADDRESS) === 0 ? -ERRNO.EFAULT : -ERRNO.EINVAL;
}

export const stackFamily: Family = {
  /** `(ctx, map, flags)` */
  get_stackid: (_env, r) => returnInt(r, unknown(uint64(r, 3), STACKID_FLAGS) ? -ERRNO.EINVAL : -ERRNO.EFAULT),
  /** `(ctx, buffer, size, flags)` */
  get_stack(env, r, slot) {
    const size = uint32(r, 3);
    const at = memory(env.space, r, 2, size, true, slot);
    env.space.bytes.fill(0, at, at + size);
    returnInt(r, stackError(size, uint64(r, 4)));
  },
};
