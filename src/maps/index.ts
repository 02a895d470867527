/** Map types: one file each behind one interface. */
import { MAP_TYPE } from '../uapi/index.ts';
import { ArrayMap } from './array.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { BloomFilterMap } from './bloom-filter.ts';
import { CgroupStorageMap } from './cgroup-storage.ts';
import { DeviceHash } from './device-hash.ts';
import { DeviceMap } from './device-map.ts';
import { HashMap } from './hash.ts';
import { HashOfMaps } from './hash-of-maps.ts';
import { LocalStorageMap } from './local-storage.ts';
import { LpmTrieMap } from './lpm-trie.ts';
import { ObjectArray } from './object-array.ts';
import { PercpuArrayMap } from './percpu-array.ts';
import { RingbufMap } from './ringbuf.ts';
import { QueueMap } from './queue.ts';
import { checkMapEntries } from './shape.ts';
import { StackTraceMap } from './stack-trace.ts';
import { UserRingbufMap } from './user-ringbuf.ts';
import { XskMap } from './xsk-map.ts';

export * from './bpf-map.ts';
export { RingbufMap } from './ringbuf.ts';
export { RINGBUF, UserRingbufMap } from './user-ringbuf.ts';
export { PerfRing } from './perf-ring.ts';
export type { Piece } from './perf-ring.ts';
export { FieldMap } from './field-map.ts';
export type { ValueField } from './field-map.ts';
export { DescribedMap } from './described.ts';
export { elementsOf, endWalks } from './elements.ts';
export type { Element } from './elements.ts';
export { BloomFilterMap } from './bloom-filter.ts';
export { QueueMap } from './queue.ts';
export { MapCore } from './map-core.ts';
export { NEEDS_BTF, checkMap, lastingFlags } from './shape.ts';

/** The map types that there are: what makes one, by number. */
const TYPES: Readonly<Record<number, { create(info: MapInfo, deps: MapDeps): BpfMap | number }>> = {
  [MAP_TYPE.HASH]: HashMap,
  [MAP_TYPE.ARRAY]: ArrayMap,
  [MAP_TYPE.PERCPU_HASH]: HashMap,
  [MAP_TYPE.PERCPU_ARRAY]: PercpuArrayMap,
  [MAP_TYPE.LRU_HASH]: HashMap,
  [MAP_TYPE.LRU_PERCPU_HASH]: HashMap,
  [MAP_TYPE.PROG_ARRAY]: ObjectArray,
  [MAP_TYPE.PERF_EVENT_ARRAY]: ObjectArray,
  [MAP_TYPE.CGROUP_ARRAY]: ObjectArray,
  [MAP_TYPE.ARRAY_OF_MAPS]: ObjectArray,
  [MAP_TYPE.HASH_OF_MAPS]: HashOfMaps,
  [MAP_TYPE.DEVMAP]: DeviceMap,
  [MAP_TYPE.CPUMAP]: DeviceMap,
  [MAP_TYPE.DEVMAP_HASH]: DeviceHash,
  [MAP_TYPE.XSKMAP]: XskMap,
  [MAP_TYPE.RINGBUF]: RingbufMap,
  [MAP_TYPE.USER_RINGBUF]: UserRingbufMap,
  [MAP_TYPE.QUEUE]: QueueMap,
  [MAP_TYPE.STACK]: QueueMap,
  [MAP_TYPE.LPM_TRIE]: LpmTrieMap,
  [MAP_TYPE.BLOOM_FILTER]: BloomFilterMap,
  [MAP_TYPE.STACK_TRACE]: StackTraceMap,
  [MAP_TYPE.CGROUP_STORAGE]: CgroupStorageMap,
  [MAP_TYPE.PERCPU_CGROUP_STORAGE]: CgroupStorageMap,
  [MAP_TYPE.SK_STORAGE]: LocalStorageMap,
  [MAP_TYPE.TASK_STORAGE]: LocalStorageMap,
  [MAP_TYPE.INODE_STORAGE]: LocalStorageMap,
  [MAP_TYPE.CGRP_STORAGE]: LocalStorageMap,
};

/** Whether maps of the type can hold elements here; `createMap` knows no other. */
export const isImplemented = (type: number): boolean => TYPES[type] !== undefined;

/** Make a map that `checkMap` allows. @returns the map; -E2BIG where the table is too large; -ENOMEM. */
export function createMap(info: MapInfo, deps: MapDeps): BpfMap | number {
  return checkMapEntries(info) || TYPES[info.type].create(info, deps);
}
