/**
 * What programs see behind a map pointer: the kernel's own structure of each map type, all of which begin with `struct
 * bpf_map`. Only reads are allowed, member by member.
 *
 * Source: BTF of Linux 6.18 (x86-64, the profile's configuration); which accesses pass and how others are refused was
 * measured by a load of every size at every offset.
 */
import { MAP_TYPE as M } from '../uapi/index.ts';

/** A member of `struct bpf_map`, by offset. Sizes in bytes. */
export interface MapMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** `struct` stands for structures inside, atomics and locks among them. */
  readonly kind: 'number' | 'pointer' | 'struct';
}

type Row = readonly [name: string, offset: number, size: number, kind: MapMember['kind']];

// prettier-ignore
const ROWS: readonly Row[] = [
  ['sha', 0, 32, 'number'], ['excl', 32, 4, 'number'], ['ops', 40, 8, 'pointer'], ['inner_map_meta', 48, 8, 'pointer'],
  ['security', 56, 8, 'pointer'], ['map_type', 64, 4, 'number'], ['key_size', 68, 4, 'number'],
  ['value_size', 72, 4, 'number'], ['max_entries', 76, 4, 'number'], ['map_extra', 80, 8, 'number'],
  ['map_flags', 88, 4, 'number'], ['id', 92, 4, 'number'], ['record', 96, 8, 'pointer'], ['numa_node', 104, 4, 'number'],
  ['btf_key_type_id', 108, 4, 'number'], ['btf_value_type_id', 112, 4, 'number'],
  ['btf_vmlinux_value_type_id', 116, 4, 'number'], ['btf', 120, 8, 'pointer'], ['objcg', 128, 8, 'pointer'],
  ['name', 136, 16, 'number'], ['freeze_mutex', 152, 32, 'struct'], ['refcnt', 184, 8, 'struct'],
  ['usercnt', 192, 8, 'struct'], ['work', 200, 32, 'struct'], ['writecnt', 232, 8, 'struct'],
  ['owner_lock', 240, 4, 'struct'], ['owner', 248, 8, 'pointer'], ['bypass_spec_v1', 256, 1, 'number'],
  ['frozen', 257, 1, 'number'], ['init_private', 258, 1, 'number'], ['free_after_mult_rcu_gp', 259, 1, 'number'],
  ['free_after_rcu_gp', 260, 1, 'number'], ['sleepable_refcnt', 264, 8, 'struct'], ['elem_count', 272, 8, 'pointer'],
  ['cookie', 280, 8, 'number'], ['excl_prog_sha', 288, 8, 'pointer'],
];

export const MAP_MEMBERS: readonly MapMember[] = ROWS.map(([name, offset, size, kind]) => ({
  name,
  offset,
  size,
  kind,
}));

/** Bytes of `struct bpf_map`. */
export const MAP_STRUCT_SIZE = 296;

export interface MapStruct {
  readonly name: string;
  /** Bytes; undefined where the structure ends with an array of any length. */
  readonly size: number | undefined;
}

type StructRow = readonly [name: string, size: number | undefined, types: readonly number[]];

// prettier-ignore
const STRUCTS: readonly StructRow[] = [
  ['bpf_htab', 832, [M.HASH, M.PERCPU_HASH, M.LRU_HASH, M.LRU_PERCPU_HASH, M.HASH_OF_MAPS]],
  ['bpf_array', 312, [M.ARRAY, M.PERCPU_ARRAY, M.PROG_ARRAY, M.PERF_EVENT_ARRAY, M.CGROUP_ARRAY, M.ARRAY_OF_MAPS]],
  ['bpf_stack_map', 320, [M.STACK_TRACE]],
  ['lpm_trie', 400, [M.LPM_TRIE]],
  ['bpf_dtab', 344, [M.DEVMAP, M.DEVMAP_HASH]],
  ['bpf_stab', 376, [M.SOCKMAP]],
  ['bpf_shtab', 384, [M.SOCKHASH]],
  ['bpf_cpu_map', 304, [M.CPUMAP]],
  ['xsk_map', 304, [M.XSKMAP]],
  ['bpf_cgroup_storage_map', 328, [M.CGROUP_STORAGE, M.PERCPU_CGROUP_STORAGE]],
  ['reuseport_array', 296, [M.REUSEPORT_SOCKARRAY]],
  ['bpf_queue_stack', undefined, [M.QUEUE, M.STACK]],
  ['bpf_local_storage_map', 448, [M.SK_STORAGE, M.INODE_STORAGE, M.TASK_STORAGE, M.CGRP_STORAGE]],
  ['bpf_ringbuf_map', 304, [M.RINGBUF, M.USER_RINGBUF]],
  ['bpf_bloom_filter', undefined, [M.BLOOM_FILTER]],
];

const byType = new Map<number, MapStruct>(
  STRUCTS.flatMap(([name, size, types]) => types.map((type) => [type, { name, size }] as const)),
);

/** The structure of maps of a type; undefined for a type that has none known. */
export function mapStruct(mapType: number): MapStruct | undefined {
  return byType.get(mapType);
}
