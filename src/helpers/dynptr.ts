/**
 * Dynptrs: 16 bytes that stand for a piece of memory whose size only the run knows. The verifier keeps programs from looking
 * inside, so that the words are this file's own: address, flags, size, 0. Address 0 is the null dynptr.
 */
import { ERRNO, Trap } from '../errors/index.ts';
import { UserRingbufMap } from '../maps/index.ts';
import type { Calls } from '../vm/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { int32, memory, returnInt, returnUint, uint32, uint64 } from './registers.ts';

const SIZE = 16;
const READ_ONLY = 1;
/** @kernel DYNPTR_MAX_SIZE */
const MAX_SIZE = 0xffffff;
/** @kernel BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP */
const WAKEUP_FLAGS = 3;
/** Most records of one drain. @kernel BPF_MAX_USER_RINGBUF_SAMPLES */
const MAX_SAMPLES = 128 * 1024;

interface Dynptr {
  readonly address: number;
  readonly readOnly: boolean;
  readonly size: number;
}

/** Write a dynptr at `at`. */
export function writeDynptr(
  { space: { view } }: HelperEnv,
  at: number,
  address: number,
  size: number,
  readOnly = false,
): void {
  view.setUint32(at, address, true);
  view.setUint32(at + 4, readOnly ? READ_ONLY : 0, true);
  view.setUint32(at + 8, size, true);
  view.setUint32(at + 12, 0, true);
}

/** The dynptr in argument `n`. */
export function readDynptr(env: HelperEnv, r: Int32Array, n: number, slot: number): Dynptr {
  const at = memory(env.space, r, n, SIZE, false, slot);
  const { view } = env.space;
  return {
    address: view.getUint32(at, true),
    readOnly: (view.getUint32(at + 4, true) & READ_ONLY) !== 0,
    size: view.getUint32(at + 8, true),
  };
}

/** Why `length` bytes at `offset` cannot be reached; 0 where they can. */
function refuse(ptr: Dynptr, offset: number, length: number, write: boolean): number {
  if (ptr.address === 0 || (write && ptr.readOnly)) return -ERRNO.EINVAL;
  return offset + length > ptr.size ? -ERRNO.E2BIG : 0;
}

/** No flags are known. */
const badFlags = (flags: number): number => (flags === 0 ? 0 : -ERRNO.EINVAL);

export const dynptrFamily: Family = {
  /** `(data, size, flags, out)` */
  dynptr_from_mem(env, r, slot) {
    const [size, flags] = [uint32(r, 2), uint64(r, 3)];
    const data = memory(env.space, r, 1, size, true, slot);
    const out = memory(env.space, r, 4, SIZE, true, slot);
    const error = size > MAX_SIZE ? -ERRNO.E2BIG : flags !== 0 ? -ERRNO.EINVAL : 0;
    if (error) writeDynptr(env, out, 0, 0);
    else writeDynptr(env, out, data, size);
    returnInt(r, error);
  },
  /** `(out, size, dynptr, offset, flags)` */
  dynptr_read(env, r, slot) {
    const [size, offset] = [uint32(r, 2), uint32(r, 4)];
    const out = memory(env.space, r, 1, size, true, slot);
    const ptr = readDynptr(env, r, 3, slot);
    const error = badFlags(uint64(r, 5)) || refuse(ptr, offset, size, false);
    const from = ptr.address + offset;
    if (!error) env.space.bytes.copyWithin(out, from, from + size);
    returnInt(r, error);
  },
  /** `(dynptr, offset, data, size, flags)` */
  dynptr_write(env, r, slot) {
    const [offset, size] = [uint32(r, 2), uint32(r, 4)];
    const data = memory(env.space, r, 3, size, false, slot);
    const ptr = readDynptr(env, r, 1, slot);
    const error = refuse(ptr, offset, size, true) || badFlags(uint64(r, 5));
    if (!error) env.space.bytes.copyWithin(ptr.address + offset, data, data + size);
    returnInt(r, error);
  },
  /** `(dynptr, offset, size)`: an address, or 0 */
  dynptr_data(env, r, slot) {
    const [offset, size] = [uint32(r, 2), uint32(r, 3)];
    const ptr = readDynptr(env, r, 1, slot);
    returnUint(r, refuse(ptr, offset, size, true) ? 0 : ptr.address + offset);
  },

  /** `(map, function, ctx, flags)`: calls `function(dynptr, ctx)` for each record until it answers 1. @returns calls, or -errno */
  user_ringbuf_drain(env, r, slot): Calls | void {
    const map = mapOf(env, r, slot);
    if (!(map instanceof UserRingbufMap)) throw new Trap('r1 is not a user ring buffer', slot);
    if (uint64(r, 4) > WAKEUP_FLAGS) return returnInt(r, -ERRNO.EINVAL);
    if (!map.startDrain()) return returnInt(r, -ERRNO.EBUSY);
    const ctx = [r[6], r[7]] as const;
    let samples = 0;
    let pending = false;
    const end = (words: Int32Array, result: number): false => {
      map.endDrain();
      returnInt(words, result);
      return false;
    };
    return {
      callback: int32(r, 2),
      next(words, returned) {
        if (pending) map.advance();
        pending = false;
        if (returned !== 0 || samples === MAX_SAMPLES) return end(words, samples);
        for (;;) {
          const sample = map.peek();
          if (sample === 'discarded') map.advance();
          else if (typeof sample === 'number') return end(words, sample === -ERRNO.ENODATA ? samples : sample);
          else {
            writeDynptr(env, env.dynptr, sample.address, sample.length);
            break;
          }
        }
        pending = true;
        samples++;
        words[2] = env.dynptr;
        words[3] = 0;
        words[4] = ctx[0];
        words[5] = ctx[1];
        return true;
      },
    };
  },
};
