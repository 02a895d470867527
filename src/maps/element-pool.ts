/**
 * Where the elements of a hash come from and go to. Elements lie in slabs (regions of equal elements); the free ones
 * are chained through LINK. An element that leaves the table while a program runs is RETIRED: it keeps its contents, and is
 * handed out again only when no program runs.
 *
 * One exception keeps a program that deletes and inserts millions of times in one run from taking all memory: once
 * RETAIN_BYTES are retired, the oldest is handed out again at once, as Linux does with every element of a
 * pre-allocated hash. It stays an element, so that old pointers stay safe; only its contents are new.
 *
 * Links read from memory are checked: an address that is not an element's is an InternalError, never followed.
 */
import { InternalError } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { ELEM_STATE, HASH_ELEM, MAP_HEADER, padded } from '../memory/index.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import { allocateValues } from './storage.ts';

/** Most bytes of slab added at a time. */
const MAX_SLAB = 1 << 20;
const MIN_SLAB = 4096;
/** Bytes of retired elements beyond which the oldest is reused. */
const RETAIN_BYTES = 4 << 20;

export class ElementPool {
  /** Bytes from an element to its (first CPU's) value. */
  readonly valueOffset: number;
  /** Bytes from one CPU's value to the next CPU's. */
  readonly valueStride: number;
  /** Bytes from one element to the next. */
  readonly elemSize: number;
  readonly #info: MapInfo;
  readonly #deps: MapDeps;
  readonly #header: number;
  readonly #slabs: Region[] = [];
  /** The slab that the last checked link pointed into: nearly always the next one's too. */
  #recent: Region | undefined;
  #capacity = 0;
  /** Elements of the newest slab that were never handed out: from this address on. */
  #unused = 0;
  #unusedEnd = 0;
  /** Retired elements, oldest first, from `#oldest` on. */
  #retired: number[] = [];
  #oldest = 0;

  /** @param header the map's header; @param copies values each element has: 1, or one for each CPU. */
  constructor(info: MapInfo, deps: MapDeps, header: number, copies: number) {
    this.#info = info;
    this.#deps = deps;
    this.#header = header;
    this.valueOffset = HASH_ELEM.KEY + padded(info.keySize);
    this.valueStride = padded(info.valueSize);
    this.elemSize = this.valueOffset + this.valueStride * copies;
  }

  /** Elements there are, in whatever state: no honest chain is longer. */
  get capacity(): number {
    return this.#capacity;
  }

  get memoryBytes(): number {
    return this.#slabs.reduce((sum, slab) => sum + slab.reserved, 0);
  }

  /** Make room for `count` more elements; false when the memory is exhausted. */
  grow(count: number): boolean {
    const slab = allocateValues(this.#info, this.#deps, count * this.elemSize, (offset, size) =>
      this.#contains(slab as Region, offset, size),
    );
    if (slab === undefined) return false;
    this.#slabs.push(slab);
    this.#capacity += count;
    this.#unused = slab.base;
    this.#unusedEnd = slab.base + count * this.elemSize;
    return true;
  }

  /** A free element, with whatever contents it had; 0 when the memory is exhausted. */
  take(): number {
    const { view } = this.#deps.memory;
    const free = view.getUint32(this.#header + MAP_HEADER.FREE, true);
    if (free !== 0) {
      this.checkLink(free);
      if (view.getUint32(free + HASH_ELEM.STATE, true) !== ELEM_STATE.FREE)
        this.corrupt('a used element in the free list');
      view.setUint32(this.#header + MAP_HEADER.FREE, view.getUint32(free + HASH_ELEM.LINK, true), true);
      return free;
    }
    if (this.#unused === this.#unusedEnd) {
      const retired = this.#retired.length - this.#oldest;
      const reuse = retired > 0 && retired * this.elemSize >= RETAIN_BYTES;
      if (reuse || !this.grow(this.#slabSize())) return retired > 0 ? this.#reuseOldest() : 0;
    }
    const fresh = this.#unused;
    this.#unused += this.elemSize;
    return fresh;
  }

  /** Give back an element that has left the table: at once, or when the programs that run now have ended. */
  retire(elem: number): void {
    if (this.#deps.rcu.idle) return this.#free(elem);
    this.#deps.memory.view.setUint32(elem + HASH_ELEM.STATE, ELEM_STATE.RETIRED, true);
    this.#retired.push(elem);
    if (this.#retired.length - this.#oldest === 1) this.#deps.rcu.defer(() => this.#reclaim());
  }

  /** Throw unless `elem` is the address of one of this map's elements. */
  checkLink(elem: number): void {
    if (this.#isElement(this.#recent, elem)) return;
    const slab = this.#deps.memory.regionAt(elem);
    if (slab === undefined || !this.#slabs.includes(slab) || !this.#isElement(slab, elem)) {
      this.corrupt(`a link to 0x${elem.toString(16)}`);
    }
    this.#recent = slab;
  }

  corrupt(what: string): never {
    throw new InternalError(`the memory of hash map '${this.#info.name}' is corrupt: ${what}`);
  }

  destroy(): void {
    for (const slab of this.#slabs) this.#deps.memory.free(slab);
  }

  #isElement(slab: Region | undefined, elem: number): boolean {
    if (slab === undefined) return false;
    const offset = elem - slab.base;
    return offset >= 0 && offset + this.elemSize <= slab.size && offset % this.elemSize === 0;
  }

  /** Whether a program may touch these bytes: inside one value of one element that is not free. */
  #contains(slab: Region, offset: number, size: number): boolean {
    const within = (offset % this.elemSize) - this.valueOffset;
    if (within < 0 || (within % this.valueStride) + size > this.#info.valueSize) return false;
    const elem = slab.base + offset - (offset % this.elemSize);
    return this.#deps.memory.view.getUint32(elem + HASH_ELEM.STATE, true) !== ELEM_STATE.FREE;
  }

  #slabSize(): number {
    const bytes = Math.min(MAX_SLAB, Math.max(MIN_SLAB, this.#capacity * this.elemSize));
    return Math.max(1, Math.floor(bytes / this.elemSize));
  }

  #reuseOldest(): number {
    const elem = this.#retired[this.#oldest++];
    // One that is never given back by #reclaim: the caller makes it LIVE.
    if (this.#oldest * 2 > this.#retired.length) {
      this.#retired = this.#retired.slice(this.#oldest);
      this.#oldest = 0;
    }
    return elem;
  }

  #reclaim(): void {
    for (let i = this.#oldest; i < this.#retired.length; i++) this.#free(this.#retired[i]);
    this.#retired = [];
    this.#oldest = 0;
  }

  #free(elem: number): void {
    const { view } = this.#deps.memory;
    view.setUint32(elem + HASH_ELEM.STATE, ELEM_STATE.FREE, true);
    view.setUint32(elem + HASH_ELEM.LINK, view.getUint32(this.#header + MAP_HEADER.FREE, true), true);
    view.setUint32(this.#header + MAP_HEADER.FREE, elem, true);
  }
}
