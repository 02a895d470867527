/**
 * BPF_MAP_TYPE_HASH_OF_MAPS: a hash whose values are maps. User space writes a descriptor and reads an id, a program finds
 * the inner map's address. An inner map is held until its element is replaced or deleted and every program that was
 * running has ended. @kernel htab_of_maps_map_ops
 *
 * Refuses: what a hash refuses; a descriptor of another shape of map (what the resolver answers); changes by programs and
 * look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO, InternalError } from '../errors/index.ts';
import { indexOf } from './array.ts';
import type { BpfMap, MapDeps, MapInfo, SlotObject, SlotResolver } from './bpf-map.ts';
import { HashMap } from './hash.ts';

const WORD = 4;

export class HashOfMaps implements BpfMap {
  readonly info: MapInfo;
  readonly userValueSize = WORD;
  readonly #deps: MapDeps;
  readonly #resolver: SlotResolver;
  readonly #hash: BpfMap;
  /** By the key's bytes as text. */
  readonly #held = new Map<string, SlotObject>();

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): BpfMap | number {
    const hash = HashMap.create(info, deps);
    return typeof hash === 'number' || !deps.slots ? hash : new HashOfMaps(info, deps, deps.slots, hash);
  }

  constructor(info: MapInfo, deps: MapDeps, resolver: SlotResolver, hash: BpfMap) {
    this.info = info;
    this.#deps = deps;
    this.#resolver = resolver;
    this.#hash = hash;
  }

  get address(): number {
    return this.#hash.address;
  }

  get memoryBytes(): number {
    return this.#hash.memoryBytes;
  }

  lookupElem(key: number, cpu: number): number {
    const value = this.#hash.lookupElem(key, cpu);
    if (value === 0) return 0;
    const { view } = this.#deps.memory;
    if (value + WORD <= view.byteLength) return view.getUint32(value, true);
    throw new InternalError(`the memory of map '${this.info.name}' is corrupt: a value out of it`);
  }

  updateElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  deleteElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    const object = this.#held.get(this.#text(key));
    if (object === undefined) return -ERRNO.ENOENT;
    writeWord(value, object.id);
    return 0;
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const object = this.#resolver.acquire(indexOf(value) | 0);
    if (typeof object === 'number') return object;
    const word = new Uint8Array(WORD);
    writeWord(word, object.word);
    const result = this.#hash.sysUpdate(key, word, flags);
    if (result < 0) object.release();
    else this.#replace(key, object);
    return result;
  }

  sysDelete(key: Uint8Array): number {
    const result = this.#hash.sysDelete(key);
    if (result === 0) this.#replace(key, undefined);
    return result;
  }

  sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return this.#hash.sysGetNextKey(key, nextKey);
  }

  bucketKeys(bucket: number): Uint8Array[] | undefined {
    return this.#hash.bucketKeys?.(bucket);
  }

  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    const held = [...this.#held.values()];
    this.#held.clear();
    this.#deps.rcu.defer(() => held.forEach((object) => object.release()));
    this.#hash.destroy();
  }

  #text(key: Uint8Array): string {
    return String.fromCharCode(...key.subarray(0, this.info.keySize));
  }

  #replace(key: Uint8Array, object: SlotObject | undefined): void {
    const text = this.#text(key);
    const before = this.#held.get(text);
    if (object) this.#held.set(text, object);
    else this.#held.delete(text);
    if (before) this.#deps.rcu.defer(() => before.release());
  }
}

function writeWord(to: Uint8Array, word: number): void {
  new DataView(to.buffer, to.byteOffset).setUint32(0, word, true);
}
