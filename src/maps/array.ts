/**
 * BPF_MAP_TYPE_ARRAY: `maxEntries` values, all present and zero from the start, indexed by a 32-bit key. Updates
 * overwrite in place; nothing is ever deleted. @kernel array_map_ops
 *
 * Refuses: an index beyond the end (look-up: none, update: -E2BIG), BPF_NOEXIST (-EEXIST: every element exists),
 * other flags, BPF_F_LOCK last (-EINVAL), deletion (-EINVAL), look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_HEADER, padded } from '../memory/index.ts';
import { ELEM_FLAG } from '../uapi/index.ts';
import type { BpfMap, MapDeps, MapInfo, MemoryRange } from './bpf-map.ts';
import { allocateHeader, allocateValues } from './storage.ts';

export class ArrayMap implements BpfMap {
  readonly info: MapInfo;
  readonly userValueSize: number;
  readonly values: MemoryRange;
  protected readonly deps: MapDeps;
  /** Bytes from one value to the next. */
  protected readonly elemSize: number;
  /** Bytes from one CPU's values to the next CPU's; 0 where all CPUs share them. */
  protected readonly cpuStride: number;
  readonly #header: Region;
  readonly #values: Region;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): ArrayMap | number {
    return build(info, deps, 1, (header, values) => new ArrayMap(info, deps, header, values, 0));
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region, values: Region, cpuStride: number) {
    this.info = info;
    this.deps = deps;
    this.elemSize = padded(info.valueSize);
    this.cpuStride = cpuStride;
    this.userValueSize = cpuStride === 0 ? info.valueSize : this.elemSize * deps.cpus;
    this.#header = header;
    this.#values = values;
    this.values = { address: values.base, length: values.size };
    const { view } = deps.memory;
    view.setUint32(header.base + MAP_HEADER.ELEM_SIZE, this.elemSize, true);
    view.setUint32(header.base + MAP_HEADER.CPU_STRIDE, cpuStride, true);
    view.setUint32(header.base + MAP_HEADER.COPIES, cpuStride === 0 ? 1 : deps.cpus, true);
    view.setUint32(header.base + MAP_HEADER.VALUES, values.base, true);
  }

  get address(): number {
    return this.#header.base;
  }

  get perCpu(): boolean {
    return this.cpuStride !== 0;
  }

  get memoryBytes(): number {
    return this.#header.reserved + this.#values.reserved;
  }

  /** Address of value `index` on CPU `cpu`, or 0 beyond the end. */
  protected valueAt(index: number, cpu: number): number {
    if (index >= this.info.maxEntries) return 0;
    return this.#values.base + index * this.elemSize + cpu * this.cpuStride;
  }

  lookupElem(key: number, cpu: number): number {
    return this.valueAt(this.deps.memory.view.getUint32(key, true), cpu);
  }

  updateElem(key: number, value: number, flags: number, cpu: number): number {
    const to = this.lookupElem(key, cpu);
    const refused = refuseUpdate(to, flags);
    if (refused === 0) this.deps.memory.bytes.copyWithin(to, value, value + this.info.valueSize);
    return refused;
  }

  deleteElem(): number {
    return -ERRNO.EINVAL;
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    const from = this.valueAt(indexOf(key), 0);
    if (from === 0) return -ERRNO.ENOENT;
    this.deps.memory.copyOut(from, value, this.info.valueSize);
    return 0;
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const to = this.valueAt(indexOf(key), 0);
    const refused = refuseUpdate(to, flags);
    if (refused === 0) this.deps.memory.copyIn(to, value, this.info.valueSize);
    return refused;
  }

  sysDelete(_key: Uint8Array): number {
    return -ERRNO.EINVAL;
  }

  sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return nextIndex(this.info, key, nextKey);
  }

  directValueAddress(offset: number): number {
    if (this.info.maxEntries !== 1) return -ERRNO.ENOTSUPP;
    return offset < this.info.valueSize ? this.#values.base + offset : -ERRNO.EINVAL;
  }

  destroy(): void {
    const { memory, rcu } = this.deps;
    rcu.defer(() => {
      memory.free(this.#header);
      memory.free(this.#values);
    });
  }
}

/** Allocate header and `copies` sets of values, and make the map from them; -ENOMEM. */
export function build<T>(
  info: MapInfo,
  deps: MapDeps,
  copies: number,
  make: (header: Region, values: Region) => T,
): T | number {
  const elemSize = padded(info.valueSize);
  const header = allocateHeader(info, deps, 0);
  if (header === undefined) return -ERRNO.ENOMEM;
  const inside = (offset: number, size: number): boolean => (offset % elemSize) + size <= info.valueSize;
  const values = allocateValues(info, deps, info.maxEntries * elemSize * copies, inside, true);
  if (values === undefined) {
    deps.memory.free(header);
    return -ERRNO.ENOMEM;
  }
  return make(header, values);
}

/** Why element `to` (0: there is none) cannot be updated; 0 when it can. */
export function refuseUpdate(to: number, flags: number): number {
  const { NOEXIST, EXIST, LOCK } = ELEM_FLAG;
  if (flags > (EXIST | LOCK) || (flags & ~LOCK) > EXIST) return -ERRNO.EINVAL;
  if (to === 0) return -ERRNO.E2BIG;
  if (flags & NOEXIST) return -ERRNO.EEXIST;
  return flags & LOCK ? -ERRNO.EINVAL : 0; // no value here has a lock
}

export function indexOf(key: Uint8Array): number {
  return (key[0] | (key[1] << 8) | (key[2] << 16) | (key[3] << 24)) >>> 0;
}

/** MAP_GET_NEXT_KEY of arrays of every kind. @returns 0 or -ENOENT */
export function nextIndex(info: MapInfo, key: Uint8Array | undefined, nextKey: Uint8Array): number {
  const index = key === undefined ? -1 : indexOf(key);
  if (index === info.maxEntries - 1) return -ERRNO.ENOENT;
  setIndex(nextKey, index >= info.maxEntries ? 0 : index + 1);
  return 0;
}

function setIndex(key: Uint8Array, index: number): void {
  for (let i = 0; i < 4; i++) key[i] = index >>> (8 * i);
}
