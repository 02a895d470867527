/**
 * The map core: the algorithms of map types as one WebAssembly instance over the one memory of a userspace kernel, so that
 * compiled programs call them without crossing into JavaScript. Its sources are src/maps/core/assembly. All arguments are
 * 32-bit words; addresses that come out are signed until `>>> 0`.
 *
 * What JavaScript reads out of that memory is hostile: the core checks the links that it follows and calls `corrupt`, and
 * a link out of the memory is caught here. Both are an InternalError that names the map.
 */
import { InternalError } from '../errors/index.ts';
import type { AddressSpace, Rcu, Region } from '../memory/index.ts';
import { CORE_STATE, padded } from '../memory/index.ts';
import { decodeHex } from '../util/index.ts';
import type { BpfMap } from './bpf-map.ts';
import { MAP_CORE } from './core/generated.ts';
import { OPERATION, corruptionMessage } from './core-numbers.ts';

/** Functions of the core: see src/maps/core/assembly/index.ts. */
export interface CoreFunctions {
  readonly reclaim: () => void;
  readonly enlist: (map: number) => void;
  /** (address, size, seed) → low word of the hash. */
  readonly hash_bytes: (at: number, size: number, seed: number) => number;
  readonly ringbuf_reserve: (map: number, size: number, flags: number) => number;
  readonly ringbuf_output: (map: number, data: number, size: number, flags: number) => number;
  readonly ringbuf_submit: (record: number, flags: number) => void;
  readonly ringbuf_discard: (record: number, flags: number) => void;
  readonly ringbuf_query: (map: number, what: number) => number;
  readonly hash_lookup: (map: number, key: number) => number;
  readonly hash_update: (map: number, key: number, value: number, flags: number) => number;
  readonly hash_delete: (map: number, key: number) => number;
  readonly hash_next: (map: number, key: number) => number;
  readonly percpu_hash_lookup: (map: number, key: number, cpu: number) => number;
  readonly percpu_hash_update: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  readonly lru_hash_lookup: (map: number, key: number) => number;
  readonly lru_hash_update: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  readonly lru_hash_delete: (map: number, key: number) => number;
  readonly lru_percpu_hash_lookup: (map: number, key: number, cpu: number) => number;
  readonly lru_percpu_hash_update: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  readonly lru_percpu_hash_update_all: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  readonly queue_push: (map: number, value: number, flags: number) => number;
  readonly map_lookup: (map: number, key: number, cpu: number) => number;
  readonly map_update: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  readonly map_delete: (map: number, key: number) => number;
  readonly lpm_lookup: (map: number, key: number) => number;
  readonly lpm_update: (map: number, key: number, value: number, flags: number) => number;
  readonly lpm_delete: (map: number, key: number) => number;
  readonly lpm_next: (map: number, key: number) => number;
  readonly bloom_push: (map: number, value: number, flags: number) => number;
  readonly bloom_peek: (map: number, value: number) => number;
  readonly queue_pop: (map: number, value: number) => number;
  readonly queue_peek: (map: number, value: number) => number;
  readonly array_lookup: (map: number, key: number) => number;
  readonly array_update: (map: number, key: number, value: number, flags: number) => number;
  readonly percpu_array_lookup: (map: number, key: number, cpu: number) => number;
  readonly percpu_array_update: (map: number, key: number, value: number, flags: number, cpu: number) => number;
  readonly percpu_hash_update_all: (map: number, key: number, values: number, flags: number) => number;
}

/** The core as compiled programs see it. */
export interface LinkedCore {
  readonly functions: Readonly<Record<string, (...args: number[]) => number | void>>;
  /** Address of a word that is not 0 while elements wait for `reclaim`. */
  readonly pending: number;
}

/** A map whose algorithms are the core's. */
export interface CoreMap {
  readonly name: string;
  /** Make more elements, see MAP_HEADER.UNUSED. @returns false: the memory is exhausted. */
  grow(): boolean;
}

/** Bytes for keys and values of commands at first. */
const STAGE = 4096 - CORE_STATE.SIZE;

/** Compiled once for all kernels. */
let compiled: WebAssembly.Module | undefined;

export class MapCore {
  static readonly #cores = new WeakMap<AddressSpace, MapCore>();
  readonly #memory: AddressSpace;
  readonly #maps = new Map<number, CoreMap>();
  readonly #state: Region;
  #stage: Region | undefined;
  #functions: CoreFunctions | undefined;
  /** The live map whose header is at an address, for types that the core does not have. */
  mapAt: (address: number) => BpfMap | undefined = () => undefined;

  /** The core of a memory; made when first asked for. */
  static of({ memory, rcu }: { readonly memory: AddressSpace; readonly rcu: Rcu }): MapCore {
    let core = MapCore.#cores.get(memory);
    if (core === undefined) {
      core = new MapCore(memory, rcu);
      MapCore.#cores.set(memory, core);
    }
    return core;
  }

  private constructor(memory: AddressSpace, rcu: Rcu) {
    this.#memory = memory;
    const state = this.#allocate(CORE_STATE.SIZE + STAGE);
    if (state === undefined) throw new InternalError('no memory for the map core');
    this.#state = state;
    rcu.watch(memory, state.base + CORE_STATE.PENDING_MAPS, () => this.#reclaim());
  }

  /** Address of CORE_STATE. */
  get state(): number {
    return this.#state.base;
  }

  get functions(): CoreFunctions {
    return (this.#functions ??= this.#instantiate());
  }

  /** What compiled programs are linked with. */
  get linked(): LinkedCore {
    return { functions: { ...this.functions }, pending: this.#state.base + CORE_STATE.PENDING_MAPS };
  }

  add(address: number, map: CoreMap): void {
    this.#maps.set(address, map);
  }

  /** Forget a map, when no program runs any more that may use it. */
  remove(address: number): void {
    try {
      this.#reclaim();
    } finally {
      this.#maps.delete(address);
    }
  }

  /**
   * Put the bytes of a command where the core can read them: the first `size` of `first` at the address that is returned, those
   * of `second` behind them at a multiple of 8. Valid until the next call. @returns 0 where the memory is exhausted.
   */
  stage(first: Uint8Array, size: number, second?: Uint8Array, secondSize = 0): number {
    const at = this.#room(padded(size) + secondSize);
    if (at === 0) return 0;
    this.#memory.copyIn(at, first, size);
    if (second !== undefined) this.#memory.copyIn(at + padded(size), second, secondSize);
    return at;
  }

  /** The error behind one that the core threw: an access out of the memory becomes the map's. */
  explain(map: number, error: unknown): unknown {
    return error instanceof WebAssembly.RuntimeError ? this.#corruption(map, 0) : error;
  }

  #reclaim(): void {
    try {
      this.functions.reclaim();
    } catch (error) {
      throw this.explain(this.#memory.view.getUint32(this.#state.base + CORE_STATE.RECLAIMING, true), error);
    }
  }

  #corruption(map: number, what: number): InternalError {
    const name = this.#maps.get(map)?.name ?? this.mapAt(map)?.info.name ?? `at 0x${map.toString(16)}`;
    return new InternalError(`the memory of map '${name}' is corrupt: ${corruptionMessage(what)}`);
  }

  #foreign(operation: number, address: number, key: number, value: number, flags: number, cpu: number): number {
    const map = this.mapAt(address);
    if (map === undefined) throw new InternalError(`there is no map at 0x${address.toString(16)}`);
    switch (operation) {
      case OPERATION.LOOKUP:
        return map.lookupElem(key, cpu);
      case OPERATION.UPDATE:
        return map.updateElem(key, value, flags, cpu);
      default:
        return map.deleteElem(key);
    }
  }

  #room(size: number): number {
    if (size <= STAGE) return this.#state.base + CORE_STATE.SIZE;
    if (this.#stage === undefined || this.#stage.size < size) {
      if (this.#stage !== undefined) this.#memory.free(this.#stage);
      this.#stage = this.#allocate(size);
    }
    return this.#stage?.base ?? 0;
  }

  #allocate(size: number): Region | undefined {
    return this.#memory.allocate(size, { kind: 'map', name: 'map core', writable: false, contains: () => false });
  }

  #instantiate(): CoreFunctions {
    compiled ??= new WebAssembly.Module(decodeHex(MAP_CORE));
    const imports = {
      grow: (map: number) => Number(this.#maps.get(map >>> 0)?.grow() ?? false),
      corrupt: (map: number, what: number) => {
        throw this.#corruption(map >>> 0, what);
      },
      foreign: (operation: number, map: number, key: number, value: number, flags: number, cpu: number) =>
        this.#foreign(operation, map >>> 0, key >>> 0, value >>> 0, flags >>> 0, cpu),
    };
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory: this.#memory.memory }, imports });
    (exports.init as (state: number) => void)(this.#state.base);
    return exports as unknown as CoreFunctions;
  }
}
