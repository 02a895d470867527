/**
 * What a map may be made of: the rules that hold before any memory is taken, by map type. Each limit was measured with
 * MAP_CREATE on Linux 6.18 (x86-64).
 *
 * Refuses: a NUMA node that is not there, sizes and flags that the type does not allow, both RDONLY and WRONLY, of user space
 * or of programs (-EINVAL), values or keys that are too large (-E2BIG), hashes that forget the least recently used
 * without memory set aside (-ENOTSUPP).
 */
import { isReadOnlyToPrograms } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { padded } from '../memory/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import type { MapInfo } from './bpf-map.ts';

const { RDONLY, WRONLY, RDONLY_PROG, WRONLY_PROG, NUMA_NODE, ZERO_SEED, NO_PREALLOC, NO_COMMON_LRU } = MAP_FLAG;
const USER = RDONLY | WRONLY | NUMA_NODE;
const ACCESS = USER | RDONLY_PROG | WRONLY_PROG;

/** `numa_node` that leaves the choice to the kernel. @kernel NUMA_NO_NODE */
const NUMA_ANY = 0xffffffff;
/** Nodes of the machine: one. */
const NUMA_NODES = 1;

/** Most bytes of one allocation. @kernel KMALLOC_MAX_SIZE */
const MAX_ALLOC = 4 << 20;
/** Most bytes of key and value together in a hash: one allocation less the element's own header. */
const MAX_HASH_ELEM = MAX_ALLOC - 49;
/** Most elements of a hash: its buckets, 16 bytes each on Linux, must stay below 4 GiB. */
const MAX_HASH_ENTRIES = 1 << 27;
const MAX_ARRAY_VALUE = 0x7fffffff;
/** Most bytes of one CPU's value. @kernel PCPU_MIN_UNIT_SIZE */
const MAX_PERCPU = 32768;
/** @kernel NR_CPUS of the measured configuration */
const MAX_CPUS = 256;
/** Most bytes kept for one socket, task, inode or cgroup. @kernel BPF_LOCAL_STORAGE_MAX_VALUE_SIZE */
const MAX_STORAGE = 65407;
/** @kernel MAX_BPF_STACK, for keys that are copied there */
const MAX_KEY = 512;
/** Frames of a stack. @kernel sysctl kernel.perf_event_max_stack */
const MAX_FRAMES = 127;
/** Bytes between the smallest and the largest key of a trie: the length, and 1 to 256 bytes. */
const TRIE_KEY = { min: 5, max: 260 } as const;
/** What a trie's node takes beside the value. */
const TRIE_NODE = 280;
/** Pages of 4 GiB. */
const MAX_ARENA_PAGES = 1 << 20;
const PAGE = 4096;

interface Shape {
  readonly flags: number;
  /** Flags that must be there. */
  readonly demands?: number;
  /** Whether each CPU has values of its own: then no node can be asked for. */
  readonly percpu?: boolean;
  /** Most elements, where the table would be too large; looked at when memory is taken. */
  readonly maxEntries?: number;
  /** What is wrong with the sizes, in the order in which it is looked for; 0 for nothing. */
  check(info: MapInfo): number;
}

const invalid = (bad: boolean): number => (bad ? -ERRNO.EINVAL : 0);
const tooLarge = (bad: boolean): number => (bad ? -ERRNO.E2BIG : 0);

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;
const isTarget = (size: number): boolean => size === 4 || size === 8;

/** An array of descriptors of `fits` bytes. */
const slots = (flags: number, fits: (size: number) => boolean): Shape => ({
  flags,
  check: (m) => invalid(m.keySize !== 4 || !fits(m.valueSize) || m.maxEntries === 0),
});
const isFour = (size: number): boolean => size === 4;

const isEmpty = (m: MapInfo): boolean => m.keySize === 0 || m.valueSize === 0 || m.maxEntries === 0;
const tooLargePercpu = (m: MapInfo): number => tooLarge(padded(m.valueSize) > MAX_PERCPU);

function array(flags: number, percpu: boolean): Shape {
  return {
    flags,
    percpu,
    check: (m) =>
      invalid(isEmpty(m) || m.keySize !== 4) || (percpu ? tooLargePercpu(m) : tooLarge(m.valueSize > MAX_ARRAY_VALUE)),
  };
}

function hash(percpu: boolean): Shape {
  return {
    flags: ACCESS | ZERO_SEED | NO_PREALLOC,
    percpu,
    maxEntries: MAX_HASH_ENTRIES,
    check: (m) =>
      invalid(isEmpty(m)) || (percpu && tooLargePercpu(m)) || tooLarge(m.keySize + m.valueSize > MAX_HASH_ELEM),
  };
}

function lruHash(percpu: boolean): Shape {
  const { flags, check, ...common } = hash(percpu);
  return {
    ...common,
    flags: flags | NO_COMMON_LRU,
    check: (m) => (m.flags & NO_PREALLOC ? -ERRNO.ENOTSUPP : check(m)),
  };
}

const hashOfMaps: Shape = {
  ...hash(false),
  check: (m) => invalid(isEmpty(m) || !isFour(m.valueSize)) || tooLarge(m.keySize + m.valueSize > MAX_HASH_ELEM),
};

/** Its buckets are a power of two that has 32 bits. */
const deviceHash: Shape = {
  flags: USER,
  check: (m) => slots(USER, isTarget).check(m) || invalid(m.maxEntries > 2 ** 31),
};

/** Memory that belongs to a cgroup and the program's place there. */
const cgroupStorage = (max: number): Shape => ({
  flags: ACCESS,
  check: (m) =>
    invalid((m.keySize !== 8 && m.keySize !== 16) || m.valueSize === 0) ||
    tooLarge(m.valueSize > max) ||
    invalid(m.maxEntries !== 0),
});

const storage: Shape = {
  flags: NO_PREALLOC | MAP_FLAG.CLONE,
  demands: NO_PREALLOC,
  check: (m) =>
    invalid(m.keySize !== 4 || m.valueSize === 0 || m.maxEntries !== 0) || tooLarge(m.valueSize > MAX_STORAGE),
};

const ring: Shape = {
  flags: NUMA_NODE,
  check: (m) =>
    invalid(m.keySize !== 0 || m.valueSize !== 0 || !isPowerOfTwo(m.maxEntries) || m.maxEntries % PAGE !== 0),
};

const queue: Shape = {
  flags: ACCESS,
  check: (m) =>
    invalid(m.maxEntries === 0 || m.keySize !== 0 || m.valueSize === 0) || tooLarge(m.valueSize > MAX_ALLOC),
};

const SHAPES: Readonly<Record<number, Shape>> = {
  [MAP_TYPE.ARRAY]: array(ACCESS | MAP_FLAG.MMAPABLE | MAP_FLAG.INNER_MAP, false),
  [MAP_TYPE.PERCPU_ARRAY]: array(ACCESS, true),
  [MAP_TYPE.HASH]: hash(false),
  [MAP_TYPE.PERCPU_HASH]: hash(true),
  [MAP_TYPE.LRU_HASH]: lruHash(false),
  [MAP_TYPE.LRU_PERCPU_HASH]: lruHash(true),
  [MAP_TYPE.PROG_ARRAY]: slots(USER, isFour),
  [MAP_TYPE.ARRAY_OF_MAPS]: slots(USER, isFour),
  [MAP_TYPE.HASH_OF_MAPS]: hashOfMaps,
  [MAP_TYPE.DEVMAP]: slots(USER, isTarget),
  [MAP_TYPE.DEVMAP_HASH]: deviceHash,
  [MAP_TYPE.CPUMAP]: { ...slots(NUMA_NODE, isTarget), maxEntries: MAX_CPUS },
  [MAP_TYPE.XSKMAP]: slots(USER, isFour),
  [MAP_TYPE.PERF_EVENT_ARRAY]: slots(USER | MAP_FLAG.PRESERVE_ELEMS, isFour),
  [MAP_TYPE.CGROUP_ARRAY]: slots(USER, isFour),
  [MAP_TYPE.SOCKMAP]: slots(USER, isTarget),
  [MAP_TYPE.REUSEPORT_SOCKARRAY]: slots(ACCESS, isTarget),
  [MAP_TYPE.SOCKHASH]: {
    flags: USER,
    check: (m) =>
      invalid(m.maxEntries === 0 || m.keySize === 0 || !isTarget(m.valueSize)) || tooLarge(m.keySize > MAX_KEY),
  },
  [MAP_TYPE.STACK_TRACE]: {
    flags: USER | MAP_FLAG.STACK_BUILD_ID,
    check: (m) => {
      const frame = m.flags & MAP_FLAG.STACK_BUILD_ID ? 32 : 8;
      const fits = m.valueSize >= 8 && m.valueSize % frame === 0 && m.valueSize / frame <= MAX_FRAMES;
      return invalid(m.maxEntries === 0 || m.keySize !== 4 || !fits);
    },
  },
  [MAP_TYPE.LPM_TRIE]: {
    flags: NO_PREALLOC | ACCESS,
    demands: NO_PREALLOC,
    check: (m) =>
      invalid(m.maxEntries === 0 || m.keySize < TRIE_KEY.min || m.keySize > TRIE_KEY.max) ||
      invalid(m.valueSize === 0 || m.valueSize > MAX_ALLOC - TRIE_NODE),
  },
  [MAP_TYPE.CGROUP_STORAGE]: cgroupStorage(MAX_STORAGE),
  [MAP_TYPE.PERCPU_CGROUP_STORAGE]: cgroupStorage(MAX_PERCPU),
  [MAP_TYPE.SK_STORAGE]: storage,
  [MAP_TYPE.INODE_STORAGE]: storage,
  [MAP_TYPE.TASK_STORAGE]: storage,
  [MAP_TYPE.CGRP_STORAGE]: storage,
  [MAP_TYPE.QUEUE]: queue,
  [MAP_TYPE.STACK]: queue,
  [MAP_TYPE.BLOOM_FILTER]: { ...queue, flags: ACCESS | ZERO_SEED },
  [MAP_TYPE.RINGBUF]: ring,
  [MAP_TYPE.USER_RINGBUF]: ring,
  [MAP_TYPE.ARENA]: {
    flags: MAP_FLAG.MMAPABLE | MAP_FLAG.SEGV_ON_FAULT | MAP_FLAG.NO_USER_CONV,
    demands: MAP_FLAG.MMAPABLE,
    check: (m) =>
      invalid(m.keySize !== 0 || m.valueSize !== 0 || m.maxEntries === 0 || Number(m.extra) % PAGE !== 0) ||
      tooLarge(m.maxEntries > MAX_ARENA_PAGES),
  },
};

/** Types whose `map_extra` says something: hash functions, where the memory lies. */
const hasExtra = (m: MapInfo): boolean =>
  m.type === MAP_TYPE.ARENA || (m.type === MAP_TYPE.BLOOM_FILTER && Number(m.extra) <= 15);

/** Types that Linux makes only with BTF of key and value. */
export const NEEDS_BTF: readonly number[] = [
  MAP_TYPE.SK_STORAGE,
  MAP_TYPE.INODE_STORAGE,
  MAP_TYPE.TASK_STORAGE,
  MAP_TYPE.CGRP_STORAGE,
];

/**
 * Whether Linux makes a map of this, before permissions are asked for and memory is taken.
 * @returns 0; -EINVAL, -E2BIG or -ENOTSUPP. @kernel map_alloc_check
 */
export function checkMap(info: MapInfo, numaNode = 0): number {
  const { flags } = info;
  const node = flags & NUMA_NODE ? numaNode : NUMA_ANY;
  if (node !== NUMA_ANY && node >= NUMA_NODES) return -ERRNO.EINVAL;
  const shape = SHAPES[info.type];
  if (shape === undefined || (Number(info.extra) !== 0 && !hasExtra(info))) return -ERRNO.EINVAL;
  if (!allowsFlags(shape, flags)) return -ERRNO.EINVAL;
  const problem = shape.check(info);
  if (problem === -ERRNO.ENOTSUPP) return problem;
  const onAllCpus = shape.percpu === true || (flags & NO_COMMON_LRU) !== 0;
  return onAllCpus && node !== NUMA_ANY ? -ERRNO.EINVAL : problem;
}

/**
 * The flags that a map has once it is there: what its first descriptor may do is no property of it, and where programs may only
 * read it says so, asked for or not. @kernel bpf_map_flags_retain_permanent
 */
export function lastingFlags({ type, flags }: Pick<MapInfo, 'type' | 'flags'>): number {
  return (flags & ~(RDONLY | WRONLY)) | (isReadOnlyToPrograms({ type, flags }) ? RDONLY_PROG : 0);
}

function allowsFlags({ flags: known, demands = 0 }: Shape, flags: number): boolean {
  const both = (pair: number): boolean => (flags & pair) === pair;
  if ((flags & ~known) !== 0 || (flags & demands) !== demands) return false;
  return !both(RDONLY | WRONLY) && !both(RDONLY_PROG | WRONLY_PROG);
}

/** Whether the table of such a map is too large. @returns 0 or -E2BIG. @kernel map_alloc */
export function checkMapEntries({ type, maxEntries }: MapInfo): number {
  return tooLarge(maxEntries > (SHAPES[type]?.maxEntries ?? Infinity));
}
