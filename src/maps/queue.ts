/**
 * BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK: values without keys. User space's update pushes, its look-up peeks, its
 * look-up-and-delete pops. What is refused is in src/maps/core/assembly/queue.ts. @kernel queue_map_ops, stack_map_ops
 *
 * Refuses: deletion and keys (-EINVAL).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_HEADER, padded } from '../memory/index.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { MapCore } from './map-core.ts';
import type { CoreFunctions, CoreMap } from './map-core.ts';
import { allocateHeader } from './storage.ts';

export class QueueMap implements BpfMap, CoreMap {
  readonly info: MapInfo;
  readonly #deps: MapDeps;
  readonly #core: MapCore;
  readonly #fn: CoreFunctions;
  readonly #region: Region;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): QueueMap | number {
    const region = allocateHeader(info, deps, info.maxEntries * padded(info.valueSize));
    return region === undefined ? -ERRNO.ENOMEM : new QueueMap(info, deps, region);
  }

  private constructor(info: MapInfo, deps: MapDeps, region: Region) {
    this.info = info;
    this.#deps = deps;
    this.#core = MapCore.of(deps);
    this.#fn = this.#core.functions;
    this.#region = region;
    const { view } = deps.memory;
    view.setUint32(region.base + MAP_HEADER.ELEM_SIZE, padded(info.valueSize), true);
    view.setUint32(region.base + MAP_HEADER.VALUES, region.base + MAP_HEADER.SIZE, true);
    this.#core.add(region.base, this);
  }

  get name(): string {
    return this.info.name;
  }

  get address(): number {
    return this.#region.base;
  }
  get memoryBytes(): number {
    return this.#region.reserved;
  }
  get userValueSize(): number {
    return this.info.valueSize;
  }

  /** Nothing is added to a queue. */
  grow(): boolean {
    return false;
  }

  /** Helper 87. @param value an address. @returns 0, -EINVAL, -E2BIG */
  push(value: number, flags: number): number {
    return this.#call(() => this.#fn.queue_push(this.address, value, Math.min(flags, 0xffffffff)));
  }

  /** Helpers 88 and 89. @param value an address. @returns 0 or -ENOENT */
  take(value: number, remove: boolean): number {
    return this.#call(() => (remove ? this.#fn.queue_pop : this.#fn.queue_peek)(this.address, value));
  }

  lookupElem(): number {
    return 0;
  }
  updateElem(): number {
    return -ERRNO.EINVAL;
  }
  deleteElem(): number {
    return -ERRNO.EINVAL;
  }

  sysLookup(_key: Uint8Array, value: Uint8Array): number {
    return this.#into(value, false);
  }

  sysUpdate(_key: Uint8Array, value: Uint8Array, flags: number): number {
    const at = this.#core.stage(value.subarray(0, this.info.valueSize));
    return at === 0 ? -ERRNO.ENOMEM : this.push(at, flags);
  }

  sysDelete(): number {
    return -ERRNO.EINVAL;
  }

  sysLookupAndDelete(_key: Uint8Array, value: Uint8Array): number {
    return this.#into(value, true);
  }

  sysGetNextKey(): number {
    return -ERRNO.EINVAL;
  }

  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    this.#deps.rcu.defer(() => {
      this.#core.remove(this.address);
      this.#deps.memory.free(this.#region);
    });
  }

  #into(value: Uint8Array, remove: boolean): number {
    const at = this.#core.stage(value.subarray(0, this.info.valueSize));
    if (at === 0) return -ERRNO.ENOMEM;
    const result = this.take(at, remove);
    if (result === 0) value.set(this.#deps.memory.bytes.subarray(at, at + this.info.valueSize));
    return result;
  }

  #call(body: () => number): number {
    try {
      return body();
    } catch (error) {
      throw this.#core.explain(this.address, error);
    }
  }
}
