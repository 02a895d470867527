/**
 * BPF_MAP_TYPE_DEVMAP_HASH: network devices under any 32-bit key; values as in a devmap. @kernel dev_map_hash_ops
 *
 * Refuses: flags beyond BPF_EXIST (-EINVAL), no device (-EINVAL), BPF_NOEXIST of a key that is there (-EEXIST), a new key when
 * full (-E2BIG), changes by programs and look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import { ELEM_FLAG } from '../uapi/index.ts';
import { indexOf } from './array.ts';
import type { BpfMap, MapDeps, MapInfo, SlotObject } from './bpf-map.ts';
import { deviceTarget } from './device-map.ts';
import { HashMap } from './hash.ts';

export class DeviceHash implements BpfMap {
  readonly info: MapInfo;
  readonly userValueSize: number;
  readonly #deps: MapDeps;
  readonly #hash: BpfMap;
  readonly #programs = new Map<number, SlotObject>();

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): DeviceHash | number {
    const hash = HashMap.create(info, deps);
    return typeof hash === 'number' ? hash : new DeviceHash(info, deps, hash);
  }

  constructor(info: MapInfo, deps: MapDeps, hash: BpfMap) {
    this.info = info;
    this.userValueSize = info.valueSize;
    this.#deps = deps;
    this.#hash = hash;
  }

  get address(): number {
    return this.#hash.address;
  }

  get memoryBytes(): number {
    return this.#hash.memoryBytes;
  }

  targetWord(index: number): number {
    const key = Uint8Array.of(index, index >>> 8, index >>> 16, index >>> 24);
    const value = new Uint8Array(this.userValueSize);
    return this.#hash.sysLookup(key, value) < 0 ? 0 : indexOf(value);
  }

  lookupElem(key: number, cpu: number): number {
    return this.#hash.lookupElem(key, cpu);
  }

  updateElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  deleteElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    return this.#hash.sysLookup(key, value);
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags > ELEM_FLAG.EXIST || indexOf(value) === 0) return -ERRNO.EINVAL;
    const isThere = this.#hash.sysLookup(key, new Uint8Array(this.userValueSize)) === 0;
    if (isThere && flags === ELEM_FLAG.NOEXIST) return -ERRNO.EEXIST;
    const target = deviceTarget(this.#deps, this.info, value);
    if (typeof target === 'number') return target;
    const stored = new Uint8Array(this.userValueSize);
    const view = new DataView(stored.buffer);
    view.setUint32(0, target.word, true);
    if (stored.length > 4) view.setUint32(4, target.program?.id ?? 0, true);
    const result = this.#hash.sysUpdate(key, stored, 0);
    if (result < 0) target.program?.release();
    else this.#keep(key, target.program);
    return result;
  }

  sysDelete(key: Uint8Array): number {
    const result = this.#hash.sysDelete(key);
    if (result === 0) this.#keep(key, undefined);
    return result;
  }

  sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return this.#hash.sysGetNextKey(key, nextKey);
  }

  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    this.#deps.rcu.defer(() => programs.forEach((program) => program.release()));
    this.#hash.destroy();
  }

  #keep(key: Uint8Array, program: SlotObject | undefined): void {
    const index = indexOf(key);
    const before = this.#programs.get(index);
    if (program) this.#programs.set(index, program);
    else this.#programs.delete(index);
    if (before) this.#deps.rcu.defer(() => before.release());
  }
}
