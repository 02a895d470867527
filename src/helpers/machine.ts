/** The CPU a program runs on, and random numbers. */
import type { Family } from './env.ts';
import { returnUint } from './registers.ts';

export const machineFamily: Family = {
  get_prandom_u32: (env, r) => returnUint(r, env.random()),
  get_smp_processor_id: (env, r) => returnUint(r, env.cpu),
  /** There is one node. */
  get_numa_node_id: (_env, r) => returnUint(r, 0),
};
