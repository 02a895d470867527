/**
 * BPF_MAP_TYPE_PERCPU_HASH: a hash with a value of its own for each CPU. A program that updates writes its CPU's value in
 * place (the other CPUs' values of a new element are zero); user space reads and overwrites all of them at once,
 * each padded to 8 bytes. Rules as for BPF_MAP_TYPE_HASH. @kernel htab_percpu_map_ops
 */
import type { Region } from '../memory/index.ts';
import { MAP_HEADER } from '../memory/index.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import type { ElementPool } from './element-pool.ts';
import type { Source } from './hash.ts';
import { HashMap, build } from './hash.ts';

export class PercpuHashMap extends HashMap {
  /** @returns the map, or -ENOMEM. */
  static override create(info: MapInfo, deps: MapDeps): PercpuHashMap | number {
    return build(info, deps, deps.cpus, info.maxEntries, (header, pool) => new PercpuHashMap(info, deps, header, pool));
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region, pool: ElementPool) {
    super(info, deps, header, pool);
    deps.memory.view.setUint32(header.base + MAP_HEADER.CPU_STRIDE, pool.valueStride, true);
  }

  override get userValueSize(): number {
    return this.pool.valueStride * this.deps.cpus;
  }

  protected override valueOf(elem: number, cpu: number): number {
    return elem + this.pool.valueOffset + cpu * this.pool.valueStride;
  }

  protected override readValue(elem: number, value: Uint8Array): void {
    const from = elem + this.pool.valueOffset;
    value.set(this.deps.memory.bytes.subarray(from, from + this.userValueSize));
  }

  protected override writeNew(elem: number, value: Source, cpu: number): void {
    const first = elem + this.pool.valueOffset;
    if (typeof value === 'number') this.deps.memory.bytes.fill(0, first, first + this.userValueSize);
    this.#write(elem, value, cpu);
  }

  protected override replace(old: number, _key: Source, _hash: number, value: Source, cpu: number): number {
    this.#write(old, value, cpu);
    return 0;
  }

  /** A program's value goes to its CPU, user space's to all. */
  #write(elem: number, value: Source, cpu: number): void {
    if (typeof value === 'number') this.copyIn(this.valueOf(elem, cpu), value, 0, this.info.valueSize);
    else this.copyIn(elem + this.pool.valueOffset, value, 0, this.userValueSize);
  }
}
