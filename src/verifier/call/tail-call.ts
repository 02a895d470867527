/**
 * The map and index of a tail call (@kernel record_func_map, record_func_key). Rejects (EINVAL): `expected prog array map
 * for tail call`; after the walk, for callers without CAP_PERFMON, `tail_call abusing map_ptr`.
 */
import { ERRNO } from '../../errors/index.ts';
import { CALL, type Instruction } from '../../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES, MAP_TYPE } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { markPrecise } from '../precision/backtrack.ts';
import { REG } from '../state/reg.ts';
import type { CallMeta } from './call-meta.ts';

export const TAIL_CALL = HELPER_NAMES.indexOf('tail_call');

export const isTailCall = ({ opcode, src, imm }: Instruction): boolean =>
  opcode === CALL && src === CALL_PSEUDO.HELPER && imm === TAIL_CALL;

/** In `aux.tailCallMap`: paths, guessed ones too, came with different maps. */
const SEVERAL = -1;

/** Register of the index. */
const INDEX = 3;

export function checkTailCall(env: Env, meta: CallMeta): number {
  const map = env.aux.maps[meta.map];
  if (map.type !== MAP_TYPE.PROG_ARRAY) {
    // Linux ends this line without a newline.
    env.log.write('expected prog array map for tail call');
    return -ERRNO.EINVAL;
  }
  const { tailCallMap } = env.aux;
  const known = tailCallMap.get(env.insnIdx) ?? meta.map;
  tailCallMap.set(env.insnIdx, known === meta.map ? known : SEVERAL);
  const { store } = env;
  const index = env.regs[INDEX];
  // An index that is always the same, and in range, becomes a direct jump: paths may not be joined over it.
  const direct = index.type === REG.SCALAR && store.isConst(index.s);
  return direct && store.constValue(index.s) < BigInt(map.maxEntries) ? markPrecise(env, INDEX) : 0;
}

/**
 * The pass behind the walk: where a processor may guess, the index is masked by the size of the map, so that a call has
 * to have one map. @returns 0 or -errno
 */
export function checkTailCallMaps(env: Env): number {
  if (env.bypassSpectreV1) return 0;
  for (const map of env.aux.tailCallMap.values()) {
    if (map === SEVERAL) return env.fail(ERRNO.EINVAL, 'tail_call abusing map_ptr');
  }
  return 0;
}
