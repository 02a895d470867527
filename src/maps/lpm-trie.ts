/**
 * BPF_MAP_TYPE_LPM_TRIE: values under prefixes of bits; a look-up gives that of the longest prefix of its key. Keys come
 * longer prefixes first. Updating replaces the element: whoever still points to the old value sees the old value. What is
 * refused, and all that is quick, is in src/maps/core/assembly/lpm.ts. @kernel trie_map_ops
 *
 * Refuses: look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { ELEM_STATE, HASH_ELEM, MAP_HEADER, padded } from '../memory/index.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { MapCore } from './map-core.ts';
import type { CoreFunctions, CoreMap } from './map-core.ts';
import { allocateValues, writeHeader } from './storage.ts';

/** Most bytes of a slab that is added to a map. */
const MAX_SLAB = 1 << 20;
/** Nodes of the first region, and the fewest that are added. */
const FIRST_NODES = 4;
/** Bytes of retired nodes beyond which the oldest is reused. */
const RETAIN_BYTES = 4 << 20;

export class LpmTrieMap implements BpfMap, CoreMap {
  readonly info: MapInfo;
  readonly #deps: MapDeps;
  readonly #core: MapCore;
  readonly #fn: CoreFunctions;
  readonly #nodeSize: number;
  /** The header with the first nodes, then slabs of nodes. */
  readonly #regions: Region[] = [];

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): LpmTrieMap | number {
    const map = new LpmTrieMap(info, deps);
    return map.#allocate(MAP_HEADER.SIZE + FIRST_NODES * map.#nodeSize, MAP_HEADER.SIZE) ? map : -ERRNO.ENOMEM;
  }

  private constructor(info: MapInfo, deps: MapDeps) {
    this.info = info;
    this.#deps = deps;
    this.#core = MapCore.of(deps);
    this.#fn = this.#core.functions;
    this.#nodeSize = HASH_ELEM.KEY + padded(info.keySize) + padded(info.valueSize);
  }

  get name(): string {
    return this.info.name;
  }
  get address(): number {
    return this.#regions[0].base;
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
      value.set(this.#deps.memory.bytes.subarray(from, from + this.info.valueSize));
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
      const from = node + HASH_ELEM.KEY;
      nextKey.set(this.#deps.memory.bytes.subarray(from, from + this.info.keySize));
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

  /** More nodes by an eighth; a prefix may take two. */
  grow(): boolean {
    const nodes = this.#deps.memory.view.getUint32(this.address + MAP_HEADER.CAPACITY, true);
    const more = Math.min(Math.floor(MAX_SLAB / this.#nodeSize), Math.ceil(nodes / 8));
    return this.#allocate(Math.max(FIRST_NODES, more) * this.#nodeSize, 0);
  }

  /** A region whose nodes start at `first`; the first has the header. @returns false: no memory */
  #allocate(size: number, first: number): boolean {
    const { memory } = this.#deps;
    const count = Math.floor((size - first) / this.#nodeSize);
    const region = allocateValues(this.info, this.#deps, size, (offset, bytes) =>
      this.#holdsValue((region as Region).base, offset - first, count, first, bytes),
    );
    if (region === undefined) return false;
    if (this.#regions.push(region) === 1) this.#writeHeader();
    const set = (field: number, value: number): void => memory.view.setUint32(this.address + field, value, true);
    set(MAP_HEADER.CAPACITY, memory.view.getUint32(this.address + MAP_HEADER.CAPACITY, true) + count);
    set(MAP_HEADER.UNUSED, region.base + first);
    set(MAP_HEADER.UNUSED_END, region.base + first + count * this.#nodeSize);
    return true;
  }

  #writeHeader(): void {
    const { view } = this.#deps.memory;
    writeHeader(this.info, this.#deps, this.address);
    view.setUint32(this.address + MAP_HEADER.ELEM_SIZE, this.#nodeSize, true);
    view.setUint32(this.address + MAP_HEADER.VALUE_OFFSET, HASH_ELEM.KEY + padded(this.info.keySize), true);
    view.setUint32(this.address + MAP_HEADER.RETAIN, Math.ceil(RETAIN_BYTES / this.#nodeSize), true);
    this.#core.add(this.address, this);
  }

  /** Whether a program may touch `size` bytes at `offset` behind the first of `count` nodes: of the value of one in use. */
  #holdsValue(base: number, offset: number, count: number, first: number, size: number): boolean {
    if (offset < 0 || offset >= count * this.#nodeSize) return false;
    const inside = offset % this.#nodeSize;
    const within = inside - HASH_ELEM.KEY - padded(this.info.keySize);
    if (within < 0 || within + size > this.info.valueSize) return false;
    const state = this.#deps.memory.view.getUint32(base + first + offset - inside + HASH_ELEM.STATE, true);
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
    const at = key === undefined ? 0 : this.#core.stage(key.subarray(0, keySize), value?.subarray(0, valueSize));
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
