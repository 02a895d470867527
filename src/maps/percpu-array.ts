/**
 * BPF_MAP_TYPE_PERCPU_ARRAY: an array with a value of its own for each CPU. A program reads and overwrites its CPU's; user
 * space reads and overwrites all of them at once, each padded to 8 bytes. Rules as for BPF_MAP_TYPE_ARRAY.
 * @kernel percpu_array_map_ops
 */
import { ERRNO } from '../errors/index.ts';
import { padded } from '../memory/index.ts';
import { ArrayMap, build, indexOf, refuseUpdate } from './array.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';

export class PercpuArrayMap extends ArrayMap {
  /** @returns the map, or -ENOMEM. */
  static override create(info: MapInfo, deps: MapDeps): PercpuArrayMap | number {
    const cpuStride = info.maxEntries * padded(info.valueSize);
    return build(info, deps, deps.cpus, (header, values) => new PercpuArrayMap(info, deps, header, values, cpuStride));
  }

  override sysLookup(key: Uint8Array, value: Uint8Array): number {
    const first = this.valueAt(indexOf(key), 0);
    if (first === 0) return -ERRNO.ENOENT;
    const { bytes } = this.deps.memory;
    for (let cpu = 0; cpu < this.deps.cpus; cpu++) {
      const from = first + cpu * this.cpuStride;
      value.set(bytes.subarray(from, from + this.elemSize), cpu * this.elemSize);
    }
    return 0;
  }

  override sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const first = this.valueAt(indexOf(key), 0);
    const refused = refuseUpdate(first, flags);
    if (refused !== 0) return refused;
    const { bytes } = this.deps.memory;
    for (let cpu = 0; cpu < this.deps.cpus; cpu++) {
      const from = cpu * this.elemSize;
      bytes.set(value.subarray(from, from + this.elemSize), first + cpu * this.cpuStride);
    }
    return 0;
  }

  override directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }
}
