/** Queues, stacks and filters: `(map, value, flags)` pushes, `(map, value)` pops, peeks and, of a filter, asks for the value. */
import { Trap } from '../errors/index.ts';
import type { BloomFilterMap, BpfMap, QueueMap } from '../maps/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { memory, returnInt, uint64 } from './registers.ts';

function isFilter(map: BpfMap): map is BloomFilterMap {
  return map.info.type === MAP_TYPE.BLOOM_FILTER;
}

function asQueue(map: BpfMap, slot: number): QueueMap {
  const { type } = map.info;
  if (type !== MAP_TYPE.QUEUE && type !== MAP_TYPE.STACK) throw new Trap('r1 is not a queue or stack', slot);
  return map as QueueMap;
}

function take(env: HelperEnv, r: Int32Array, slot: number, remove: boolean): void {
  const map = mapOf(env, r, slot);
  const asks = isFilter(map) && !remove;
  const queue = asks ? undefined : asQueue(map, slot);
  const value = memory(env.space, r, 2, map.info.valueSize, !asks, slot);
  returnInt(r, asks ? map.peek(value) : (queue as QueueMap).take(value, remove));
}

export const queueFamily: Family = {
  map_push_elem(env, r, slot) {
    const map = mapOf(env, r, slot);
    const into = isFilter(map) ? map : asQueue(map, slot);
    returnInt(r, into.push(memory(env.space, r, 2, map.info.valueSize, false, slot), uint64(r, 3)));
  },
  map_pop_elem: (env, r, slot) => take(env, r, slot, true),
  map_peek_elem: (env, r, slot) => take(env, r, slot, false),
};
