/**
 * What a map may be made of, for the types that have a shape of their own; the plain ones are in check.ts. Each limit was
 * measured with MAP_CREATE on Linux 6.18 (x86-64).
 *
 * Refuses: sizes and flags that the type does not allow (-EINVAL), both RDONLY and WRONLY (-EINVAL), values or keys that
 * are too large (-E2BIG), hashes that forget the least recently used without memory set aside (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import { padded } from '../memory/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import type { MapInfo } from './bpf-map.ts';

const { RDONLY, WRONLY, RDONLY_PROG, WRONLY_PROG, NUMA_NODE, ZERO_SEED, NO_PREALLOC } = MAP_FLAG;
const USER = RDONLY | WRONLY | NUMA_NODE;
const ACCESS = USER | RDONLY_PROG | WRONLY_PROG;

/** Most bytes of one allocation. @kernel KMALLOC_MAX_SIZE */
const MAX_ALLOC = 4 << 20;
/** @kernel PCPU_MIN_UNIT_SIZE */
const MAX_PERCPU = 32768;
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

function lruHash(percpu: boolean): Shape {
  return {
    flags: ACCESS | ZERO_SEED | MAP_FLAG.NO_COMMON_LRU | NO_PREALLOC,
    check: (m) => {
      if (m.flags & NO_PREALLOC) return -ERRNO.ENOTSUPP;
      if (percpu && m.flags & NUMA_NODE) return -ERRNO.EINVAL;
      if (m.keySize === 0 || m.valueSize === 0 || m.maxEntries === 0) return -ERRNO.EINVAL;
      if (percpu && padded(m.valueSize) > MAX_PERCPU) return -ERRNO.E2BIG;
      return tooLarge(m.keySize + m.valueSize > MAX_ALLOC - 49);
    },
  };
}

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
  [MAP_TYPE.LRU_HASH]: lruHash(false),
  [MAP_TYPE.LRU_PERCPU_HASH]: lruHash(true),
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

/** Whether a map can be made of this. @returns 0, -EINVAL, -E2BIG or -ENOTSUPP */
export function checkShape(info: MapInfo): number {
  const shape = SHAPES[info.type];
  if (shape === undefined || (Number(info.extra) !== 0 && !hasExtra(info))) return -ERRNO.EINVAL;
  const { flags } = info;
  const both = (pair: number): boolean => (flags & pair) === pair;
  const badFlags =
    (flags & ~shape.flags) !== 0 ||
    (flags & (shape.demands ?? 0)) !== (shape.demands ?? 0) ||
    both(RDONLY | WRONLY) ||
    both(RDONLY_PROG | WRONLY_PROG);
  const problem = shape.check(info);
  if (problem === -ERRNO.ENOTSUPP) return problem;
  return badFlags ? -ERRNO.EINVAL : problem;
}
