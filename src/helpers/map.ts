/** Map access. Key and value are checked here, in the map's sizes; everything else is the map's business. */
import { Trap } from '../errors/index.ts';
import type { BpfMap } from '../maps/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { memory, returnInt, returnUint, uint32, uint64 } from './registers.ts';

/** The map in register `n`. The verifier proves that it is one; an unverified program traps. */
export function mapOf(env: HelperEnv, r: Int32Array, slot: number, n = 1): BpfMap {
  const map = r[2 * n + 1] === 0 ? env.mapAt(r[2 * n] >>> 0) : undefined;
  if (map === undefined) throw new Trap(`r${n} is not a map`, slot);
  return map;
}

export const mapFamily: Family = {
  map_lookup_elem(env, r, slot) {
    const map = mapOf(env, r, slot);
    returnUint(r, map.lookupElem(memory(env.space, r, 2, map.info.keySize, false, slot), env.cpu));
  },
  /** `(map, key, cpu)`: an address, or 0 */
  map_lookup_percpu_elem(env, r, slot) {
    const map = mapOf(env, r, slot);
    const key = memory(env.space, r, 2, map.info.keySize, false, slot);
    const cpu = uint32(r, 3);
    returnUint(r, cpu < env.cpus ? map.lookupElem(key, cpu) : 0);
  },
  map_update_elem(env, r, slot) {
    const map = mapOf(env, r, slot);
    const key = memory(env.space, r, 2, map.info.keySize, false, slot);
    const value = memory(env.space, r, 3, map.info.valueSize, false, slot);
    returnInt(r, map.updateElem(key, value, uint64(r, 4), env.cpu));
  },
  map_delete_elem(env, r, slot) {
    const map = mapOf(env, r, slot);
    returnInt(r, map.deleteElem(memory(env.space, r, 2, map.info.keySize, false, slot)));
  },
};
