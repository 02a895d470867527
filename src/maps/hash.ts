/**
 * BPF_MAP_TYPE_HASH: at most `maxEntries` elements under keys of `keySize` bytes, in chains behind a power of two of buckets.
 * Updating replaces the element: whoever still points to the old value sees the old value. The order of keys is
 * unspecified. Pre-allocated unless BPF_F_NO_PREALLOC. @kernel htab_map_ops
 *
 * Refuses: flags beyond BPF_EXIST (-EINVAL), BPF_NOEXIST of a key that is there (-EEXIST), BPF_EXIST of one that is not
 * (-ENOENT), a new key when full (-E2BIG).
 *
 * Chains are read from memory that running programs share: a chain that leads elsewhere or in circles is an
 * InternalError.
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { ELEM_STATE, HASH_ELEM, MAP_HEADER, hashKey } from '../memory/index.ts';
import { ELEM_FLAG, MAP_FLAG } from '../uapi/index.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { ElementPool } from './element-pool.ts';
import { allocateHeader } from './storage.ts';

/** A key or value: an address in the memory, or user space's own bytes. */
export type Source = number | Uint8Array;

export class HashMap implements BpfMap {
  readonly info: MapInfo;
  protected readonly deps: MapDeps;
  protected readonly pool: ElementPool;
  readonly #header: Region;
  readonly #buckets: number;
  readonly #mask: number;
  readonly #seed: number;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): HashMap | number {
    // One element more than fits, so that a full map can still replace one.
    return build(info, deps, 1, info.maxEntries + 1, (header, pool) => new HashMap(info, deps, header, pool));
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region, pool: ElementPool) {
    this.info = info;
    this.deps = deps;
    this.pool = pool;
    this.#header = header;
    this.#buckets = header.base + MAP_HEADER.SIZE;
    this.#mask = bucketCount(info.maxEntries) - 1;
    this.#seed = info.flags & MAP_FLAG.ZERO_SEED ? 0 : deps.random() >>> 0;
    const { view } = deps.memory;
    view.setUint32(header.base + MAP_HEADER.ELEM_SIZE, pool.elemSize, true);
    view.setUint32(header.base + MAP_HEADER.BUCKETS, this.#buckets, true);
    view.setUint32(header.base + MAP_HEADER.BUCKET_MASK, this.#mask, true);
    view.setUint32(header.base + MAP_HEADER.SEED, this.#seed, true);
    view.setUint32(header.base + MAP_HEADER.VALUE_OFFSET, pool.valueOffset, true);
  }

  get address(): number {
    return this.#header.base;
  }

  get memoryBytes(): number {
    return this.#header.reserved + this.pool.memoryBytes;
  }

  get userValueSize(): number {
    return this.info.valueSize;
  }

  /** Elements in the table. */
  get count(): number {
    return this.deps.memory.view.getUint32(this.#header.base + MAP_HEADER.COUNT, true);
  }

  lookupElem(key: number, cpu: number): number {
    const elem = this.#find(key, this.#hash(key));
    return elem === 0 ? 0 : this.valueOf(elem, cpu);
  }

  updateElem(key: number, value: number, flags: number, cpu: number): number {
    return this.update(key, value, flags, cpu);
  }

  deleteElem(key: number): number {
    return this.#delete(key);
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    const elem = this.#find(key, this.#hash(key));
    if (elem === 0) return -ERRNO.ENOENT;
    this.readValue(elem, value);
    return 0;
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    return this.update(key, value, flags, 0);
  }

  sysDelete(key: Uint8Array): number {
    return this.#delete(key);
  }

  sysLookupAndDelete(key: Uint8Array, value: Uint8Array): number {
    return this.sysLookup(key, value) || this.#delete(key);
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    const { view, bytes } = this.deps.memory;
    let bucket = 0;
    let next = 0;
    const elem = key === undefined ? 0 : this.#find(key, this.#hash(key));
    if (elem !== 0) {
      bucket = (view.getUint32(elem + HASH_ELEM.HASH, true) & this.#mask) + 1;
      next = view.getUint32(elem + HASH_ELEM.NEXT, true);
    }
    for (; next === 0 && bucket <= this.#mask; bucket++) next = view.getUint32(this.#buckets + 4 * bucket, true);
    if (next === 0) return -ERRNO.ENOENT;
    this.pool.checkLink(next);
    nextKey.set(bytes.subarray(next + HASH_ELEM.KEY, next + HASH_ELEM.KEY + this.info.keySize));
    return 0;
  }

  directValueAddress(_offset: number): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    const { memory, rcu } = this.deps;
    rcu.defer(() => {
      this.pool.destroy();
      memory.free(this.#header);
    });
  }

  /** Address of the value that an element has on CPU `cpu`. */
  protected valueOf(elem: number, _cpu: number): number {
    return elem + this.pool.valueOffset;
  }

  /** User space's value of an element. */
  protected readValue(elem: number, value: Uint8Array): void {
    const from = elem + this.pool.valueOffset;
    value.set(this.deps.memory.bytes.subarray(from, from + this.info.valueSize));
  }

  /** Write the value of an element that is not in the table yet. */
  protected writeNew(elem: number, value: Source, _cpu: number): void {
    this.copyIn(elem + this.pool.valueOffset, value, 0, this.info.valueSize);
  }

  /** Give key `key`, found in `old`, a new value. */
  protected replace(old: number, key: Source, hash: number, value: Source, cpu: number): number {
    const added = this.insert(key, hash, value, cpu);
    if (added === 0) this.#unlink(old, hash);
    return added;
  }

  protected update(key: Source, value: Source, flags: number, cpu: number): number {
    if (flags > ELEM_FLAG.EXIST) return -ERRNO.EINVAL;
    const hash = this.#hash(key);
    const old = this.#find(key, hash);
    if (old !== 0) return flags === ELEM_FLAG.NOEXIST ? -ERRNO.EEXIST : this.replace(old, key, hash, value, cpu);
    if (flags === ELEM_FLAG.EXIST) return -ERRNO.ENOENT;
    return this.count >= this.info.maxEntries ? -ERRNO.E2BIG : this.insert(key, hash, value, cpu);
  }

  /** Put a new element at the head of its chain, where a look-up finds it before any older one. */
  protected insert(key: Source, hash: number, value: Source, cpu: number): number {
    const elem = this.pool.take(); // may grow the memory: views only from here on
    if (elem === 0) return -ERRNO.ENOMEM;
    const { view } = this.deps.memory;
    const bucket = this.#bucketOf(hash);
    this.copyIn(elem + HASH_ELEM.KEY, key, 0, this.info.keySize);
    this.writeNew(elem, value, cpu);
    view.setUint32(elem + HASH_ELEM.HASH, hash, true);
    view.setUint32(elem + HASH_ELEM.STATE, ELEM_STATE.LIVE, true);
    view.setUint32(elem + HASH_ELEM.NEXT, view.getUint32(bucket, true), true);
    view.setUint32(bucket, elem, true);
    this.#addCount(1);
    return 0;
  }

  /** Copy `size` bytes from byte `from` of a source to address `to`. */
  protected copyIn(to: number, source: Source, from: number, size: number): void {
    const { bytes } = this.deps.memory;
    if (typeof source === 'number') bytes.copyWithin(to, source + from, source + from + size);
    else bytes.set(source.subarray(from, from + size), to);
  }

  #delete(key: Source): number {
    const hash = this.#hash(key);
    const elem = this.#find(key, hash);
    if (elem === 0) return -ERRNO.ENOENT;
    this.#unlink(elem, hash);
    return 0;
  }

  #hash(key: Source): number {
    return typeof key === 'number'
      ? hashKey(this.deps.memory.bytes, key, this.info.keySize, this.#seed)
      : hashKey(key, 0, this.info.keySize, this.#seed);
  }

  #bucketOf(hash: number): number {
    return this.#buckets + 4 * (hash & this.#mask);
  }

  /** The element of a key, or 0. */
  #find(key: Source, hash: number): number {
    const { view } = this.deps.memory;
    let steps = this.pool.capacity;
    for (let elem = view.getUint32(this.#bucketOf(hash), true); elem !== 0; steps--) {
      if (steps === 0) this.pool.corrupt('a chain in a circle');
      this.pool.checkLink(elem);
      if (view.getUint32(elem + HASH_ELEM.HASH, true) === hash && this.#sameKey(elem, key)) return elem;
      elem = view.getUint32(elem + HASH_ELEM.NEXT, true);
    }
    return 0;
  }

  #sameKey(elem: number, key: Source): boolean {
    const { bytes } = this.deps.memory;
    const other = typeof key === 'number' ? bytes : key;
    const from = typeof key === 'number' ? key : 0;
    const mine = elem + HASH_ELEM.KEY;
    for (let i = 0; i < this.info.keySize; i++) if (bytes[mine + i] !== other[from + i]) return false;
    return true;
  }

  /** Take an element out of its chain; its own NEXT stays for readers that stand on it. */
  #unlink(elem: number, hash: number): void {
    const { view } = this.deps.memory;
    let link = this.#bucketOf(hash);
    for (let steps = this.pool.capacity; ; steps--) {
      const at = view.getUint32(link, true);
      if (at === elem) break;
      if (at === 0 || steps === 0) this.pool.corrupt('an element that its chain does not lead to');
      this.pool.checkLink(at);
      link = at + HASH_ELEM.NEXT;
    }
    view.setUint32(link, view.getUint32(elem + HASH_ELEM.NEXT, true), true);
    this.#addCount(-1);
    this.pool.retire(elem);
  }

  #addCount(by: number): void {
    this.deps.memory.view.setUint32(this.#header.base + MAP_HEADER.COUNT, this.count + by, true);
  }
}

/** Allocate header, buckets and, unless BPF_F_NO_PREALLOC, `elements` elements, and make the map from them; -ENOMEM. */
export function build<T>(
  info: MapInfo,
  deps: MapDeps,
  copies: number,
  elements: number,
  make: (header: Region, pool: ElementPool) => T,
): T | number {
  const header = allocateHeader(info, deps, 4 * bucketCount(info.maxEntries));
  if (header === undefined) return -ERRNO.ENOMEM;
  const pool = new ElementPool(info, deps, header.base, copies);
  if ((info.flags & MAP_FLAG.NO_PREALLOC) === 0 && !pool.grow(elements)) {
    deps.memory.free(header);
    return -ERRNO.ENOMEM;
  }
  return make(header, pool);
}

function bucketCount(maxEntries: number): number {
  let buckets = 1;
  while (buckets < maxEntries) buckets *= 2;
  return buckets;
}
