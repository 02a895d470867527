/**
 * BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK: values without keys. User space's update pushes, its look-up peeks, its
 * look-up-and-delete pops. What is refused is in src/maps/core/assembly/queue.ts. @kernel queue_map_ops, stack_map_ops
 *
 * Refuses: deletion and keys (-EINVAL).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_HEADER, padded } from '../memory/index.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import { KeylessCoreMap } from './keyless-map.ts';
import { allocateHeader } from './storage.ts';

export class QueueMap extends KeylessCoreMap {
  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): QueueMap | number {
    const region = allocateHeader(info, deps, info.maxEntries * padded(info.valueSize));
    return region === undefined ? -ERRNO.ENOMEM : new QueueMap(info, deps, region);
  }

  private constructor(info: MapInfo, deps: MapDeps, region: Region) {
    super(info, deps, region, -ERRNO.EINVAL);
    const { view } = deps.memory;
    view.setUint32(region.base + MAP_HEADER.ELEM_SIZE, padded(info.valueSize), true);
    view.setUint32(region.base + MAP_HEADER.VALUES, region.base + MAP_HEADER.SIZE, true);
  }

  /** Helper 87. @param value an address. @returns 0, -EINVAL, -E2BIG */
  push(value: number, flags: number): number {
    return this.call(() => this.fn.queue_push(this.address, value, Math.min(flags, 0xffffffff)));
  }

  /** Helpers 88 and 89. @param value an address. @returns 0 or -ENOENT */
  take(value: number, remove: boolean): number {
    return this.call(() => (remove ? this.fn.queue_pop : this.fn.queue_peek)(this.address, value));
  }

  override sysLookup(_key: Uint8Array, value: Uint8Array): number {
    return this.#into(value, false);
  }

  override sysUpdate(_key: Uint8Array, value: Uint8Array, flags: number): number {
    return this.staged(value, (at) => this.push(at, flags));
  }

  override sysLookupAndDelete(_key: Uint8Array, value: Uint8Array): number {
    return this.#into(value, true);
  }

  #into(value: Uint8Array, remove: boolean): number {
    return this.staged(value, (at) => {
      const result = this.take(at, remove);
      if (result === 0) this.deps.memory.copyOut(at, value, this.info.valueSize);
      return result;
    });
  }
}
