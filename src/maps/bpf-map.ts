/**
 * What a map type implements. Two faces: programs pass addresses in the memory and receive addresses (`*Elem`), user
 * space passes bytes and receives bytes (`sys*`). Both answer -errno. Permissions (read-only descriptors, frozen maps),
 * missing buffers and unknown lookup flags are the subsystem's business: they never reach a map.
 */
import type { AddressSpace, Rcu } from '../memory/index.ts';
import type { PerfRing } from './perf-ring.ts';

/** What is fixed when a map is created. */
export interface MapInfo {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: number;
  readonly name: string;
}

/** What every map of one userspace kernel shares. */
export interface MapDeps {
  readonly memory: AddressSpace;
  readonly rcu: Rcu;
  /** CPUs that per-CPU values are kept for. */
  readonly cpus: number;
  /** 32 random bits, unsigned: seeds hashes. */
  random(): number;
  /** Whether there is a network device with this index, which is positive. */
  hasDevice(index: number): boolean;
  /** For maps whose values are descriptors. */
  readonly slots?: SlotResolver;
}

/** Where `bpf_perf_event_output` writes. */
export interface PerfEvent {
  /** The only CPU that may. */
  readonly cpu: number;
  /** Absent until user space has mapped it. */
  readonly ring: PerfRing | undefined;
}

/** A kernel object that a slot of a map holds. */
export interface SlotObject {
  /** What user space reads. */
  readonly id: number;
  /** What programs find: the address of a map's header, the number of a program. Never 0. */
  readonly word: number;
  readonly perfEvent?: PerfEvent;
  /** Let go of the object; called once. */
  release(): void;
}

/** What the maps in a map of maps have in common. */
export interface InnerShape extends Pick<MapInfo, 'type' | 'keySize' | 'valueSize'> {
  /** Whether their values have fields that the kernel keeps. */
  readonly hasFields: boolean;
}

/** Turns what user space writes into a slot, a descriptor, into the object; one for each map. */
export interface SlotResolver {
  /** For a map of maps: what each of them is like. */
  readonly inner?: InnerShape;
  /** Hold the object behind `fd`. @returns -EBADF or -EINVAL where it may not be in this map. */
  acquire(fd: number): SlotObject | number;
}

/** What mmap(2) of a map gives. */
export interface Mapping {
  readonly address: number;
  readonly length: number;
  readonly writable: boolean;
}

/** A range of the memory, in bytes. */
export interface MemoryRange {
  readonly address: number;
  readonly length: number;
}

export interface BpfMap {
  readonly info: MapInfo;
  /** Address of the map's header: what `r1 = map[…]` holds while a program runs. Never dereferenced by programs. */
  readonly address: number;
  /** Bytes of memory held, for accounting. */
  readonly memoryBytes: number;
  /** Bytes of a value as user space sees it: per-CPU types give one padded slot for each CPU. */
  readonly userValueSize: number;
  /** Whether each CPU has values of its own. */
  readonly perCpu?: boolean;
  /** Values with timers: whether user space has a descriptor of the map. */
  readonly hasUsers?: boolean;
  /** Bytes from the start of a value to its timer. */
  readonly timerOffset?: number;
  /** Where the values of an array lie, in order, padding included. */
  readonly values?: MemoryRange;

  /** Perf event arrays: what slot `index` holds; -E2BIG, -ENOENT. */
  perfEventAt?(index: number): PerfEvent | number;

  /** Maps of redirection targets: the device or queue under an index, 0 where there is none. */
  targetWord?(index: number): number;

  /** Rings that user space reads: whether there is something; and whether a record has asked for a wake-up since. */
  readonly readable?: boolean;
  takeWake?(): boolean;

  /** Rings: a program was stopped half-way: the records that it has not committed are discarded, its drain ends. */
  runStopped?(): void;

  /** Rings: what user space maps of it; -EPERM, -EINVAL. */
  mapping?(offset: number, length: number): Mapping | number;

  /** Local storages: an owner's value or 0, made where `create` says so; and its end, 0 or -ENOENT. */
  ownerValue?(owner: number, create: boolean, initial: number): number;
  dropOwner?(owner: number): number;

  /** Cgroup storages: the value for the program that runs; and the end of its run. */
  placeValue?(cpu: number): number;
  dropPlace?(): void;

  /** Helper 1. @returns the value's address on CPU `cpu`, or 0. */
  lookupElem(key: number, cpu: number): number;
  /** Helper 2. @returns 0 or -errno. */
  updateElem(key: number, value: number, flags: number, cpu: number): number;
  /** Helper 3. @returns 0 or -errno. */
  deleteElem(key: number): number;

  /** MAP_LOOKUP_ELEM: fills the first `userValueSize` bytes of `value`. -ENOENT. */
  sysLookup(key: Uint8Array, value: Uint8Array): number;
  /** MAP_UPDATE_ELEM. -EINVAL (flags), -EEXIST, -ENOENT, -E2BIG (full, or no such index), -ENOMEM. */
  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number;
  /** MAP_DELETE_ELEM. -ENOENT; -EINVAL for arrays. */
  sysDelete(key: Uint8Array): number;
  /** MAP_LOOKUP_AND_DELETE_ELEM. -ENOENT; -ENOTSUPP for types that have none. */
  sysLookupAndDelete(key: Uint8Array, value: Uint8Array): number;
  /** MAP_GET_NEXT_KEY; `key` undefined, or one that is not in the map: the first key. -ENOENT after the last. */
  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number;

  /** Hashes: the keys of a bucket, as many as there are; undefined behind the last bucket. */
  bucketKeys?(bucket: number): Uint8Array[] | undefined;

  /** Address of byte `offset` of the values of an array, for `ld_imm64 BPF_PSEUDO_MAP_VALUE`; -errno elsewhere. */
  directValueAddress(offset: number): number;

  /** LRU hashes: `lookupElem` that is no use of the element. */
  findElem?(key: number, cpu: number): number;

  /** The first descriptor has been opened again. */
  opened?(): void;
  /** The last descriptor has been closed; programs may still hold the map. */
  released?(): void;

  /** Give all memory back once no program runs. */
  destroy(): void;
}
