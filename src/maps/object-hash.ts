/**
 * What hashes share whose elements hold objects: only user space changes them, and an object is held until its element is
 * replaced or deleted and every program that was running has ended.
 *
 * Refuses: changes by programs and look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import { indexOf } from './array.ts';
import type { BpfMap, MapDeps, MapInfo, SlotObject } from './bpf-map.ts';
import { HeldObjects } from './held-objects.ts';

export abstract class ObjectHash implements BpfMap {
  readonly info: MapInfo;
  protected readonly deps: MapDeps;
  /** The elements, without what they hold. */
  protected readonly hash: BpfMap;
  protected readonly held: HeldObjects;
  /** Where in a value the word of its object lies. */
  readonly #wordOffset: number;

  constructor(info: MapInfo, deps: MapDeps, hash: BpfMap, wordOffset: number) {
    this.info = info;
    this.deps = deps;
    this.hash = hash;
    this.held = new HeldObjects(deps.rcu);
    this.#wordOffset = wordOffset;
  }

  get userValueSize(): number {
    return this.info.valueSize;
  }

  get address(): number {
    return this.hash.address;
  }

  get memoryBytes(): number {
    return this.hash.memoryBytes;
  }

  lookupElem(key: number, cpu: number): number {
    return this.hash.lookupElem(key, cpu);
  }

  updateElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  deleteElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    return this.hash.sysLookup(key, value);
  }

  abstract sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number;

  sysDelete(key: Uint8Array): number {
    const before = this.wordOf(key);
    const result = this.hash.sysDelete(key);
    if (result === 0) this.held.drop(before);
    return result;
  }

  sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return this.hash.sysGetNextKey(key, nextKey);
  }

  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    this.held.clear();
    this.hash.destroy();
  }

  /** The word of the object that the element under a key holds; 0: it holds none, or there is no element. */
  protected wordOf(key: Uint8Array): number {
    const value = new Uint8Array(this.info.valueSize);
    const isThere = this.hash.sysLookup(key, value) === 0;
    return isThere && value.length > this.#wordOffset ? indexOf(value.subarray(this.#wordOffset)) : 0;
  }

  /** The element under a key has a value with this object from now on, which was acquired for it. @returns 0 or -errno */
  protected put(key: Uint8Array, value: Uint8Array, flags: number, object: SlotObject | undefined): number {
    const before = this.wordOf(key);
    const result = this.hash.sysUpdate(key, value, flags);
    if (result < 0) {
      object?.release();
      return result;
    }
    if (object) this.held.add(object);
    this.held.drop(before);
    return result;
  }
}
