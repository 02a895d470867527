/**
 * A map whose values have fields that the kernel keeps (locks, timers, pointers to kernel objects) around the map itself.
 * User space neither sees nor sets these bytes; nobody's update writes them: a new element starts with zeros there, a
 * value that is overwritten in place loses what its timers and pointers were. BPF_F_LOCK, on values with a lock,
 * overwrites in place what any other update would replace.
 *
 * The header's type has FIELDS set, so that the map core leaves such maps to this class.
 */
import { ERRNO } from '../errors/index.ts';
import { FIELDS, MAP_HEADER, padded } from '../memory/index.ts';
import { ELEM_FLAG } from '../uapi/index.ts';
import type { BpfMap, MapDeps, MapInfo, MemoryRange } from './bpf-map.ts';
import { MapCore } from './map-core.ts';

export interface ValueField {
  /** Bytes from the start of the value. */
  readonly offset: number;
  readonly size: number;
  /** Whether it is a lock: who overwrites a value leaves it as it is. */
  readonly isLock: boolean;
  readonly isTimer: boolean;
}

/** Addresses of the values of a key, one for each CPU that has its own; 0: there is none. */
type Values = readonly number[];

export class FieldMap implements BpfMap {
  readonly #map: BpfMap;
  readonly #fields: readonly ValueField[];
  readonly #deps: MapDeps;
  /** CPUs with values of their own; 1 where all share one. */
  readonly #copies: number;
  #hasUsers = true;

  constructor(map: BpfMap, fields: readonly ValueField[], deps: MapDeps) {
    this.#map = map;
    this.#fields = fields;
    this.#deps = deps;
    const { valueSize } = map.info;
    this.#copies = map.perCpu === true ? map.userValueSize / padded(valueSize) : 1;
    // Elements of a hash may lie where others lay.
    const { view } = deps.memory;
    view.setUint32(map.address + MAP_HEADER.TYPE, map.info.type | FIELDS, true);
  }

  get info(): MapInfo {
    return this.#map.info;
  }
  get address(): number {
    return this.#map.address;
  }
  get memoryBytes(): number {
    return this.#map.memoryBytes;
  }
  get userValueSize(): number {
    return this.#map.userValueSize;
  }
  get values(): MemoryRange | undefined {
    return this.#map.values;
  }
  get perCpu(): boolean {
    return this.#map.perCpu === true;
  }
  get hasUsers(): boolean {
    return this.#hasUsers;
  }
  get timerOffset(): number | undefined {
    return this.#fields.find(({ isTimer }) => isTimer)?.offset;
  }
  /** Present where the map has it. */
  get ownerValue(): BpfMap['ownerValue'] {
    return this.#map.ownerValue && ((owner, create, initial) => this.#ownerValue(owner, create, initial));
  }
  get dropOwner(): BpfMap['dropOwner'] {
    return this.#map.dropOwner && ((owner) => this.#map.dropOwner?.(owner) ?? 0);
  }
  get bucketKeys(): BpfMap['bucketKeys'] {
    return this.#map.bucketKeys && ((bucket) => this.#map.bucketKeys?.(bucket));
  }

  findElem(key: number, cpu: number): number {
    return this.#map.findElem?.(key, cpu) ?? this.#map.lookupElem(key, cpu);
  }

  lookupElem(key: number, cpu: number): number {
    return this.#map.lookupElem(key, cpu);
  }

  updateElem(key: number, value: number, flags: number, cpu: number): number {
    const bytes = this.#deps.memory.bytes.slice(value, value + this.info.valueSize);
    return this.#update(
      [this.findElem(key, cpu)],
      () => [this.findElem(key, cpu)],
      flags,
      [bytes],
      (rest) => this.#map.updateElem(key, value, rest, cpu),
    );
  }

  deleteElem(key: number): number {
    const before = this.#valuesAt(key);
    const result = this.#map.deleteElem(key);
    if (result === 0) this.#clear(before);
    return result;
  }

  sysLookup(key: Uint8Array, value: Uint8Array): number {
    const result = this.#map.sysLookup(key, value);
    if (result === 0) this.#mask(value);
    return result;
  }

  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const { rcu } = this.#deps;
    const { valueSize } = this.info;
    const parts = Array.from({ length: this.#copies }, (_, cpu) => {
      const at = cpu * padded(valueSize);
      return value.slice(at, at + valueSize);
    });
    rcu.enter(); // an element that is replaced stays until its fields are cleared
    try {
      return this.#update(
        this.#valuesOf(key),
        () => this.#valuesOf(key),
        flags,
        parts,
        (rest) => this.#map.sysUpdate(key, value, rest),
      );
    } finally {
      rcu.exit();
    }
  }

  sysDelete(key: Uint8Array): number {
    const { rcu } = this.#deps;
    rcu.enter();
    try {
      const before = this.#valuesOf(key);
      const result = this.#map.sysDelete(key);
      if (result === 0) this.#clear(before);
      return result;
    } finally {
      rcu.exit();
    }
  }

  sysLookupAndDelete(key: Uint8Array, value: Uint8Array): number {
    const { rcu } = this.#deps;
    rcu.enter();
    try {
      const before = this.#valuesOf(key);
      const result = this.#map.sysLookupAndDelete(key, value);
      if (result !== 0) return result;
      this.#mask(value);
      this.#clear(before);
      return 0;
    } finally {
      rcu.exit();
    }
  }

  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number {
    return this.#map.sysGetNextKey(key, nextKey);
  }

  directValueAddress(offset: number): number {
    return this.#map.directValueAddress(offset);
  }

  opened(): void {
    this.#hasUsers = true;
  }

  released(): void {
    this.#hasUsers = false;
    this.#map.released?.();
  }

  destroy(): void {
    this.#map.destroy();
  }

  /** @param after the values of the key, asked again; @param parts what is written to each; @param update of the map itself */
  #update(
    before: Values,
    after: () => Values,
    flags: number,
    parts: readonly Uint8Array[],
    update: (flags: number) => number,
  ): number {
    const locked = Math.floor(flags / ELEM_FLAG.LOCK) % 2 !== 0;
    if (locked && !this.#fields.some(({ isLock }) => isLock)) return -ERRNO.EINVAL;
    const rest = locked ? flags - ELEM_FLAG.LOCK : flags;
    const kept = before.map((at) =>
      at === 0 ? undefined : this.#deps.memory.bytes.slice(at, at + this.info.valueSize),
    );
    const inPlace = locked && before[0] !== 0 && (rest === 0 || rest === ELEM_FLAG.EXIST);
    if (inPlace) before.forEach((at, i) => this.#deps.memory.bytes.set(parts[i], at));
    const result = inPlace ? 0 : update(rest);
    if (result < 0) return result;
    const now = inPlace ? before : after();
    now.forEach((at, i) => {
      if (at === before[i]) this.#restore(at, kept[i], inPlace);
      else this.#clear([at, before[i]]);
    });
    return result;
  }

  /** The fields of a value that was overwritten: the locks as they were, the others too where `all` says so, else 0. */
  #restore(at: number, kept: Uint8Array | undefined, all: boolean): void {
    const { bytes } = this.#deps.memory;
    for (const { offset, size, isLock } of this.#fields) {
      if (kept && (isLock || all)) bytes.set(kept.subarray(offset, offset + size), at + offset);
      else bytes.fill(0, at + offset, at + offset + size);
    }
  }

  #clear(values: Values): void {
    const { bytes } = this.#deps.memory;
    for (const at of values) {
      if (at === 0) continue;
      for (const { offset, size } of this.#fields) bytes.fill(0, at + offset, at + offset + size);
    }
  }

  #mask(value: Uint8Array): void {
    const stride = padded(this.info.valueSize);
    for (let cpu = 0; cpu < this.#copies; cpu++) {
      const at = cpu * stride;
      for (const { offset, size } of this.#fields) value.fill(0, at + offset, at + offset + size);
    }
  }

  #valuesAt(key: number): Values {
    return Array.from({ length: this.#copies }, (_, cpu) => this.findElem(key, cpu));
  }

  /** Of a key in user space; local storages, whose keys are descriptors, find none. */
  #valuesOf(key: Uint8Array): Values {
    if (this.#map.ownerValue !== undefined) return [0];
    const at = MapCore.of(this.#deps).stage(key, this.info.keySize);
    return at === 0 ? [0] : this.#valuesAt(at);
  }

  #ownerValue(owner: number, create: boolean, initial: number): number {
    const { ownerValue } = this.#map;
    if (ownerValue === undefined) return 0;
    const before = ownerValue.call(this.#map, owner, false, 0);
    if (before !== 0 || !create) return before;
    const made = ownerValue.call(this.#map, owner, true, initial);
    this.#clear([made]);
    return made;
  }
}
