/**
 * BPF_MAP_TYPE_HASH, PERCPU_HASH, LRU_HASH and LRU_PERCPU_HASH: at most `maxEntries` elements under keys of `keySize` bytes. Updating a
 * hash replaces the element: whoever still points to the old value sees the old value. A per-CPU hash has a value of its
 * own for each CPU: a program that updates writes its CPU's in place (the others of a new element are zero), user
 * space reads and overwrites all of them at once, each padded to 8 bytes. The order of keys is unspecified. Pre-allocated
 * unless BPF_F_NO_PREALLOC. An LRU hash is never full: a new element takes the place of one that was not used for long.
 * @kernel htab_map_ops, htab_percpu_map_ops, htab_lru_map_ops, htab_lru_percpu_map_ops
 *
 * What is refused, and all that is quick, is in src/maps/core/assembly/hash.ts and lru.ts.
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { ELEM_STATE, HASH_ELEM, LRU_LIST, LRU_NODE, MAP_HEADER, padded } from '../memory/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { bucketKeys } from './buckets.ts';
import { MapCore } from './map-core.ts';
import type { CoreFunctions, CoreMap } from './map-core.ts';
import { allocateValues, retainedElements, writeHeader } from './storage.ts';

/** The core's functions for one type. All take (map, key), lookups a CPU, updates (value, flags, CPU). */
interface Operations {
  /** A program's look-up. */
  readonly lookup: (map: number, key: number, cpu: number) => number;
  /** User space's, which is no use of the element. */
  readonly find: (map: number, key: number, cpu: number) => number;
  readonly update: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  /** User space's: of all CPUs' values. */
  readonly updateAll: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  readonly delete: (map: number, key: number) => number;
  readonly next: (map: number, key: number) => number;
}

function operations(type: number, core: CoreFunctions): Operations {
  const plain = { find: core.hash_lookup, delete: core.hash_delete, next: core.hash_next };
  switch (type) {
    case MAP_TYPE.PERCPU_HASH:
      return {
        ...plain,
        lookup: core.percpu_hash_lookup,
        update: core.percpu_hash_update,
        updateAll: core.percpu_hash_update_all,
      };
    case MAP_TYPE.LRU_HASH:
      return {
        ...plain,
        lookup: core.lru_hash_lookup,
        update: core.lru_hash_update,
        updateAll: core.lru_hash_update,
        delete: core.lru_hash_delete,
      };
    case MAP_TYPE.LRU_PERCPU_HASH:
      return {
        ...plain,
        lookup: core.lru_percpu_hash_lookup,
        update: core.lru_percpu_hash_update,
        updateAll: core.lru_percpu_hash_update_all,
        delete: core.lru_hash_delete,
      };
    default:
      return { ...plain, lookup: core.hash_lookup, update: core.hash_update, updateAll: core.hash_update };
  }
}

/** Most and least bytes of a slab that is added to a map. */
const MAX_SLAB = 1 << 20;
const MIN_SLAB = 512;
/** Elements start at a line of the processor's cache. */
const CACHE_LINE = 64;

/** What is computed from a map's sizes. */
interface Shape {
  readonly copies: number;
  readonly valueOffset: number;
  readonly valueStride: number;
  readonly elemSize: number;
  readonly buckets: number;
  /** Bytes from the header to the first element. */
  readonly elements: number;
  /** Elements that there are from the start. */
  readonly preallocated: number;
  /** Of an LRU hash: its lists of use. */
  readonly lists: number;
}

const PERCPU: ReadonlySet<number> = new Set([MAP_TYPE.PERCPU_HASH, MAP_TYPE.LRU_PERCPU_HASH]);
const LRU: ReadonlySet<number> = new Set([MAP_TYPE.LRU_HASH, MAP_TYPE.LRU_PERCPU_HASH]);

function shapeOf(info: MapInfo, cpus: number): Shape {
  const percpu = PERCPU.has(info.type);
  const lru = LRU.has(info.type);
  const lists = !lru ? 0 : info.flags & MAP_FLAG.NO_COMMON_LRU ? cpus : 1;
  const copies = percpu ? cpus : 1;
  const valueOffset = HASH_ELEM.KEY + padded(info.keySize);
  const valueStride = padded(info.valueSize);
  const buckets = bucketCount(info.maxEntries);
  // One element more than fits, so that a full hash can still replace one.
  const preallocated = info.flags & MAP_FLAG.NO_PREALLOC ? 0 : info.maxEntries + (percpu ? 0 : 1);
  return {
    copies,
    valueOffset,
    valueStride,
    elemSize: valueOffset + valueStride * copies + (lru ? LRU_NODE.SIZE : 0),
    buckets,
    elements: Math.ceil((MAP_HEADER.SIZE + 4 * buckets + LRU_LIST.SIZE * lists) / CACHE_LINE) * CACHE_LINE,
    preallocated,
    lists,
  };
}

function bucketCount(maxEntries: number): number {
  let buckets = 1;
  while (buckets < maxEntries) buckets *= 2;
  return buckets;
}

export class HashMap implements BpfMap, CoreMap {
  readonly info: MapInfo;
  readonly address: number;
  readonly userValueSize: number;
  readonly #deps: MapDeps;
  readonly #core: MapCore;
  readonly #fn: Operations;
  readonly #shape: Shape;
  readonly #percpu: boolean;
  /** Header, buckets and the first elements, then the slabs. */
  readonly #regions: Region[];

  /** @returns the map, or -ENOMEM. */
  static create(asked: MapInfo, deps: MapDeps): HashMap | number {
    // Each CPU's list has the same share: Linux rounds the entries up.
    const unit = LRU.has(asked.type) && asked.flags & MAP_FLAG.NO_COMMON_LRU ? deps.cpus : 1;
    const info = { ...asked, maxEntries: Math.ceil(asked.maxEntries / unit) * unit };
    const shape = shapeOf(info, deps.cpus);
    const { elements, elemSize, preallocated } = shape;
    const size = elements + preallocated * elemSize;
    const region = allocateValues(info, deps, size, (offset, bytes) => {
      return offset >= elements && holdsValue(deps, info, shape, region as Region, elements, offset, bytes);
    });
    return region === undefined ? -ERRNO.ENOMEM : new HashMap(info, deps, shape, region);
  }

  private constructor(info: MapInfo, deps: MapDeps, shape: Shape, region: Region) {
    this.info = info;
    this.address = region.base;
    this.#percpu = PERCPU.has(info.type);
    this.userValueSize = this.#percpu ? shape.valueStride * shape.copies : info.valueSize;
    this.#deps = deps;
    this.#core = MapCore.of(deps);
    this.#fn = operations(info.type, this.#core.functions);
    this.#shape = shape;
    this.#regions = [region];
    writeHeader(info, deps, region.base);
    this.#setHeader('ELEM_SIZE', shape.elemSize);
    this.#setHeader('CPU_STRIDE', this.#percpu ? shape.valueStride : 0);
    this.#setHeader('BUCKETS', region.base + MAP_HEADER.SIZE);
    this.#setHeader('BUCKET_MASK', shape.buckets - 1);
    this.#setHeader('SEED', info.flags & MAP_FLAG.ZERO_SEED ? 0 : deps.random() >>> 0);
    this.#setHeader('VALUE_OFFSET', shape.valueOffset);
    this.#setHeader('COPIES', shape.copies);
    this.#setHeader('RETAIN', retainedElements(info, shape.elemSize));
    this.#writeLists(region.base + MAP_HEADER.SIZE + 4 * shape.buckets);
    this.#addElements(region.base + shape.elements, shape.preallocated);
    this.#core.add(this.address, this);
  }

  get name(): string {
    return this.info.name;
  }

  get memoryBytes(): number {
    return this.#regions.reduce((sum, region) => sum + region.reserved, 0);
  }

  get perCpu(): boolean {
    return this.#percpu;
  }

  findElem(key: number, cpu: number): number {
    const first = this.#fn.find(this.address, key, cpu) >>> 0;
    return first === 0 || !this.#percpu ? first : first + cpu * this.#shape.valueStride;
  }

  lookupElem(key: number, cpu: number): number {
    try {
      return this.#fn.lookup(this.address, key, cpu) >>> 0;
    } catch (error) {
      throw this.#core.explain(this.address, error);
    }
  }

  updateElem(key: number, value: number, flags: number, cpu: number): number {
    const words = Math.min(flags, 0xffffffff);
    try {
      return this.#fn.update(this.address, key, value, words, cpu);
    } catch (error) {
      throw this.#core.explain(this.address, error);
    }
  }

  deleteElem(key: number): number {
    try {
      return this.#fn.delete(this.address, key);
    } catch (error) {
      throw this.#core.explain(this.address, error);
    }
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    return this.#command(key, undefined, (at) => {
      const from = this.#fn.find(this.address, at, 0) >>> 0;
      if (from === 0) return -ERRNO.ENOENT;
      this.#deps.memory.copyOut(from, value, this.userValueSize);
      return 0;
    });
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const words = Math.min(flags, 0xffffffff);
    return this.#command(key, value, (at, valueAt) => this.#fn.updateAll(this.address, at, valueAt, words, 0));
  }

  sysDelete(key: Uint8Array): number {
    return this.#command(key, undefined, (at) => this.#fn.delete(this.address, at));
  }

  sysLookupAndDelete(key: Uint8Array, value: Uint8Array): number {
    return this.sysLookup(key, value) || this.sysDelete(key);
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return this.#command(key, undefined, (at) => {
      const elem = this.#fn.next(this.address, at) >>> 0;
      if (elem === 0) return -ERRNO.ENOENT;
      this.#deps.memory.copyOut(elem + HASH_ELEM.KEY, nextKey, this.info.keySize);
      return 0;
    });
  }

  bucketKeys(bucket: number): Uint8Array[] | undefined {
    return bucketKeys(this.#deps.memory, this.info, this.address, bucket);
  }

  directValueAddress(_offset: number): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    const { memory, rcu } = this.#deps;
    rcu.defer(() => {
      this.#core.remove(this.address);
      for (const region of this.#regions) memory.free(region);
    });
  }

  grow(): boolean {
    const { elemSize } = this.#shape;
    const capacity = this.#deps.memory.view.getUint32(this.address + MAP_HEADER.CAPACITY, true);
    const bytes = Math.min(MAX_SLAB, Math.max(MIN_SLAB, Math.floor((capacity * elemSize) / 8)));
    const count = Math.max(1, Math.floor(bytes / elemSize));
    const slab = allocateValues(this.info, this.#deps, count * elemSize, (offset, size) =>
      holdsValue(this.#deps, this.info, this.#shape, slab as Region, 0, offset, size),
    );
    if (slab === undefined) return false;
    this.#regions.push(slab);
    this.#addElements(slab.base, count);
    return true;
  }

  #writeLists(at: number): void {
    const { lists, valueOffset, valueStride, copies } = this.#shape;
    this.#setHeader('LISTS', at);
    this.#setHeader('LIST_COUNT', lists);
    this.#setHeader('NODE_OFFSET', valueOffset + valueStride * copies);
    const limit = Math.ceil(this.info.maxEntries / Math.max(1, lists));
    for (let i = 0; i < lists; i++)
      this.#deps.memory.view.setUint32(at + i * LRU_LIST.SIZE + LRU_LIST.LIMIT, limit, true);
  }

  #addElements(first: number, count: number): void {
    const { view } = this.#deps.memory;
    this.#setHeader('CAPACITY', view.getUint32(this.address + MAP_HEADER.CAPACITY, true) + count);
    this.#setHeader('UNUSED', first);
    this.#setHeader('UNUSED_END', first + count * this.#shape.elemSize);
  }

  #setHeader(field: keyof typeof MAP_HEADER, value: number): void {
    this.#deps.memory.view.setUint32(this.address + MAP_HEADER[field], value, true);
  }

  /** Run a command of user space, which is a reader of its own, on copies of its key and value. */
  #command(
    key: Uint8Array | undefined,
    value: Uint8Array | undefined,
    body: (key: number, value: number) => number,
  ): number {
    const { rcu } = this.#deps;
    const { keySize } = this.info;
    let at = 0;
    if (key !== undefined) {
      at = this.#core.stage(key, keySize, value, this.userValueSize);
      if (at === 0) return -ERRNO.ENOMEM;
    }
    rcu.enter();
    try {
      return body(at, at + padded(keySize));
    } catch (error) {
      throw this.#core.explain(this.address, error);
    } finally {
      rcu.exit();
    }
  }
}

/** Whether a program may touch these bytes of a region whose elements start at `first`: of one value of one that is not free. */
function holdsValue(
  deps: MapDeps,
  info: MapInfo,
  { elemSize, valueOffset, valueStride, copies }: Shape,
  region: Region,
  first: number,
  offset: number,
  size: number,
): boolean {
  const inside = (offset - first) % elemSize;
  const within = inside - valueOffset;
  if (within < 0 || within >= valueStride * copies || (within % valueStride) + size > info.valueSize) return false;
  const state = deps.memory.view.getUint32(region.base + offset - inside + HASH_ELEM.STATE, true);
  return (state & ELEM_STATE.MASK) !== ELEM_STATE.FREE;
}
