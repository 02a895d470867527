/**
 * Values that belong to an object of the kernel and go with it: BPF_MAP_TYPE_SK_STORAGE, TASK_STORAGE, INODE_STORAGE and
 * CGRP_STORAGE. Programs name the owner by its address. User space would name it by a descriptor; nothing here that a
 * descriptor refers to is a socket, a task, an inode or a cgroup. @kernel sk_storage_map_ops and its kin
 *
 * Refuses (user space): every descriptor (-EBADF; one that is open and no socket -ENOTSOCK for sockets' storage), walking and
 * look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import { indexOf } from './array.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import { KeylessMap } from './keyless-map.ts';
import { allocateHeader, allocateValues } from './storage.ts';

export class LocalStorageMap extends KeylessMap {
  readonly #values = new Map<number, Region>();

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): LocalStorageMap | number {
    const header = allocateHeader(info, deps, 0);
    return header === undefined ? -ERRNO.ENOMEM : new LocalStorageMap(info, deps, header);
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region) {
    super(info, deps, [header], -ERRNO.ENOTSUPP);
  }

  override get memoryBytes(): number {
    let bytes = super.memoryBytes;
    for (const { reserved } of this.#values.values()) bytes += reserved;
    return bytes;
  }

  /** The value of an owner's, or 0; made of `initial` (an address, 0: zeros) where there is none and `create` says so. */
  ownerValue(owner: number, create: boolean, initial: number): number {
    const known = this.#values.get(owner);
    if (known !== undefined || !create) return known?.base ?? 0;
    const { memory } = this.deps;
    const value = allocateValues(this.info, this.deps, this.info.valueSize, () => true);
    if (value === undefined) return 0;
    this.#values.set(owner, value);
    if (initial !== 0) memory.bytes.copyWithin(value.base, initial, initial + this.info.valueSize);
    return value.base;
  }

  /** An owner's value goes once no program runs. @returns 0 or -ENOENT */
  dropOwner(owner: number): number {
    const value = this.#values.get(owner);
    if (value === undefined) return -ERRNO.ENOENT;
    this.#values.delete(owner);
    this.deps.rcu.defer(() => this.deps.memory.free(value));
    return 0;
  }

  override updateElem(): number {
    return -ERRNO.EOPNOTSUPP;
  }
  override deleteElem(): number {
    return -ERRNO.EOPNOTSUPP;
  }
  override sysLookup(key: Uint8Array): number {
    return this.#noOwner(key);
  }
  override sysUpdate(key: Uint8Array): number {
    return this.#noOwner(key);
  }
  override sysDelete(key: Uint8Array): number {
    return this.#noOwner(key);
  }

  override destroy(): void {
    for (const owner of [...this.#values.keys()]) this.dropOwner(owner);
    super.destroy();
  }

  #noOwner(key: Uint8Array): number {
    const object = this.info.type === MAP_TYPE.SK_STORAGE ? this.deps.slots?.acquire(indexOf(key) | 0) : undefined;
    return typeof object === 'number' ? object : -ERRNO.EBADF;
  }
}
