/** What a check against zero teaches of pointers that may be null. */
import { hasLock } from '../../contracts/index.ts';
import type { Env } from '../env.ts';
import { MAYBE_NULL, mayBeNull, REG, type Reg, scalar } from '../state/reg.ts';
import { withoutObject } from '../state/refs.ts';
import { mapRegs, type State } from '../state/state.ts';

/** The pointer, now known not to be null. @kernel mark_ptr_not_null_reg */
export const mayBeLiftedNull = (reg: Reg): Reg => reg.withType(reg.type & ~MAYBE_NULL);

/** Register `r` was compared with zero: so are all copies. @kernel mark_ptr_or_null_regs */
export function learnNull(env: Env, state: State, r: number, isNull: boolean): void {
  const { id, refId } = state.top.regs[r];
  // What could not be acquired need not be given back.
  if (isNull && refId && refId === id) state.refs = withoutObject(state.refs, id) ?? state.refs;
  mapRegs(state, (reg) => {
    if (!mayBeNull(reg.type) || reg.id !== id) return reg;
    return isNull ? scalar(env.store.ZERO) : lifted(env, reg);
  });
}

/** The id stays only where it tells one value's lock from another's. */
function lifted(env: Env, reg: Reg): Reg {
  const known = mayBeLiftedNull(reg);
  return known.type === REG.MAP_PTR || (known.type === REG.MAP_VALUE && hasLock(env.aux.maps[known.map]))
    ? known
    : known.withId(0);
}
