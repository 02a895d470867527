/**
 * BPF_MAP_TYPE_DEVMAP_HASH: network devices under any 32-bit key; values as in a devmap, programs held. @kernel dev_map_hash_ops
 *
 * Refuses: what a hash of objects refuses; flags beyond BPF_EXIST (-EINVAL), no device (-EINVAL), BPF_NOEXIST of a key that
 * is there (-EEXIST), a new key when full (-E2BIG).
 */
import { ERRNO } from '../errors/index.ts';
import { ELEM_FLAG, MAP_FLAG } from '../uapi/index.ts';
import { indexOf } from './array.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import { PROGRAM_OFFSET, deviceTarget } from './device-map.ts';
import { HashMap } from './hash.ts';
import { ObjectHash } from './object-hash.ts';

export class DeviceHash extends ObjectHash {
  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): DeviceHash | number {
    // Elements are made when they are needed, as on Linux.
    const hash = HashMap.create({ ...info, flags: info.flags | MAP_FLAG.NO_PREALLOC }, deps);
    return typeof hash === 'number' ? hash : new DeviceHash(info, deps, hash, PROGRAM_OFFSET);
  }

  targetWord(index: number): number {
    const key = Uint8Array.of(index, index >>> 8, index >>> 16, index >>> 24);
    const value = new Uint8Array(this.userValueSize);
    return this.hash.sysLookup(key, value) < 0 ? 0 : indexOf(value);
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags > ELEM_FLAG.EXIST || indexOf(value) === 0) return -ERRNO.EINVAL;
    const isThere = this.hash.sysLookup(key, new Uint8Array(this.userValueSize)) === 0;
    if (isThere && flags === ELEM_FLAG.NOEXIST) return -ERRNO.EEXIST;
    const target = deviceTarget(this.deps, this.info, value);
    if (typeof target === 'number') return target;
    const stored = new Uint8Array(this.userValueSize);
    const view = new DataView(stored.buffer);
    view.setUint32(0, target.word, true);
    if (stored.length > PROGRAM_OFFSET) view.setUint32(PROGRAM_OFFSET, target.program?.word ?? 0, true);
    return this.put(key, stored, 0, target.program);
  }
}
