/**
 * What descriptors refer to: maps, programs and BTF, each with an id that never changes and a count of those who hold it.
 * The last holder to let go destroys it. A program holds its maps and its BTF, a map its BTF.
 */
import type { Btf } from '../btf/index.ts';
import type { MapDesc, MapField } from '../contracts/index.ts';
import { createImage } from '../hooks/index.ts';
import type { ProgramImage, ProgramOwner } from '../hooks/index.ts';
import type { BpfMap } from '../maps/index.ts';
import type { ObjectKind } from '../sys/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import type { PerfEventObject } from './perf-event.ts';
import type { ProgramBtf, VerifiedProgram } from '../verifier/index.ts';

export interface KernelObject {
  readonly kind: ObjectKind | 'perf';
  /** Positive; ids of a kind only grow. 0 before it is in its table. */
  id: number;
  /** Holders: descriptors, mappings, programs, maps. */
  refs: number;
  /** Let go of everything; called once, when nobody holds the object. */
  destroy(): void;
}

/** One kind's objects by id, in the order they were made. */
export class ObjectTable<T extends KernelObject> {
  readonly #byId = new Map<number, T>();
  #lastId = 0;

  add(object: T): T {
    object.id = ++this.#lastId;
    this.#byId.set(object.id, object);
    return object;
  }

  get(id: number): T | undefined {
    return this.#byId.get(id);
  }

  /** The lowest id above `id`, or undefined. */
  next(id: number): number | undefined {
    for (const candidate of this.#byId.keys()) if (candidate > id) return candidate;
    return undefined;
  }

  hold(object: T): T {
    object.refs++;
    return object;
  }

  /** Let go of an object; it is destroyed when nobody else holds it. */
  drop(object: T): void {
    if (--object.refs > 0) return;
    this.#byId.delete(object.id);
    object.destroy();
  }
}

export class BtfObject implements KernelObject {
  readonly kind = 'btf';
  id = 0;
  refs = 0;
  readonly btf: Btf;

  constructor(btf: Btf) {
    this.btf = btf;
  }

  destroy(): void {}
}

/** The types of a map's key and value. */
export interface MapTypes {
  readonly btf: BtfObject;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** What the kernel keeps in the values. */
  readonly fields: readonly MapField[];
}

/** Bytes of an array's values, for the verifier and for the hash of a frozen array. */
export interface ValueReader {
  read(address: number, size: number): Uint8Array;
}

export class MapObject implements KernelObject, MapDesc {
  readonly kind = 'map';
  id = 0;
  refs = 0;
  readonly map: BpfMap;
  readonly types: MapTypes | undefined;
  readonly inner: MapDesc | undefined;
  frozen = false;
  /** Mappings through which user space may write. */
  writableMappings = 0;
  /** Descriptors that are open. */
  descriptors = 0;
  readonly #memory: ValueReader;
  readonly #released: () => void;

  constructor(
    map: BpfMap,
    types: MapTypes | undefined,
    inner: MapDesc | undefined,
    memory: ValueReader,
    released: () => void,
  ) {
    this.map = map;
    this.types = types;
    this.inner = inner;
    this.#memory = memory;
    this.#released = released;
  }

  get type(): number {
    return this.map.info.type;
  }
  get keySize(): number {
    return this.map.info.keySize;
  }
  get valueSize(): number {
    return this.map.info.valueSize;
  }
  get maxEntries(): number {
    return this.map.info.maxEntries;
  }
  get flags(): number {
    return this.map.info.flags;
  }
  get name(): string {
    return this.map.info.name;
  }
  get fields(): readonly MapField[] | undefined {
    return this.types?.fields;
  }

  /** Bytes of the value that can never change again: of an array of one, frozen and BPF_F_RDONLY_PROG. */
  readFrozen(offset: number, size: number): Uint8Array | undefined {
    const constant = this.frozen && this.type === MAP_TYPE.ARRAY && (this.flags & MAP_FLAG.RDONLY_PROG) !== 0;
    if (!constant || offset < 0 || offset + size > this.valueSize) return undefined;
    const address = this.map.directValueAddress(offset);
    return address < 0 ? undefined : this.#memory.read(address, size);
  }

  destroy(): void {
    this.map.destroy();
    this.#released();
  }
}

export interface ProgramParts {
  readonly verified: VerifiedProgram;
  /** 0 replaced by what it means for the type. */
  readonly expectedAttachType: number;
  readonly name: string;
  readonly tag: Uint8Array;
  readonly maps: readonly MapObject[];
  readonly btf: BtfObject | undefined;
  readonly records: ProgramBtf | undefined;
  /** When it was loaded: nanoseconds since boot. */
  readonly loadTime: number;
  readonly uid: number;
}

export class ProgObject implements KernelObject {
  readonly kind = 'prog';
  id = 0;
  refs = 0;
  readonly parts: ProgramParts;
  /** False for one loaded without verification: it may trap. */
  readonly trusted: boolean;
  /** What slots of prog arrays call it; 0: none has held it yet. */
  number = 0;
  readonly #owner: ProgramOwner;
  readonly #released: () => void;
  #image: ProgramImage | undefined;

  constructor(parts: ProgramParts, trusted: boolean, owner: ProgramOwner, released: () => void) {
    this.parts = parts;
    this.trusted = trusted;
    this.#owner = owner;
    this.#released = released;
  }

  /** What runs; made when it first runs, since many programs are only verified. */
  get image(): ProgramImage {
    const { verified, expectedAttachType, maps } = this.parts;
    this.#image ??= createImage(
      verified,
      expectedAttachType,
      maps.map((map) => map.map),
      this.trusted,
      this.#owner,
    );
    return this.#image;
  }

  destroy(): void {
    this.#released();
  }
}

export type AnyObject = MapObject | ProgObject | BtfObject | PerfEventObject;
