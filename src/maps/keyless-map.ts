/**
 * What maps share whose elements nobody reaches by a key, or of which only some commands make sense: they hold regions of
 * memory, give them back when no program runs any more, and refuse with one errno every command that they do not have.
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { MapCore } from './map-core.ts';
import type { CoreFunctions, CoreMap } from './map-core.ts';

export abstract class KeylessMap implements BpfMap {
  readonly info: MapInfo;
  protected readonly deps: MapDeps;
  /** The header first. */
  readonly #regions: readonly Region[];
  readonly #refusal: number;

  /** @param refusal -errno of every command that is not overridden */
  constructor(info: MapInfo, deps: MapDeps, regions: readonly Region[], refusal: number) {
    this.info = info;
    this.deps = deps;
    this.#regions = regions;
    this.#refusal = refusal;
  }

  get address(): number {
    return this.#regions[0].base;
  }
  get memoryBytes(): number {
    return this.#regions.reduce((bytes, { reserved }) => bytes + reserved, 0);
  }
  get userValueSize(): number {
    return this.info.valueSize;
  }

  lookupElem(): number {
    return 0;
  }
  updateElem(): number {
    return this.#refusal;
  }
  deleteElem(): number {
    return this.#refusal;
  }
  sysLookup(_key: Uint8Array, _value: Uint8Array): number {
    return this.#refusal;
  }
  sysUpdate(_key: Uint8Array, _value: Uint8Array, _flags: number): number {
    return this.#refusal;
  }
  sysDelete(_key: Uint8Array): number {
    return this.#refusal;
  }
  sysLookupAndDelete(_key: Uint8Array, _value: Uint8Array): number {
    return this.#refusal;
  }
  sysGetNextKey(): number {
    return this.#refusal;
  }
  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  destroy(): void {
    this.deps.rcu.defer(() => this.reclaim());
  }

  /** No program runs any more. */
  protected reclaim(): void {
    for (const region of this.#regions) this.deps.memory.free(region);
  }
}

/** One whose work the map core does, on one region that never grows. */
export abstract class KeylessCoreMap extends KeylessMap implements CoreMap {
  protected readonly core: MapCore;
  protected readonly fn: CoreFunctions;

  constructor(info: MapInfo, deps: MapDeps, region: Region, refusal: number) {
    super(info, deps, [region], refusal);
    this.core = MapCore.of(deps);
    this.fn = this.core.functions;
    this.core.add(region.base, this);
  }

  get name(): string {
    return this.info.name;
  }

  grow(): boolean {
    return false;
  }

  /** Call the core, whose traps say that the map's memory is corrupted. */
  protected call<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw this.core.explain(this.address, error);
    }
  }

  /** Do something with a value's bytes, at an address in the memory. -ENOMEM */
  protected staged(value: Uint8Array, body: (at: number) => number): number {
    const at = this.core.stage(value, this.info.valueSize);
    return at === 0 ? -ERRNO.ENOMEM : body(at);
  }

  protected override reclaim(): void {
    this.core.remove(this.address);
    super.reclaim();
  }
}
