/** Verifies eBPF programs with the verdicts and the words of Linux 6.18. */
export * from './api.ts';
export { explain } from './explain/explain.ts';
export type { ExplainedStep, Explanation, Known } from './explain/explain.ts';
export { verify } from './verify.ts';
