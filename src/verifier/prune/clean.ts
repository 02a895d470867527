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
  for (const { state } of list) {
    if (state.branches > 0 || state.cleaned || state.insn !== insn || !sameCallsites(state, env.cur)) continue;
    if (isIncomplete(env, state)) continue;
    clean(env, state);
    state.cleaned = true;
  }
}

function clean(env: Env, state: State): void {
  state.frames.forEach((frame, i) => {
    const insn = i === state.frames.length - 1 ? state.insn : state.frames[i + 1].callsite;
    const live = env.aux.liveRegs[insn];
    for (let r = 0; r < FP; r++) if (!((live >>> r) & 1)) frame.regs[r] = NOT_INIT;
    for (let slot = 0; slot < frame.stack.length; slot++) {
      if (frame.stack[slot] !== EMPTY && !env.liveStack.isLive(state.insn, i, slot, state.frames))
        frame.stack[slot] = EMPTY;
    }
  });
}
