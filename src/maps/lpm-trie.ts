/**
 * BPF_MAP_TYPE_LPM_TRIE: values under prefixes of bits; a look-up gives that of the longest prefix of its key. Keys come
 * longer prefixes first. Updating replaces the element: whoever still points to the old value sees the old value. What is
 * refused, and all that is quick, is in src/maps/core/assembly/lpm.ts. @kernel trie_map_ops
 *
 * Refuses: look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { ELEM_STATE, HASH_ELEM, LPM_NODE, MAP_HEADER, padded, reservedBytes } from '../memory/index.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { MapCore } from './map-core.ts';
import type { CoreFunctions, CoreMap } from './map-core.ts';
import { allocateHeader, allocateValues, retainedElements } from './storage.ts';

/** Least and most bytes of a slab that is added to a map. */
const MIN_SLAB = 256;
const MAX_SLAB = 1 << 20;
/** Bytes of a prefix's length before its bits. */
const LENGTH_SIZE = 4;

/** What is computed from a map's sizes. */
interface Shape {
  readonly valueOffset: number;
  /** Bytes from an element to the next: a node with its value, and a branch. */
  readonly elemSize: number;
}

/**
 * Values lie behind LINK, at multiples of what their type can have been aligned to: the largest of 8, 4, 2 and 1 that divides
 * their size.
 */
function shapeOf({ keySize, valueSize }: MapInfo): Shape {
  const alignment = [8, 4, 2, 1].find((n) => valueSize % n === 0) as number;
  const up = (size: number, to: number): number => Math.ceil(size / to) * to;
  const valueOffset = up(Math.max(HASH_ELEM.LINK + 4, LPM_NODE.BITS + keySize - LENGTH_SIZE), alignment);
  return { valueOffset, elemSize: up(valueOffset + valueSize, Math.max(4, alignment)) + LPM_NODE.BRANCH_SIZE };
}

export class LpmTrieMap implements BpfMap, CoreMap {
  readonly info: MapInfo;
  readonly #deps: MapDeps;
  readonly #core: MapCore;
  readonly #fn: CoreFunctions;
  readonly #shape: Shape;
  readonly address: number;
  /** The header, then slabs of elements. */
  readonly #regions: Region[];

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): LpmTrieMap | number {
    const header = allocateHeader(info, deps, 0);
    return header === undefined ? -ERRNO.ENOMEM : new LpmTrieMap(info, deps, header);
  }

  private constructor(info: MapInfo, deps: MapDeps, header: Region) {
    this.info = info;
    this.address = header.base;
    this.#deps = deps;
    this.#core = MapCore.of(deps);
    this.#fn = this.#core.functions;
    this.#shape = shapeOf(info);
    this.#regions = [header];
    const { elemSize, valueOffset } = this.#shape;
    this.#setHeader('ELEM_SIZE', elemSize);
    this.#setHeader('VALUE_OFFSET', valueOffset);
    this.#setHeader('RETAIN', retainedElements(info, elemSize));
    this.#core.add(this.address, this);
  }

  get name(): string {
    return this.info.name;
  }
  get memoryBytes(): number {
    return this.#regions.reduce((sum, region) => sum + region.reserved, 0);
  }
  get userValueSize(): number {
    return this.info.valueSize;
  }

  lookupElem(key: number): number {
    return this.#call(() => this.#fn.lpm_lookup(this.address, key)) >>> 0;
  }
  updateElem(key: number, value: number, flags: number): number {
    return this.#call(() => this.#fn.lpm_update(this.address, key, value, Math.min(flags, 0xffffffff)));
  }
  deleteElem(key: number): number {
    return this.#call(() => this.#fn.lpm_delete(this.address, key));
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    return this.#command(key, undefined, (at) => {
      const from = this.lookupElem(at);
      if (from === 0) return -ERRNO.ENOENT;
      this.#deps.memory.copyOut(from, value, this.info.valueSize);
      return 0;
    });
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    return this.#command(key, value, (at, valueAt) => this.updateElem(at, valueAt, flags));
  }

  sysDelete(key: Uint8Array): number {
    return this.#command(key, undefined, (at) => this.deleteElem(at));
  }

  sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return this.#command(key, undefined, (at) => {
      const node = this.#call(() => this.#fn.lpm_next(this.address, at)) >>> 0;
      if (node === 0) return -ERRNO.ENOENT;
      const { bytes, view } = this.#deps.memory;
      const from = node + LPM_NODE.BITS;
      nextKey.set(bytes.subarray(from, from + this.info.keySize - LENGTH_SIZE), LENGTH_SIZE);
      const length = view.getUint16(node + LPM_NODE.LENGTH, true);
      nextKey.set([length & 0xff, length >> 8, 0, 0]);
      return 0;
    });
  }

  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    const { memory, rcu } = this.#deps;
    rcu.defer(() => {
      this.#core.remove(this.address);
      for (const region of this.#regions) memory.free(region);
    });
  }

  /** More elements by a part in 32, and what the pages take besides. */
  grow(): boolean {
    const { memory } = this.#deps;
    const { elemSize } = this.#shape;
    const capacity = memory.view.getUint32(this.address + MAP_HEADER.CAPACITY, true);
    const bytes = Math.min(MAX_SLAB, Math.max(MIN_SLAB, (capacity * elemSize) / 32));
    const count = Math.max(1, Math.floor(reservedBytes(bytes) / elemSize));
    const slab = allocateValues(this.info, this.#deps, count * elemSize, (offset, size) =>
      this.#holdsValue((slab as Region).base, offset, size),
    );
    if (slab === undefined) return false;
    this.#regions.push(slab);
    this.#setHeader('CAPACITY', capacity + count);
    this.#setHeader('UNUSED', slab.base);
    this.#setHeader('UNUSED_END', slab.base + slab.size);
    return true;
  }

  #setHeader(field: keyof typeof MAP_HEADER, value: number): void {
    this.#deps.memory.view.setUint32(this.address + MAP_HEADER[field], value, true);
  }

  /** Whether a program may touch `size` bytes at `offset` of a slab: of the value of an element in use. */
  #holdsValue(slab: number, offset: number, size: number): boolean {
    const { elemSize, valueOffset } = this.#shape;
    const inside = offset % elemSize;
    const within = inside - valueOffset;
    if (within < 0 || within + size > this.info.valueSize) return false;
    const state = this.#deps.memory.view.getUint32(slab + offset - inside + HASH_ELEM.STATE, true);
    return (state & ELEM_STATE.MASK) !== ELEM_STATE.FREE;
  }

  /** Run a command of user space, which is a reader of its own, on copies of its key and value. */
  #command(
    key: Uint8Array | undefined,
    value: Uint8Array | undefined,
    body: (key: number, value: number) => number,
  ): number {
    const { rcu } = this.#deps;
    const { keySize, valueSize } = this.info;
    const at = key === undefined ? 0 : this.#core.stage(key, keySize, value, valueSize);
    if (key !== undefined && at === 0) return -ERRNO.ENOMEM;
    rcu.enter();
    try {
      return body(at, at + padded(keySize));
    } finally {
      rcu.exit();
    }
  }

  #call(body: () => number): number {
    try {
      return body();
    } catch (error) {
      throw this.#core.explain(this.address, error);
    }
  }
}
