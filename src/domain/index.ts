/** Arithmetic on unknown numbers: tristate numbers, ranges, and the store that the verifier works with. */
export { ScalarStore, type Ranges } from './store.ts';
export type { Verdict } from './branch.ts';
export type { Scalar } from './reference/scalar.ts';
