/**
 * A path joined a checkpoint: what had to be exact there has to be exact on the way here too (@kernel
 * propagate_precision). Rejects nothing.
 */
import type { Env } from '../env.ts';
import { REG } from '../state/reg.ts';
import { isScalarSpill } from '../state/slot.ts';
import type { State } from '../state/state.ts';
import { backtrack } from './backtrack.ts';
import type { Track } from './track.ts';

/** Carry the marks of `old` over to the checkpoints that `state` came through. @returns 0 */
export function propagatePrecision(env: Env, old: State, state: State, changed?: { value: boolean }): number {
  const track = env.track.start(state.frames.length - 1);
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const frame = old.frames[f];
    if ((frame.preciseRegs | frame.preciseLow | frame.preciseHigh) === 0) continue;
    for (let left = frame.preciseRegs; left; left &= left - 1) {
      const r = 31 - Math.clz32(left & -left);
      if (frame.regs[r].type === REG.SCALAR) track.setReg(r, f);
    }
    for (let i = 0; i < frame.stack.length; i++) {
      if (frame.isSlotPrecise(i) && isScalarSpill(frame.stack[i])) track.setSlot(f, i);
    }
    if (env.log.verbose) printPropagated(env, track, f);
  }
  return backtrack(env, state, track, changed);
}

function printPropagated(env: Env, track: Track, f: number): void {
  const slots = track.slots(f).map((i) => `fp${-(i + 1) * 8}`);
  const names = [track.regText(f), ...slots].filter((name) => name !== '');
  if (names.length) env.log.write(`frame ${f}: propagating ${names.join(',')}\n`);
}
