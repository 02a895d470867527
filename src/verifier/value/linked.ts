/**
 * Numbers that came from one: what a branch teaches one is known of all (@kernel collect_linked_regs, sync_linked_regs).
 * A number at a constant distance (`r2 = r1; r2 += 8`) learns with that distance. Registers that nobody reads later are
 * left out: states that differ only there are equal, so nothing may depend on them.
 */
import { ALU } from '../../isa/index.ts';
import type { Env } from '../env.ts';
import { REG, Reg } from '../state/reg.ts';
import { isScalarSpill, Slot } from '../state/slot.ts';
import { FP, type LinkedReg, type State } from '../state/state.ts';

/** Most that one history entry holds. */
const MAX_LINKED = 6;

/** Append the registers and spilled registers of id `id`; those that find no room leave the group. */
export function collectLinked(env: Env, id: number, out: LinkedReg[]): void {
  const { frames } = env.cur;
  const fits = (frame: number, reg: number, slot: number): boolean =>
    out.length < MAX_LINKED && out.push({ frame, reg, slot }) > 0;
  for (let f = frames.length - 1; f >= 0; f--) {
    const { regs, stack } = frames[f];
    const live = env.aux.liveRegs[f === frames.length - 1 ? env.insnIdx : frames[f + 1].callsite];
    for (let r = 0; r < FP; r++) {
      if (((live >>> r) & 1) === 0) continue;
      if (regs[r].type === REG.SCALAR && regs[r].id === id && !fits(f, r, -1)) regs[r] = regs[r].withId(0);
    }
    stack.forEach((slot, i) => {
      if (isScalarSpill(slot) && slot.reg.id === id && !fits(f, 0, i))
        stack[i] = new Slot(slot.types, slot.reg.withId(0));
    });
  }
}

/** Give what is known of `known` to those in `linked` that share its id. */
export function syncLinked(env: Env, state: State, known: Reg, linked: readonly LinkedReg[]): void {
  for (const { frame, reg, slot } of linked) {
    const { regs, stack } = state.frames[frame];
    const before = slot < 0 ? regs[reg] : stack[slot].reg;
    if (before.type !== REG.SCALAR || before === known || before.id !== known.id) continue;
    const after = copyAtDistance(env, before, known);
    if (slot < 0) regs[reg] = after;
    else stack[slot] = new Slot(stack[slot].types, after);
  }
}

function copyAtDistance(env: Env, before: Reg, known: Reg): Reg {
  if ((!before.linked && !known.linked) || before.off === known.off) {
    return new Reg(REG.SCALAR, known.s, known.off, known.id, known.linked, 0, -1, 0, 0);
  }
  // Distances of different widths cannot be compared.
  if (before.linked && known.linked && before.linked !== known.linked) return before;
  const { store } = env;
  const distance = store.constantNumber(before.off - known.off);
  const narrow = before.linked === 32 || known.linked === 32;
  const s = narrow ? store.alu32(ALU.ADD, 0, known.s, distance) : store.alu64(ALU.ADD, 0, known.s, distance);
  return new Reg(REG.SCALAR, s, before.off, before.id, before.linked, 0, -1, 0, 0);
}
