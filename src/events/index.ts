/** Readers of what programs send. */
export { PerfReader } from './perf-reader.ts';
export type { PerfReaderOptions, PerfSample } from './perf-reader.ts';
