/**
 * Where checkpoints are kept, and what a loop is called when functions are walked once for each call.
 *
 * Only states with the same calls in progress are worth comparing, so a checkpoint's place depends on the innermost call
 * too. As in Linux, few places hold checkpoints of several instructions: this shows in the statistics.
 */
import type { Checkpoint, Env } from '../env.ts';
import type { State } from '../state/state.ts';

/** The checkpoints that a state at `insn` may be compared with, and perhaps some others. @kernel explored_state */
export function bucketOf(env: Env, insn: number, state: State): Checkpoint[] {
  return (env.checkpoints[((insn ^ state.top.callsite) >>> 0) % env.insns.length] ??= []);
}

/** @kernel same_callsites */
export function sameCallsites(a: State, b: State): boolean {
  if (a.frames.length !== b.frames.length) return false;
  for (let i = a.frames.length - 1; i > 0; i--) if (a.frames[i].callsite !== b.frames[i].callsite) return false;
  return true;
}

/**
 * The outermost loop that a state is in: `(callsite,…,component)`, the calls that lead to it and its number; undefined
 * where no frame is in a loop. @kernel compute_scc_callchain
 */
export function loopOf(env: Env, state: State, insn: number): string | undefined {
  const { scc } = env.aux;
  let chain = '';
  for (let i = 1; i < state.frames.length; i++) {
    const { callsite } = state.frames[i];
    if (scc[callsite]) return `(${chain}${scc[callsite]})`;
    chain += `${callsite},`;
  }
  return scc[insn] ? `(${chain}${scc[insn]})` : undefined;
}

/** A loop's name in the log, where a call by the program's first instruction ends the list of calls. */
export const loopText = (loop: string): string => loop.replace(/^\(0,.*?(\d+)\)$/, '($1)');
