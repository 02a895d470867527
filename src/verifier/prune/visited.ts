/**
 * At a prune point: has a state like this been found safe before, does the walk go in circles, and should this state be
 * kept for later comparisons (@kernel is_state_visited)?
 *
 * When a state is kept and when one is dropped are heuristics that show in the statistics, so they are Linux's own; each
 * number was pinned by programs of growing loops and branch chains on Linux 6.18.
 * Rejects: `infinite loop detected at insn %d` (EINVAL).
 */
import { ERRNO } from '../../errors/index.ts';
import { isMayGoto } from '../cfg.ts';
import type { Env } from '../env.ts';
import { AUX } from '../insn-aux.ts';
import { printLine } from '../log/lines.ts';
import { stateText } from '../log/state-text.ts';
import { pushHistory } from '../precision/history.ts';
import { propagatePrecision } from '../precision/propagate.ts';
import type { State } from '../state/state.ts';
import { bucketOf } from './bucket.ts';
import { cleanCheckpoints } from './clean.ts';
import { EXACT, maybeLooping, statesEqual } from './equal.ts';
import { addBackedge, enterLoop, exitLoop, isIncomplete } from './open-loops.ts';
import { updatePeak } from './peak.ts';

/** A state is worth keeping after this many jumps and instructions since the last kept one. */
const MIN_JUMPS = 2;
const MIN_INSNS = 8;
/** Inside a loop it takes more, so that a long one does not fill memory. */
const LOOP_JUMPS = 20;
const LOOP_INSNS = 100;
/** A history longer than this is cut by a kept state. */
const MAX_HISTORY = 40;
/** A kept state is dropped when it was compared in vain this many times more often than with success. */
const MISSES_PER_HIT = 3;
const MISSES_PER_HIT_FORCED = 64;

export const VISITED = { NEW: 0, SAFE: 1 } as const;

/** @returns VISITED.SAFE: the path may end here; NEW: walk on; -errno. */
export function checkVisited(env: Env): number {
  const at = env.insnIdx;
  const { cur } = env;
  const forced = (env.aux.flags[at] & AUX.FORCE_CHECKPOINT) !== 0;
  const always = env.testStateFreq || forced || (cur.history?.count ?? 0) > MAX_HISTORY;
  const jumps = env.jmpsProcessed - env.prevJmpsProcessed;
  const insns = env.insnProcessed - env.prevInsnProcessed;
  let keep = always || (jumps >= MIN_JUMPS && insns >= MIN_INSNS);
  const list = bucketOf(env, at, cur);
  cleanCheckpoints(env, at, list);
  const compared = list.length;
  for (let i = 0; i < list.length; i++) {
    const checkpoint = list[i];
    const old = checkpoint.state;
    if (old.insn !== at) continue;
    if (old.branches > 0) {
      const otherRound = old.mayGotoDepth !== cur.mayGotoDepth;
      if (otherRound && isMayGoto(env.insns[at]) && statesEqual(env, old, cur, EXACT.WITHIN)) {
        checkpoint.hits++;
        return join(env, old, true);
      }
      const callsBack = (env.aux.flags[at] & AUX.CALLS_CALLBACK) !== 0;
      if (callsBack && statesEqual(env, old, cur, EXACT.WITHIN)) {
        checkpoint.hits++;
        return join(env, old, false);
      }
      const comparable =
        !otherRound &&
        !callsBack &&
        old.callbackRounds === cur.callbackRounds &&
        old.top.asyncEntry === cur.top.asyncEntry;
      if (comparable && maybeLooping(old, cur) && statesEqual(env, old, cur, EXACT.YES)) return refuseLoop(env, old);
      if (!always && jumps < LOOP_JUMPS && insns < LOOP_INSNS) keep = false;
    } else {
      const incomplete = isIncomplete(env, old);
      if (statesEqual(env, old, cur, incomplete ? EXACT.WITHIN : EXACT.NOT)) {
        checkpoint.hits++;
        return join(env, old, incomplete);
      }
    }
    if (keep) checkpoint.misses++;
    const patience = forced && old.branches > 0 ? MISSES_PER_HIT_FORCED : MISSES_PER_HIT;
    if (checkpoint.misses > checkpoint.hits * patience + patience) {
      list.splice(i--, 1);
      evict(env, checkpoint.state);
    }
  }
  env.maxStatesPerInsn = Math.max(env.maxStatesPerInsn, compared);
  if (keep) addCheckpoint(env, at);
  return VISITED.NEW;
}

function refuseLoop(env: Env, old: State): number {
  printLine(env, env.insnIdx, '; ');
  env.log.write(`infinite loop detected at insn ${env.insnIdx}\n`);
  const frame = env.cur.frames.length - 1;
  env.log.write(`cur state:${stateText(env, env.cur, frame, true)}\n`);
  env.log.write(`old state:${stateText(env, old, frame, true)}\n`);
  return -ERRNO.EINVAL;
}

/** The current path ends here: it adds nothing to `old`. */
function join(env: Env, old: State, incomplete: boolean): number {
  if (env.aux.flags[env.insnIdx] & AUX.JMP_POINT) pushHistory(env, 0);
  const err = propagatePrecision(env, old, env.cur);
  if (err) return err;
  if (incomplete) addBackedge(env, old);
  return VISITED.SAFE;
}

/** Keep the current state, and go on as its first branch. */
function addCheckpoint(env: Env, at: number): void {
  const { cur } = env;
  const state = cur.fork();
  state.insn = at;
  const checkpoint = { state, hits: 0, misses: 0, evicted: false };
  bucketOf(env, at, state).unshift(checkpoint);
  state.checkpoint = checkpoint;
  env.totalStates++;
  env.listedStates++;
  updatePeak(env);
  env.prevJmpsProcessed = env.jmpsProcessed;
  env.prevInsnProcessed = env.insnProcessed;
  enterLoop(env, state);
  cur.parent = state;
  cur.firstInsn = at;
  cur.history = undefined;
  env.curHistory = undefined;
}

/** Out of its list; what its open paths still need stays until they end. */
function evict(env: Env, state: State): void {
  if (state.branches === 0 && !state.cleaned) env.uncleaned[state.insn]--;
  state.checkpoint!.evicted = true;
  env.listedStates--;
  env.evictedStates++;
  forget(env, state);
}

function forget(env: Env, state: State): void {
  if (!state.checkpoint?.evicted || state.branches > 0 || isIncomplete(env, state)) return;
  state.checkpoint = undefined;
  env.evictedStates--;
}

/** The current path ended: count down the open paths of the checkpoints it came through. @kernel update_branch_counts */
export function endPath(env: Env): void {
  for (let state: State | undefined = env.cur; state;) {
    if (--state.branches > 0) return;
    exitLoop(env, state);
    const { parent }: State = state;
    if (state.checkpoint && !state.checkpoint.evicted) env.uncleaned[state.insn]++;
    if (state !== env.cur) forget(env, state);
    state = parent;
  }
}
