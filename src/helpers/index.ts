/** Helpers: one file per family, one table by number. */
export type { Clock, HelperEnv, Task } from './env.ts';
