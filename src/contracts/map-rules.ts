/**
 * Which helper takes which type of map, and what programs may do with a map. A pair outside the table is refused with
 * `cannot pass map_type %d into func %s#%d`.
 *
 * Source: measured on Linux 6.18, each helper that takes a map called with a map of each type (helpers that also take a
 * kernel object and were not reached so: bpf-helpers(7)).
 */
import { HELPER_NAMES, MAP_FLAG, MAP_TYPE as M } from '../uapi/index.ts';
import type { MapDesc } from './map-desc.ts';

const HASHES = [M.HASH, M.PERCPU_HASH, M.LRU_HASH, M.LRU_PERCPU_HASH];
const PLAIN = [...HASHES, M.ARRAY, M.PERCPU_ARRAY, M.LPM_TRIE];
const SOCKETS = [M.SOCKMAP, M.SOCKHASH];
const MAPS = [M.ARRAY_OF_MAPS, M.HASH_OF_MAPS];
const STORAGE_OF = { sk: M.SK_STORAGE, inode: M.INODE_STORAGE, task: M.TASK_STORAGE, cgrp: M.CGRP_STORAGE };

/** By helper: the types of map it takes. */
const TAKES: Readonly<Record<string, readonly number[]>> = {
  map_lookup_elem: [...PLAIN, ...MAPS, ...SOCKETS, M.DEVMAP, M.XSKMAP, M.DEVMAP_HASH],
  map_update_elem: [...PLAIN, ...SOCKETS],
  map_delete_elem: [...PLAIN, ...SOCKETS],
  tail_call: [M.PROG_ARRAY],
  perf_event_read: [M.PERF_EVENT_ARRAY],
  perf_event_output: [M.PERF_EVENT_ARRAY],
  perf_event_read_value: [M.PERF_EVENT_ARRAY],
  skb_output: [M.PERF_EVENT_ARRAY],
  xdp_output: [M.PERF_EVENT_ARRAY],
  get_stackid: [M.STACK_TRACE],
  skb_under_cgroup: [M.CGROUP_ARRAY],
  current_task_under_cgroup: [M.CGROUP_ARRAY],
  redirect_map: [M.DEVMAP, M.DEVMAP_HASH, M.CPUMAP, M.XSKMAP],
  sk_redirect_map: [M.SOCKMAP],
  sock_map_update: [M.SOCKMAP],
  msg_redirect_map: [M.SOCKMAP],
  sock_hash_update: [M.SOCKHASH],
  msg_redirect_hash: [M.SOCKHASH],
  sk_redirect_hash: [M.SOCKHASH],
  sk_select_reuseport: [...SOCKETS, M.REUSEPORT_SOCKARRAY],
  get_local_storage: [M.CGROUP_STORAGE, M.PERCPU_CGROUP_STORAGE],
  map_push_elem: [M.QUEUE, M.STACK, M.BLOOM_FILTER],
  map_pop_elem: [M.QUEUE, M.STACK],
  map_peek_elem: [M.QUEUE, M.STACK, M.BLOOM_FILTER],
  map_lookup_percpu_elem: [M.PERCPU_HASH, M.PERCPU_ARRAY, M.LRU_PERCPU_HASH],
  ringbuf_output: [M.RINGBUF],
  ringbuf_query: [M.RINGBUF],
  ringbuf_reserve: [M.RINGBUF],
  // Only these have values with timers.
  timer_init: [M.HASH, M.LRU_HASH, M.ARRAY],
  ringbuf_reserve_dynptr: [M.RINGBUF],
  user_ringbuf_drain: [M.USER_RINGBUF],
  // What cannot be gone through is refused with a sentence of its own.
  for_each_map_elem: [...PLAIN],
  ...Object.fromEntries(
    Object.entries(STORAGE_OF).flatMap(([owner, type]) => [
      [`${owner}_storage_get`, [type]],
      [`${owner}_storage_delete`, [type]],
    ]),
  ),
};

const byId = new Map(
  Object.entries(TAKES).map(([name, types]) => [HELPER_NAMES.indexOf(name), new Set(types)] as const),
);

/** Whether helper `id` takes maps of a type; undefined for a helper that is not in the table. */
export function helperTakesMap(id: number, mapType: number): boolean | undefined {
  return byId.get(id)?.has(mapType);
}

/** Helpers that change a map: refused with `write into map forbidden` where programs may only read it. */
const CHANGES: ReadonlySet<number> = new Set(
  ['map_update_elem', 'map_delete_elem', 'map_push_elem', 'map_pop_elem'].map((name) => HELPER_NAMES.indexOf(name)),
);

export function helperChangesMap(id: number): boolean {
  return CHANGES.has(id);
}

/** Types whose values programs may read and never write, whatever the map's flags say. */
const READ_ONLY: readonly number[] = [M.DEVMAP, M.DEVMAP_HASH];

/** Whether programs may write into the map. @kernel bpf_map_flags_to_cap */
export function isReadOnlyToPrograms(map: Pick<MapDesc, 'type' | 'flags'>): boolean {
  return (map.flags & MAP_FLAG.RDONLY_PROG) !== 0 || READ_ONLY.includes(map.type);
}

/** Whether programs may read the map. */
export function isWriteOnlyToPrograms(map: MapDesc): boolean {
  return (map.flags & MAP_FLAG.WRONLY_PROG) !== 0;
}

/** Types that sleepable programs may use. Measured. */
const SLEEPABLE: ReadonlySet<number> = new Set([
  ...HASHES,
  ...MAPS,
  M.ARRAY,
  M.PERCPU_ARRAY,
  M.QUEUE,
  M.STACK,
  M.RINGBUF,
  M.USER_RINGBUF,
  ...Object.values(STORAGE_OF),
]);

export function isSleepableMap(mapType: number): boolean {
  return SLEEPABLE.has(mapType);
}
