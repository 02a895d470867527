/** Readers of what programs send. */
export { UserRingbufWriter } from './user-ringbuf-writer.ts';
export { RingbufReader } from './ringbuf-reader.ts';
export { PerfReader } from './perf-reader.ts';
export type { PerfReaderOptions, PerfSample } from './perf-reader.ts';
