/**
 * Loops while the walk is inside them. A path may end at a checkpoint whose own paths have not all ended: it goes round,
 * over a backedge. What such a checkpoint's paths need exactly is not known yet, so the backedge is kept; when the walk
 * leaves the loop, the marks are carried over all backedges until none is new. Until then no checkpoint of the loop has
 * its final marks, and comparisons must take every number as if it had mattered. @kernel bpf_scc_visit
 * Rejects nothing.
 */
import type { Env } from '../env.ts';
import { propagatePrecision } from '../precision/propagate.ts';
import type { State } from '../state/state.ts';
import { loopOf, loopText } from './bucket.ts';
import { updatePeak } from './peak.ts';

/** A path that joined a checkpoint of its own loop. */
interface Backedge {
  /** Where the path ended. */
  readonly state: State;
  /** The checkpoint that it equals. */
  readonly equal: State;
}

/** A loop that the walk is in. */
export interface OpenLoop {
  /** The first checkpoint inside. */
  readonly entry: State;
  /** Newest first. */
  readonly backedges: Backedge[];
}

/** A checkpoint was taken: perhaps it is the first of a loop. */
export function enterLoop(env: Env, state: State): void {
  const loop = loopOf(env, state, state.insn);
  state.loop = loop;
  if (!loop || env.openLoops.has(loop)) return;
  env.openLoops.set(loop, { entry: state, backedges: [] });
  if (env.log.verbose) env.log.write(`SCC enter ${loopText(loop)}\n`);
}

/** The current path joined `equal`, whose marks are not complete. */
export function addBackedge(env: Env, equal: State): void {
  const { loop } = equal;
  const open = loop && env.openLoops.get(loop);
  if (!open) return;
  if (env.log.verbose) env.log.write(`SCC backedge ${loopText(loop)}\n`);
  open.backedges.unshift({ state: env.cur.fork(), equal });
  env.backedges++;
  updatePeak(env);
}

/** Whether paths behind a checkpoint may still come to need more than its marks say. @kernel incomplete_read_marks */
export function isIncomplete(env: Env, state: State): boolean {
  if (!env.backedges) return false;
  const { loop } = state;
  return loop !== undefined && (env.openLoops.get(loop)?.backedges.length ?? 0) > 0;
}

/** All paths from a checkpoint have ended: perhaps the loop that it opened is done. */
export function exitLoop(env: Env, state: State): void {
  if (!env.openLoops.size) return;
  const { loop } = state;
  const open = loop && env.openLoops.get(loop);
  if (!open || open.entry !== state) return;
  env.openLoops.delete(loop);
  env.backedges -= open.backedges.length;
  if (env.log.verbose) env.log.write(`SCC exit ${loopText(loop)}\n`);
  const changed = { value: open.backedges.length > 0 };
  while (changed.value) {
    changed.value = false;
    for (const backedge of open.backedges) propagatePrecision(env, backedge.equal, backedge.state, changed);
  }
}
