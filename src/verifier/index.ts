/** Verifies eBPF programs with the verdicts and the words of Linux 6.18. */
export * from './api.ts';
export { verify } from './verify.ts';
