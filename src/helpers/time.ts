/** Clocks. Ticks are 4 ms: the pinned kernel's HZ is 250 (measured: `jiffies64` gains 250 a second). */
import type { Family } from './env.ts';
import { returnUint64 } from './registers.ts';

const TICK_NS = 4_000_000;
/** `jiffies64` of Linux starts 300 seconds before 2^32, so that the wrap of its low word shows up early. */
const INITIAL_JIFFIES = 0x1_0000_0000 - 300 * 250;

export const timeFamily: Family = {
  ktime_get_ns: (env, r) => returnUint64(r, env.clock.monotonic()),
  ktime_get_boot_ns: (env, r) => returnUint64(r, env.clock.boottime()),
  ktime_get_tai_ns: (env, r) => returnUint64(r, env.clock.tai()),
  /** The monotonic clock as of the last tick. */
  ktime_get_coarse_ns: (env, r) => returnUint64(r, Math.floor(env.clock.monotonic() / TICK_NS) * TICK_NS),
  jiffies64: (env, r) => returnUint64(r, INITIAL_JIFFIES + Math.floor(env.clock.monotonic() / TICK_NS)),
};
