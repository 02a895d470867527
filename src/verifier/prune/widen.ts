/**
 * After a round of a loop whose length is unknown: numbers that differ from the round before, and whose exact value no
 * decision depended on, become unknown, so that the next round can be the same (@kernel widen_imprecise_scalars).
 */
import type { Env } from '../env.ts';
import { REG, type Reg } from '../state/reg.ts';
import { isSpill, Slot } from '../state/slot.ts';
import { NREGS, type State } from '../state/state.ts';
import { newComparison, regsExact } from './equal.ts';

/** Widen `cur` against `old`, the state in which the round before began. */
export function widen(env: Env, old: State, cur: State): void {
  newComparison(env);
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const before = old.frames[f];
    const { regs, stack } = cur.frames[f];
    for (let r = 0; r < NREGS; r++) {
      regs[r] = widened(env, before.regs[r], regs[r], ((before.preciseRegs >>> r) & 1) !== 0);
    }
    for (let i = 0; i < Math.min(before.stack.length, stack.length); i++) {
      if (!isSpill(before.stack[i]) || !isSpill(stack[i])) continue;
      const reg = widened(env, before.stack[i].reg, stack[i].reg, before.isSlotPrecise(i));
      if (reg !== stack[i].reg) stack[i] = new Slot(stack[i].types, reg);
    }
  }
}

function widened(env: Env, before: Reg, now: Reg, precise: boolean): Reg {
  if (before.type !== REG.SCALAR || now.type !== REG.SCALAR || precise) return now;
  return regsExact(before, now) ? now : env.unknown();
}
