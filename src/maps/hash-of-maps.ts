/**
 * BPF_MAP_TYPE_HASH_OF_MAPS: a hash whose values are maps. User space writes a descriptor and reads an id, a program finds
 * the inner map's address. @kernel htab_of_maps_map_ops
 *
 * Refuses: what a hash of objects refuses; a descriptor of another shape of map (what the resolver answers).
 */
import { ERRNO, InternalError } from '../errors/index.ts';
import { indexOf } from './array.ts';
import type { BpfMap, MapDeps, MapInfo, SlotResolver } from './bpf-map.ts';
import { HashMap } from './hash.ts';
import { ObjectHash } from './object-hash.ts';
import { writeInnerShape } from './storage.ts';

const WORD = 4;

export class HashOfMaps extends ObjectHash {
  readonly #resolver: SlotResolver;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): BpfMap | number {
    const hash = HashMap.create(info, deps);
    return typeof hash === 'number' || !deps.slots ? hash : new HashOfMaps(info, deps, deps.slots, hash);
  }

  constructor(info: MapInfo, deps: MapDeps, resolver: SlotResolver, hash: BpfMap) {
    super(info, deps, hash, 0);
    this.#resolver = resolver;
    if (resolver.inner !== undefined) writeInnerShape(deps, hash.address, resolver.inner);
  }

  override lookupElem(key: number, cpu: number): number {
    const value = this.hash.lookupElem(key, cpu);
    if (value === 0) return 0;
    const { view } = this.deps.memory;
    if (value + WORD <= view.byteLength) return view.getUint32(value, true);
    throw new InternalError(`the memory of map '${this.info.name}' is corrupt: a value out of it`);
  }

  bucketKeys(bucket: number): Uint8Array[] | undefined {
    return this.hash.bucketKeys?.(bucket);
  }

  override sysLookup(key: Uint8Array, value: Uint8Array): number {
    const word = this.wordOf(key);
    if (word === 0) return -ERRNO.ENOENT;
    const object = this.held.get(word);
    if (object === undefined)
      throw new InternalError(`the memory of map '${this.info.name}' is corrupt: a value is no map`);
    writeWord(value, object.id);
    return 0;
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const object = this.#resolver.acquire(indexOf(value) | 0);
    if (typeof object === 'number') return object;
    const word = new Uint8Array(WORD);
    writeWord(word, object.word);
    return this.put(key, word, flags, object);
  }
}

function writeWord(to: Uint8Array, word: number): void {
  new DataView(to.buffer, to.byteOffset).setUint32(0, word, true);
}
