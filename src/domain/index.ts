/** Arithmetic on unknown numbers: tristate numbers, ranges, and the store that the verifier works with. */
export { ScalarStore } from './store.ts';
export type { Scalar } from './reference/scalar.ts';
export type { Verdict } from './reference/branch.ts';
