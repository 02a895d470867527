/**
 * BPF_MAP_TYPE_CGROUP_STORAGE and BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: one value for each place where a program is attached to a cgroup.
 * Here programs run unattached: as in Linux's test run each has a value of zeros of its own, and user space sees none.
 * @kernel cgroup_storage_map_ops
 *
 * Refuses (user space): flags other than BPF_ANY and BPF_EXIST (-EINVAL), every key (-ENOENT), deletion (-EINVAL),
 * look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { padded } from '../memory/index.ts';
import { ELEM_FLAG, MAP_TYPE } from '../uapi/index.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import { KeylessMap } from './keyless-map.ts';
import { allocateHeader, allocateValues } from './storage.ts';

export class CgroupStorageMap extends KeylessMap {
  readonly #values: Region;
  readonly #stride: number;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): CgroupStorageMap | number {
    const percpu = info.type === MAP_TYPE.PERCPU_CGROUP_STORAGE;
    const stride = percpu ? padded(info.valueSize) : 0;
    const header = allocateHeader(info, deps, 0);
    const size = percpu ? stride * deps.cpus : info.valueSize;
    const values =
      header &&
      allocateValues(info, deps, size, (at, bytes) => {
        return (stride === 0 ? at : at % stride) + bytes <= info.valueSize;
      });
    if (header !== undefined && values !== undefined) return new CgroupStorageMap(info, deps, header, values, stride);
    if (header !== undefined) deps.memory.free(header);
    return -ERRNO.ENOMEM;
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region, values: Region, stride: number) {
    super(info, deps, [header, values], -ERRNO.EINVAL);
    this.#values = values;
    this.#stride = stride;
  }

  override get userValueSize(): number {
    return this.#stride === 0 ? this.info.valueSize : this.#values.size;
  }

  /** The value for a program on CPU `cpu`. */
  placeValue(cpu: number): number {
    return this.#values.base + cpu * this.#stride;
  }

  /** A program that was given the value has ended. */
  dropPlace(): void {
    this.deps.memory.bytes.fill(0, this.#values.base, this.#values.base + this.#values.size);
  }

  override sysLookup(): number {
    return -ERRNO.ENOENT;
  }
  override sysUpdate(_key: Uint8Array, _value: Uint8Array, flags: number): number {
    return flags === 0 || flags === ELEM_FLAG.EXIST ? -ERRNO.ENOENT : -ERRNO.EINVAL;
  }
  override sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }
  override sysGetNextKey(): number {
    return -ERRNO.ENOENT;
  }
}
