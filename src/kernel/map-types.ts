/**
 * Whether the types that MAP_CREATE names fit the map. Refuses: types that are not there, or are not of the key's and the
 * value's size, and keys that are not what the type of map counts by (-EINVAL); any types for maps whose values are no
 * data of programs (-ENOTSUPP). Measured with MAP_CREATE on Linux 6.18.
 */
import { KIND } from '../btf/index.ts';
import type { Btf, BtfType } from '../btf/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { MapInfo } from '../maps/index.ts';
import { MAP_TYPE as M } from '../uapi/index.ts';

/** Their values are descriptors or the kernel's own records. */
const WITHOUT_TYPES: readonly number[] = [
  M.PERF_EVENT_ARRAY,
  M.STACK_TRACE,
  M.CGROUP_ARRAY,
  M.ARRAY_OF_MAPS,
  M.HASH_OF_MAPS,
  M.DEVMAP,
  M.DEVMAP_HASH,
  M.SOCKMAP,
  M.SOCKHASH,
  M.CPUMAP,
  M.XSKMAP,
];
/** Their key is an index or a descriptor: an integer of 32 bits. */
const BY_NUMBER: readonly number[] = [
  M.ARRAY,
  M.PERCPU_ARRAY,
  M.PROG_ARRAY,
  M.SK_STORAGE,
  M.INODE_STORAGE,
  M.TASK_STORAGE,
  M.CGRP_STORAGE,
];
const CGROUP_STORAGES: readonly number[] = [M.CGROUP_STORAGE, M.PERCPU_CGROUP_STORAGE];

/** @returns 0 or -errno. @kernel map_check_btf */
export function checkMapTypes(btf: Btf, key: number, value: number, info: MapInfo): number {
  if (value >>> 0 >= btf.length || btf.size(value) !== info.valueSize) return -ERRNO.EINVAL;
  if (key !== 0 && (key >>> 0 >= btf.length || btf.size(key) !== info.keySize)) return -ERRNO.EINVAL;
  if (WITHOUT_TYPES.includes(info.type)) return -ERRNO.ENOTSUPP;
  return isKey(btf, key, btf.resolve(value), info) ? 0 : -ERRNO.EINVAL;
}

function isKey(btf: Btf, key: number, value: BtfType, info: MapInfo): boolean {
  if (info.type === M.BLOOM_FILTER) return key === 0;
  // The array behind a section of variables has no key type.
  if (key === 0) return info.type === M.ARRAY && info.maxEntries === 1 && value.kind === KIND.DATASEC;
  const type = btf.resolve(key);
  if (BY_NUMBER.includes(info.type)) return isInt(type, 32);
  if (info.type === M.LPM_TRIE) return type.kind === KIND.STRUCT;
  return !CGROUP_STORAGES.includes(info.type) || isCgroupKey(btf, type, info.keySize);
}

const isInt = (type: BtfType, bits: number): boolean =>
  type.kind === KIND.INT && type.bits === bits && type.offset === 0;

/** The cgroup's number, or a struct of it and the attach type. @kernel struct bpf_cgroup_storage_key */
function isCgroupKey(btf: Btf, type: BtfType, size: number): boolean {
  if (size === 8) return isInt(type, 64);
  if (type.kind !== KIND.STRUCT || type.members.length < 2) return false;
  const [cgroup, attach] = type.members;
  const fits = cgroup.bitOffset === 0 && attach.bitOffset === 64;
  return fits && isInt(btf.resolve(cgroup.type), 64) && isInt(btf.resolve(attach.type), 32);
}
