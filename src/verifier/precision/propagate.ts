/**
 * A path joined a checkpoint: what had to be exact there has to be exact on the way here too (@kernel
 * propagate_precision). Rejects nothing.
 */
import type { Env } from '../env.ts';
import { REG } from '../state/reg.ts';
import { isScalarSpill } from '../state/slot.ts';
import { NREGS, type State } from '../state/state.ts';
import { backtrack } from './backtrack.ts';

/** Carry the marks of `old` over to the checkpoints that `state` came through. @returns 0 */
export function propagatePrecision(env: Env, old: State, state: State, changed?: { value: boolean }): number {
  const track = env.track.start(state.frames.length - 1);
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const frame = old.frames[f];
    const names: string[] = [];
    for (let r = 0; r < NREGS; r++) {
      if (!((frame.preciseRegs >>> r) & 1) || frame.regs[r].type !== REG.SCALAR) continue;
      track.setReg(r, f);
      names.push(`r${r}`);
    }
    frame.stack.forEach((slot, i) => {
      if (!frame.isSlotPrecise(i) || !isScalarSpill(slot)) return;
      track.setSlot(f, i);
      names.push(`fp${-(i + 1) * 8}`);
    });
    if (env.log.verbose && names.length) env.log.write(`frame ${f}: propagating ${names.join(',')}\n`);
  }
  return backtrack(env, state, track, changed);
}
