/**
 * Arrays whose slots hold kernel objects: BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_CGROUP_ARRAY. User space writes a
 * descriptor and reads an id; a program finds in the slot the word that stands for the object in the memory (the address of
 * an inner map, the number of a program), 0 where the slot is empty. A slot holds its object until it is replaced and
 * every program that was running has ended. @kernel prog_array_map_ops, array_of_maps_map_ops
 *
 * Refuses: flags of updates (-EINVAL), an index beyond the end (-E2BIG; a look-up and a deletion find nothing, -ENOENT), a
 * descriptor of the wrong object (what the resolver answers), updates by programs (-ENOTSUPP).
 */
import { ERRNO, InternalError } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_HEADER } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import { indexOf, nextIndex } from './array.ts';
import type { BpfMap, MapDeps, MapInfo, PerfEvent, SlotObject, SlotResolver } from './bpf-map.ts';
import { HeldObjects } from './held-objects.ts';
import { allocateHeader, allocateTable, writeInnerShape } from './storage.ts';

const WORD = 4;
/** Types whose slots user space cannot read. */
const HIDDEN: readonly number[] = [MAP_TYPE.PERF_EVENT_ARRAY, MAP_TYPE.CGROUP_ARRAY];

export class ObjectArray implements BpfMap {
  readonly info: MapInfo;
  readonly userValueSize = WORD;
  readonly #deps: MapDeps;
  readonly #resolver: SlotResolver;
  readonly #header: Region;
  readonly #slots: Region;
  readonly #held: HeldObjects;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): ObjectArray | number {
    const header = allocateHeader(info, deps, 0);
    const slots = header && allocateTable(info, deps, info.maxEntries * WORD);
    if (slots !== undefined && deps.slots !== undefined)
      return new ObjectArray(info, deps, deps.slots, header as Region, slots);
    if (header !== undefined) deps.memory.free(header);
    return -ERRNO.ENOMEM;
  }

  constructor(info: MapInfo, deps: MapDeps, resolver: SlotResolver, header: Region, slots: Region) {
    this.info = info;
    this.#deps = deps;
    this.#resolver = resolver;
    this.#header = header;
    this.#slots = slots;
    this.#held = new HeldObjects(deps.rcu);
    const { view } = deps.memory;
    view.setUint32(header.base + MAP_HEADER.ELEM_SIZE, WORD, true);
    view.setUint32(header.base + MAP_HEADER.VALUES, slots.base, true);
    if (resolver.inner !== undefined) writeInnerShape(deps, header.base, resolver.inner);
  }

  get address(): number {
    return this.#header.base;
  }

  get memoryBytes(): number {
    return this.#header.reserved + this.#slots.reserved;
  }

  /** The word in slot `index`; 0: empty, or beyond the end. */
  wordAt(index: number): number {
    if (index >= this.info.maxEntries) return 0;
    return this.#deps.memory.view.getUint32(this.#slots.base + index * WORD, true);
  }

  perfEventAt(index: number): PerfEvent | number {
    if (index >= this.info.maxEntries) return -ERRNO.E2BIG;
    return this.#held.get(this.wordAt(index))?.perfEvent ?? -ERRNO.ENOENT;
  }

  lookupElem(key: number): number {
    return this.wordAt(this.#deps.memory.view.getUint32(key, true));
  }

  updateElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  deleteElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    const word = this.wordAt(indexOf(key));
    if (HIDDEN.includes(this.info.type)) return -ERRNO.ENOTSUPP;
    if (word === 0) return -ERRNO.ENOENT;
    const object = this.#held.get(word);
    if (object === undefined)
      throw new InternalError(`the memory of map '${this.info.name}' is corrupt: a slot holds no object`);
    new DataView(value.buffer, value.byteOffset).setUint32(0, object.id, true);
    return 0;
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const index = indexOf(key);
    if (flags !== 0) return -ERRNO.EINVAL;
    if (index >= this.info.maxEntries) return -ERRNO.E2BIG;
    const object = this.#resolver.acquire(indexOf(value) | 0);
    if (typeof object === 'number') return object;
    this.#put(index, object);
    return 0;
  }

  sysDelete(key: Uint8Array): number {
    const index = indexOf(key);
    if (index >= this.info.maxEntries) return -ERRNO.E2BIG;
    return this.#put(index, undefined) ? 0 : -ERRNO.ENOENT;
  }

  sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return nextIndex(this.info, key, nextKey);
  }

  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  /** Programs in a prog array may hold it: nobody else would ever let go of them. @kernel map_release_uref */
  released(): void {
    if (this.info.type === MAP_TYPE.PROG_ARRAY) this.clear();
  }

  /** Empty every slot. */
  clear(): void {
    const { base, size } = this.#slots;
    this.#deps.memory.bytes.fill(0, base, base + size);
    this.#held.clear();
  }

  destroy(): void {
    this.clear();
    const { memory, rcu } = this.#deps;
    rcu.defer(() => {
      memory.free(this.#header);
      memory.free(this.#slots);
    });
  }

  /** @returns whether something was there before. */
  #put(index: number, object: SlotObject | undefined): boolean {
    const before = this.wordAt(index);
    this.#deps.memory.view.setUint32(this.#slots.base + index * WORD, object?.word ?? 0, true);
    if (object) this.#held.add(object);
    this.#held.drop(before);
    return before !== 0;
  }
}
