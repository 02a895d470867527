/**
 * Forget in a checkpoint what nobody reads later: registers by static liveness, stack slots by the stack's. Then states
 * that differ only there are equal. @kernel clean_live_states
 */
import type { Checkpoint, Env } from '../env.ts';
import { NOT_INIT } from '../state/reg.ts';
import { EMPTY } from '../state/slot.ts';
import { FP, type State } from '../state/state.ts';
import { sameCallsites } from './bucket.ts';
import { isIncomplete } from './open-loops.ts';

/** Clean the checkpoints at `insn` whose paths have all ended: only then is it known what they read. */
export function cleanCheckpoints(env: Env, insn: number, list: readonly Checkpoint[]): void {
  if (env.uncleaned[insn] === 0) return;
  for (let i = 0; i < list.length; i++) {
    const { state } = list[i];
    if (state.cleaned || state.branches > 0 || state.insn !== insn || !sameCallsites(state, env.cur)) continue;
    if (isIncomplete(env, state)) continue;
    clean(env, state);
    state.cleaned = true;
    env.uncleaned[insn]--;
  }
}

function clean(env: Env, { frames, insn }: State): void {
  for (let f = 0; f < frames.length; f++) {
    const { regs, stack } = frames[f];
    const live = env.aux.liveRegs[f === frames.length - 1 ? insn : frames[f + 1].callsite];
    for (let r = 0; r < FP; r++) if (!((live >>> r) & 1)) regs[r] = NOT_INIT;
    for (let word = 0; 32 * word < stack.length; word++) {
      const slots = env.liveStack.live(insn, f, word, frames);
      const end = Math.min(stack.length, 32 * word + 32);
      for (let slot = 32 * word; slot < end; slot++) if (!((slots >>> (slot & 31)) & 1)) stack[slot] = EMPTY;
    }
  }
}
