/** Queues, stacks and filters: `(map, value, flags)` pushes, `(map, value)` pops, peeks and, of a filter, asks for the value. */
import { Trap } from '../errors/index.ts';
import { BloomFilterMap, QueueMap } from '../maps/index.ts';
import type { BpfMap } from '../maps/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { memory, returnInt, uint64 } from './registers.ts';

function asQueue(map: BpfMap, slot: number): QueueMap {
  if (map instanceof QueueMap) return map;
  throw new Trap('r1 is not a queue or stack', slot);
}

function take(env: HelperEnv, r: Int32Array, slot: number, remove: boolean): void {
  const map = mapOf(env, r, slot);
  const filter = map instanceof BloomFilterMap && !remove ? map : undefined;
  const queue = filter ? undefined : asQueue(map, slot);
  const value = memory(env.space, r, 2, map.info.valueSize, !filter, slot);
  returnInt(r, filter?.peek(value) ?? queue?.take(value, remove) ?? 0);
}

export const queueFamily: Family = {
  map_push_elem(env, r, slot) {
    const map = mapOf(env, r, slot);
    const into = map instanceof BloomFilterMap ? map : asQueue(map, slot);
    returnInt(r, into.push(memory(env.space, r, 2, map.info.valueSize, false, slot), uint64(r, 3)));
  },
  map_pop_elem: (env, r, slot) => take(env, r, slot, true),
  map_peek_elem: (env, r, slot) => take(env, r, slot, false),
};
