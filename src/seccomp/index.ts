/** seccomp filters: what Linux would do with a system call, and why. No part of it needs Linux. */
export * from './action.ts';
export * from './arch.ts';
export { readCall, numberOf } from './call.ts';
export * from './check.ts';
export * from './data.ts';
export * from './decide.ts';
export { formatSeccomp } from './format.ts';
export { EbpfFilter } from './ebpf.ts';
export { ClassicFilter } from './filter.ts';
export { comparisons } from './program.ts';
export type { Comparison, FilterRun, Outcome, SeccompProgram } from './program.ts';
export { StraceLog } from './strace.ts';
export type { CallSink, StraceCounts } from './strace.ts';
