/** What a check against zero teaches of pointers that may be null. */
import type { Env } from '../env.ts';
import { MAYBE_NULL, mayBeNull, REG, type Reg, scalar } from '../state/reg.ts';
import { mapRegs, type State } from '../state/state.ts';

/** The pointer, now known not to be null. @kernel mark_ptr_not_null_reg */
export const mayBeLiftedNull = (reg: Reg): Reg => reg.withType(reg.type & ~MAYBE_NULL);

/** Register `r` was compared with zero: so are all copies. @kernel mark_ptr_or_null_regs */
export function learnNull(env: Env, state: State, r: number, isNull: boolean): void {
  const { id } = state.top.regs[r];
  mapRegs(state, (reg) => {
    if (!mayBeNull(reg.type) || reg.id !== id) return reg;
    return isNull ? scalar(env.store.ZERO) : lifted(reg);
  });
}

/** Ids stay only where locks or references need them. */
function lifted(reg: Reg): Reg {
  const known = mayBeLiftedNull(reg);
  return known.refId || known.type === REG.MAP_PTR ? known : known.withId(0);
}
