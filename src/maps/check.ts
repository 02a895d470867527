/**
 * What a map may be made of: the rules that hold before any memory is taken, by map type. Each limit was measured with
 * MAP_CREATE on Linux 6.18 (x86-64).
 *
 * Refuses: sizes of zero, a key that is no array index, flags that the type does not know, both RDONLY and WRONLY (of user
 * space or of programs), a NUMA node other than 0 or "any" (-EINVAL); values or keys too large (-E2BIG).
 */
import { ERRNO } from '../errors/index.ts';
import { padded } from '../memory/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import type { MapInfo } from './bpf-map.ts';

/** `numa_node` that leaves the choice to the kernel. @kernel NUMA_NO_NODE */
const NUMA_ANY = 0xffffffff;
/** Nodes of the machine: one. */
const NUMA_NODES = 1;

/** Most bytes of key and value together in a hash: one allocation of 4 MiB less the element's own header. */
const MAX_HASH_ELEM = (4 << 20) - 49;
/** Most bytes of one CPU's value. @kernel PCPU_MIN_UNIT_SIZE */
const MAX_PERCPU_VALUE = 32768;
const MAX_ARRAY_VALUE = 0x7fffffff;
/** @kernel NR_CPUS of the measured configuration */
const MAX_CPUS = 256;
/** Most elements of a hash: its buckets, 16 bytes each on Linux, must stay below 4 GiB. */
const MAX_HASH_ENTRIES = 1 << 27;

const ACCESS_FLAGS = MAP_FLAG.RDONLY | MAP_FLAG.WRONLY | MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG;
const ARRAY_FLAGS = ACCESS_FLAGS | MAP_FLAG.NUMA_NODE;
/** Arrays of descriptors: a program cannot write them anyway. */
const SLOT_FLAGS = MAP_FLAG.RDONLY | MAP_FLAG.WRONLY | MAP_FLAG.NUMA_NODE;
const HASH_FLAGS = ARRAY_FLAGS | MAP_FLAG.NO_PREALLOC | MAP_FLAG.ZERO_SEED;

/** What a type allows. */
interface Limits {
  readonly flags: number;
  /** Exact key size, or 0 for any. */
  readonly keySize: number;
  readonly maxValue: number;
  readonly maxElem: number;
  readonly maxEntries: number;
  readonly percpu: boolean;
  /** Exact value size where values are descriptors. */
  readonly valueSize?: number;
  /** The value may be 4 or 8 bytes: a target, or a target and a program. */
  readonly isTarget?: boolean;
}

const array = { keySize: 4, maxElem: Infinity, maxEntries: Infinity };
const hash = { flags: HASH_FLAGS, keySize: 0, maxElem: MAX_HASH_ELEM, maxEntries: MAX_HASH_ENTRIES };

const targets = { keySize: 4, maxValue: 8, maxElem: Infinity, maxEntries: Infinity, percpu: false, isTarget: true };

const LIMITS: Readonly<Record<number, Limits>> = {
  [MAP_TYPE.ARRAY]: {
    ...array,
    flags: ARRAY_FLAGS | MAP_FLAG.MMAPABLE | MAP_FLAG.INNER_MAP,
    maxValue: MAX_ARRAY_VALUE,
    percpu: false,
  },
  [MAP_TYPE.PERCPU_ARRAY]: { ...array, flags: ARRAY_FLAGS, maxValue: MAX_PERCPU_VALUE, percpu: true },
  [MAP_TYPE.HASH]: { ...hash, maxValue: Infinity, percpu: false },
  [MAP_TYPE.PERCPU_HASH]: { ...hash, maxValue: MAX_PERCPU_VALUE, percpu: true },
  [MAP_TYPE.PROG_ARRAY]: { ...array, flags: SLOT_FLAGS, valueSize: 4, maxValue: 4, percpu: false },
  [MAP_TYPE.ARRAY_OF_MAPS]: {
    ...array,
    flags: SLOT_FLAGS,
    valueSize: 4,
    maxValue: 4,
    percpu: false,
  },
  [MAP_TYPE.DEVMAP]: { ...targets, flags: SLOT_FLAGS },
  [MAP_TYPE.DEVMAP_HASH]: { ...targets, flags: SLOT_FLAGS, maxEntries: MAX_HASH_ENTRIES },
  [MAP_TYPE.CPUMAP]: { ...targets, flags: MAP_FLAG.NUMA_NODE, maxEntries: MAX_CPUS },
  [MAP_TYPE.XSKMAP]: { ...targets, flags: SLOT_FLAGS, valueSize: 4 },
  [MAP_TYPE.HASH_OF_MAPS]: { ...hash, valueSize: 4, maxValue: 4, percpu: false },
};

/** Whether the rules for a type are here; shape.ts has the others. */
export const hasLimits = (type: number): boolean => LIMITS[type] !== undefined;

/** Whether a map can be made of this. @returns 0, -EINVAL or -E2BIG. @kernel map_alloc_check */
export function checkMapInfo(info: MapInfo, numaNode = 0): number {
  const limits = LIMITS[info.type];
  if (limits === undefined) return -ERRNO.EINVAL;
  if (info.keySize === 0 || info.valueSize === 0 || info.maxEntries === 0) return -ERRNO.EINVAL;
  if (limits.keySize !== 0 && info.keySize !== limits.keySize) return -ERRNO.EINVAL;
  if (limits.valueSize !== undefined && info.valueSize !== limits.valueSize) return -ERRNO.EINVAL;
  if (limits.isTarget && info.valueSize !== 4 && info.valueSize !== 8) return -ERRNO.EINVAL;
  if (!allowedFlags(info.flags, limits.flags) || info.extra !== 0) return -ERRNO.EINVAL;
  if (!allowedNode(info.flags, numaNode, limits.percpu)) return -ERRNO.EINVAL;
  const value = limits.percpu ? padded(info.valueSize) : info.valueSize;
  return value > limits.maxValue || info.keySize + info.valueSize > limits.maxElem ? -ERRNO.E2BIG : 0;
}

/** Whether the table of such a map is too large. @returns 0 or -E2BIG. @kernel map_alloc */
export function checkMapEntries(info: MapInfo): number {
  return info.maxEntries > (LIMITS[info.type]?.maxEntries ?? Infinity) ? -ERRNO.E2BIG : 0;
}

function allowedFlags(flags: number, known: number): boolean {
  const both = (pair: number) => (flags & pair) === pair;
  if ((flags & ~known) !== 0) return false;
  return !both(MAP_FLAG.RDONLY | MAP_FLAG.WRONLY) && !both(MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG);
}

function allowedNode(flags: number, node: number, percpu: boolean): boolean {
  if ((flags & MAP_FLAG.NUMA_NODE) === 0 || node === NUMA_ANY) return true;
  return node < NUMA_NODES && !percpu;
}
