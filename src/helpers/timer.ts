/**
 * Timers in map values: `bpf_timer_init`, `_set_callback`, `_start`, `_cancel`. What they do is the queue's of the CPU.
 * @source the helpers' descriptions in <linux/bpf.h>; orders of errors measured on Linux 6.18
 */
import { ERRNO } from '../errors/index.ts';
import type { Executable } from '../vm/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { int32, memory, returnInt, uint64 } from './registers.ts';

/** @kernel sizeof(struct bpf_timer) */
const TIMER_SIZE = 16;

function fieldOf(env: HelperEnv, r: Int32Array, slot: number): number {
  return memory(env.space, r, 1, TIMER_SIZE, true, slot);
}

export const timerFamily: Family = {
  /** `(timer, map, clock)`. @returns -EINVAL (no such clock), -EBUSY, -EPERM (user space has no descriptor of the map) */
  timer_init(env, r, slot) {
    const map = mapOf(env, r, slot, 2);
    returnInt(r, env.timers?.init(fieldOf(env, r, slot), map, uint64(r, 3)) ?? -ERRNO.EOPNOTSUPP);
  },
  /** `(timer, function)`. @returns -EINVAL (not initialised), -EPERM */
  timer_set_callback(env, r, slot, program) {
    // Whoever runs with this environment was compiled for it.
    const caller = program as unknown as Executable<HelperEnv>;
    returnInt(r, env.timers?.setCallback(fieldOf(env, r, slot), caller, int32(r, 2)) ?? -ERRNO.EOPNOTSUPP);
  },
  /** `(timer, nanoseconds, flags)`. @returns -EINVAL (flags, not initialised) */
  timer_start(env, r, slot) {
    returnInt(r, env.timers?.start(fieldOf(env, r, slot), uint64(r, 2), uint64(r, 3)) ?? -ERRNO.EOPNOTSUPP);
  },
  /** `(timer)`. @returns 1: it was started; 0; -EINVAL (not initialised), -EDEADLK (from its own callback) */
  timer_cancel(env, r, slot) {
    returnInt(r, env.timers?.cancel(fieldOf(env, r, slot)) ?? -ERRNO.EOPNOTSUPP);
  },
};
