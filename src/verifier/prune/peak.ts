/** How many states are kept at once, for the statistics. */
import type { Env } from '../env.ts';

/** The number of kept states has grown. @kernel update_peak_states */
export function updatePeak(env: Env): void {
  env.peakStates = Math.max(env.peakStates, env.listedStates + env.evictedStates + env.backedges);
}
