/**
 * The clock of this thread, for programs and for events: CLOCK_MONOTONIC, as bpf_ktime_get_ns has it on Linux, so that times
 * of several threads and processes of one machine can be compared. `performance.now()`, which is the same clock, counts from
 * the start of the thread.
 */
import { performance } from 'node:perf_hooks';
import type { KernelOptions } from '../../kernel/index.ts';

const MILLION = 1e6;
const TAI_OFFSET_MS = 37_000;

/** Nanoseconds of the clock when `performance.now()` was 0. */
const origin = (() => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e9 + nanoseconds - performance.now() * MILLION;
})();

/** Nanoseconds of the clock at a time of `performance.now()`. */
export const monotonic = (milliseconds = performance.now()): number => Math.floor(origin + milliseconds * MILLION);

export const threadClock: NonNullable<KernelOptions['clock']> = {
  monotonic,
  boottime: monotonic,
  tai: () => (Date.now() + TAI_OFFSET_MS) * MILLION,
};
