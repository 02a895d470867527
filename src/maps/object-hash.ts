/**
 * What hashes share whose elements hold objects: only user space changes them, and an object is held until its element is
 * replaced or deleted and every program that was running has ended.
 *
 * Refuses: changes by programs and look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { BpfMap, MapDeps, MapInfo, SlotObject } from './bpf-map.ts';

export abstract class ObjectHash implements BpfMap {
  readonly info: MapInfo;
  protected readonly deps: MapDeps;
  /** The elements, without what they hold. */
  protected readonly hash: BpfMap;
  /** By the key's bytes as text. */
  readonly #held = new Map<string, SlotObject>();

  constructor(info: MapInfo, deps: MapDeps, hash: BpfMap) {
    this.info = info;
    this.deps = deps;
    this.hash = hash;
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
    const result = this.hash.sysDelete(key);
    if (result === 0) this.hold(key, undefined);
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
    const held = [...this.#held.values()];
    this.#held.clear();
    this.deps.rcu.defer(() => held.forEach((object) => object.release()));
    this.hash.destroy();
  }

  /** What the element under a key holds. */
  protected heldBy(key: Uint8Array): SlotObject | undefined {
    return this.#held.get(this.#text(key));
  }

  /** The element under a key holds this object from now on, or none. */
  protected hold(key: Uint8Array, object: SlotObject | undefined): void {
    const text = this.#text(key);
    const before = this.#held.get(text);
    if (object) this.#held.set(text, object);
    else this.#held.delete(text);
    if (before) this.deps.rcu.defer(() => before.release());
  }

  #text(key: Uint8Array): string {
    return String.fromCharCode(...key.subarray(0, this.info.keySize));
  }
}
