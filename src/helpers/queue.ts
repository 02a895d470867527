/** Queues and stacks: `(map, value, flags)` pushes, `(map, value)` pops and peeks. */
import { Trap } from '../errors/index.ts';
import type { QueueMap } from '../maps/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { memory, returnInt, uint64 } from './registers.ts';

function queueOf(env: HelperEnv, r: Int32Array, slot: number): QueueMap {
  const map = mapOf(env, r, slot);
  const { type } = map.info;
  if (type !== MAP_TYPE.QUEUE && type !== MAP_TYPE.STACK) throw new Trap('r1 is not a queue or stack', slot);
  return map as QueueMap;
}

function take(env: HelperEnv, r: Int32Array, slot: number, remove: boolean): void {
  const map = queueOf(env, r, slot);
  returnInt(r, map.take(memory(env.space, r, 2, map.info.valueSize, true, slot), remove));
}

export const queueFamily: Family = {
  map_push_elem(env, r, slot) {
    const map = queueOf(env, r, slot);
    returnInt(r, map.push(memory(env.space, r, 2, map.info.valueSize, false, slot), uint64(r, 3)));
  },
  map_pop_elem: (env, r, slot) => take(env, r, slot, true),
  map_peek_elem: (env, r, slot) => take(env, r, slot, false),
};
