/** What a check against zero teaches of pointers that may be null. */
import { hasLock } from '../../contracts/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { innerMap, isToldApart } from '../inner-map.ts';
import { MAYBE_NULL, mayBeNull, REG, type Reg, scalar } from '../state/reg.ts';
import { withoutObject } from '../state/refs.ts';
import { mapRegs, type State } from '../state/state.ts';

/** The pointer, now known not to be null: what a look-up found depends on the map. @kernel mark_ptr_not_null_reg */
export function mayBeLiftedNull(env: Env, reg: Reg): Reg {
  const type = reg.type & ~MAYBE_NULL;
  if (type !== REG.MAP_VALUE) return reg.withType(type);
  switch (env.aux.maps[reg.map].type) {
    case MAP_TYPE.ARRAY_OF_MAPS:
    case MAP_TYPE.HASH_OF_MAPS:
      return foundMap(env, reg);
    case MAP_TYPE.XSKMAP:
      return reg.withType(REG.XDP_SOCK);
    case MAP_TYPE.SOCKMAP:
    case MAP_TYPE.SOCKHASH:
      return reg.withType(REG.SOCKET);
    default:
      return reg.withType(type);
  }
}

function foundMap(env: Env, reg: Reg): Reg {
  const index = innerMap(env, reg.map);
  const found = reg.withType(REG.MAP_PTR).withMap(index);
  return isToldApart(env.aux.maps[index]) ? found.withRange(reg.id) : found;
}

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
  const known = mayBeLiftedNull(env, reg);
  return known.type === REG.MAP_VALUE && hasLock(env.aux.maps[known.map]) ? known : known.withId(0);
}
