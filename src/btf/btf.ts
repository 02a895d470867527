/**
 * Raw BTF: header, types, strings. A blob is checked as a whole when it is parsed (scan.ts, graph.ts); afterwards types
 * are decoded when they are asked for, so that the 10 MB of a kernel open in a fraction of a second.
 */
import { FormatError, InternalError } from '../errors/index.ts';
import { plainBytes, StringTable } from '../util/index.ts';
import { checkGraph } from './graph.ts';
import { measure, readHeader, scanTypes } from './scan.ts';
import type { BtfHeader } from './scan.ts';
import { KIND } from './types.ts';
import type { BtfArray, BtfComposite, BtfDatasec, BtfEnum, BtfFuncProto, BtfReference, BtfType } from './types.ts';

/** Where a blob came from, for messages. */
export interface BtfWhere {
  file?: string;
  section?: string;
}

/** Bytes of a pointer in the BPF virtual machine. */
export const POINTER_SIZE = 8;

/** Kinds through which a value is the same value. */
export type Modifier = BtfReference & { kind: Exclude<BtfReference['kind'], typeof KIND.PTR> };

export function isModifier(type: BtfType): type is Modifier {
  const { kind } = type;
  return (kind >= KIND.TYPEDEF && kind <= KIND.RESTRICT) || kind === KIND.TYPE_TAG;
}

export class Btf {
  /** The whole blob, as BTF_LOAD takes it. */
  readonly bytes: Uint8Array;
  readonly where: BtfWhere;
  readonly #header: BtfHeader;
  readonly #view: DataView;
  readonly #strings: StringTable;
  /** Offset in `bytes` of each type's record, by id; [0] is unused. */
  readonly #offsets: Uint32Array;
  readonly #types: (BtfType | undefined)[] = [];
  #byName: Map<string, number[]> | undefined;

  /**
   * Everything in the blob is checked: bounds of sections, records, names and ids, the form of each kind, and that no
   * type contains itself.
   * @throws FormatError
   */
  static parse(bytes: Uint8Array, where: BtfWhere = {}): Btf {
    return new Btf(bytes, where, true);
  }

  /**
   * Types that a kernel shows of itself: only cut into records, not checked, because checking its 100,000 types costs more
   * than most programs' verification.
   * @throws FormatError
   */
  static ofKernel(bytes: Uint8Array, where: BtfWhere = {}): Btf {
    return new Btf(bytes, where, false);
  }

  private constructor(bytes: Uint8Array, where: BtfWhere, check: boolean) {
    this.bytes = plainBytes(bytes);
    this.where = where;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#header = readHeader(this.#view, where);
    const { strings, stringsLength } = this.#header;
    this.#strings = new StringTable(bytes.subarray(strings, strings + stringsLength));
    this.#offsets = check ? scanTypes(this.#view, this.#header, where) : measure(this.#view, this.#header, where);
    if (check) checkGraph(this.#view, this.#offsets, where);
  }

  /** How many ids there are, `void` included: valid ids are 0 … length - 1. */
  get length(): number {
    return this.#offsets.length;
  }

  /** @throws FormatError for an id that is not there. */
  type(id: number): BtfType {
    let type = this.#types[id];
    if (type !== undefined) return type;
    if (!(id >= 0 && id < this.length)) throw new FormatError(`no BTF type ${id} of ${this.length - 1}`, this.where);
    type = this.#decode(id);
    this.#types[id] = type;
    return type;
  }

  *[Symbol.iterator](): Iterator<BtfType> {
    for (let id = 1; id < this.length; id++) yield this.type(id);
  }

  /** Whether an offset lies in the string section. */
  hasString(offset: number): boolean {
    return offset < this.#strings.bytes.length;
  }

  /** The string at an offset of the string section. @throws FormatError */
  string(offset: number): string {
    const text = this.#strings.get(offset);
    if (text === undefined) throw new FormatError(`no string at offset 0x${offset.toString(16)}`, this.where);
    return text;
  }

  /** Offset in `bytes` of a type's record: where a loader patches sizes and offsets. */
  recordOffset(id: number): number {
    return this.#offsets[id];
  }

  /** The first type of that name, and kind if given. */
  find(name: string, kind?: number): BtfType | undefined {
    return this.findAll(name).find((type) => kind === undefined || type.kind === kind);
  }

  findAll(name: string): BtfType[] {
    this.#byName ??= this.#indexNames();
    return (this.#byName.get(name) ?? []).map((id) => this.type(id));
  }

  /** KIND of a type, without decoding it. */
  kind(id: number): number {
    return id === 0 ? KIND.VOID : (this.#u32(this.#offsets[id] + 4) >>> 24) & 31;
  }

  /** The string section, a character a byte. */
  allStrings(): string {
    return new TextDecoder('latin1').decode(this.#strings.bytes);
  }

  /** Ids of the types whose names stand at one of these offsets of the string section, ascending. */
  namedAt(offsets: ReadonlySet<number>): number[] {
    const ids: number[] = [];
    for (let id = 1; id < this.length; id++) if (offsets.has(this.#u32(this.#offsets[id]))) ids.push(id);
    return ids;
  }

  /** The type behind typedefs, qualifiers and type tags. */
  resolve(id: number): BtfType {
    let type = this.type(id);
    while (isModifier(type)) type = this.type(type.type);
    return type;
  }

  /**
   * Bytes of a value of the type.
   * @returns undefined for what has no size: void, functions, forward declarations, tags.
   */
  size(id: number): number | undefined {
    const type = this.resolve(id);
    switch (type.kind) {
      case KIND.PTR:
        return POINTER_SIZE;
      case KIND.ARRAY: {
        const size = this.size(type.type);
        return size === undefined ? undefined : size * type.count;
      }
      case KIND.VAR:
        return this.size(type.type);
      case KIND.INT:
      case KIND.STRUCT:
      case KIND.UNION:
      case KIND.ENUM:
      case KIND.ENUM64:
      case KIND.FLOAT:
      case KIND.DATASEC:
        return type.size;
      default:
        return undefined;
    }
  }

  #indexNames(): Map<string, number[]> {
    const index = new Map<string, number[]>();
    for (let id = 1; id < this.length; id++) {
      const name = this.#name(this.#offsets[id]);
      if (name === '') continue;
      const ids = index.get(name);
      if (ids === undefined) index.set(name, [id]);
      else ids.push(id);
    }
    return index;
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  #name(at: number): string {
    const offset = this.#u32(at);
    return offset === 0 ? '' : this.string(offset);
  }

  #decode(id: number): BtfType {
    if (id === 0) return { kind: KIND.VOID, id, name: 'void' };
    const at = this.#offsets[id];
    const name = this.#name(at);
    const info = this.#u32(at + 4);
    const third = this.#u32(at + 8);
    const kind = ((info >>> 24) & 31) as BtfType['kind'];
    const flag = info >>> 31 === 1;
    switch (kind) {
      case KIND.INT: {
        const word = this.#u32(at + 12);
        return {
          kind,
          id,
          name,
          size: third,
          encoding: (word >>> 24) & 15,
          offset: (word >>> 16) & 255,
          bits: word & 255,
        };
      }
      case KIND.PTR:
      case KIND.TYPEDEF:
      case KIND.VOLATILE:
      case KIND.CONST:
      case KIND.RESTRICT:
      case KIND.TYPE_TAG:
        return { kind, id, name, type: third };
      case KIND.ARRAY:
        return this.#decodeArray(id, name, at);
      case KIND.STRUCT:
      case KIND.UNION:
        return { kind, id, name, size: third, members: this.#decodeMembers(at, info & 0xffff, flag) };
      case KIND.ENUM:
      case KIND.ENUM64:
        return { kind, id, name, size: third, signed: flag, values: this.#decodeEnum(kind, at, info & 0xffff, flag) };
      case KIND.FWD:
        return { kind, id, name, union: flag };
      case KIND.FUNC:
        return { kind, id, name, type: third, linkage: info & 0xffff };
      case KIND.FUNC_PROTO:
        return { kind, id, name, type: third, params: this.#decodeParams(at, info & 0xffff) };
      case KIND.VAR:
        return { kind, id, name, type: third, linkage: this.#u32(at + 12) };
      case KIND.DATASEC:
        return { kind, id, name, size: third, vars: this.#decodeVars(at, info & 0xffff) };
      case KIND.FLOAT:
        return { kind, id, name, size: third };
      case KIND.DECL_TAG:
        return { kind, id, name, type: third, component: this.#view.getInt32(at + 12, true) };
      case KIND.VOID:
        throw new InternalError('BTF record of kind 0 passed the scan');
    }
  }

  #decodeArray(id: number, name: string, at: number): BtfArray {
    return {
      kind: KIND.ARRAY,
      id,
      name,
      type: this.#u32(at + 12),
      indexType: this.#u32(at + 16),
      count: this.#u32(at + 20),
    };
  }

  #decodeMembers(at: number, count: number, flag: boolean): BtfComposite['members'] {
    return Array.from({ length: count }, (_, i) => {
      const member = at + 12 + i * 12;
      const offset = this.#u32(member + 8);
      const bitOffset = flag ? offset & 0xffffff : offset;
      return { name: this.#name(member), type: this.#u32(member + 4), bitOffset, bitSize: flag ? offset >>> 24 : 0 };
    });
  }

  #decodeEnum(kind: number, at: number, count: number, signed: boolean): BtfEnum['values'] {
    const stride = kind === KIND.ENUM ? 8 : 12;
    return Array.from({ length: count }, (_, i) => {
      const entry = at + 12 + i * stride;
      return { name: this.#name(entry), value: this.#enumValue(kind, entry + 4, signed) };
    });
  }

  #enumValue(kind: number, at: number, signed: boolean): number | bigint {
    if (kind === KIND.ENUM) return signed ? this.#view.getInt32(at, true) : this.#u32(at);
    const value = (BigInt(this.#u32(at + 4)) << 32n) | BigInt(this.#u32(at));
    const exact = signed ? BigInt.asIntN(64, value) : value;
    const near = Number(exact);
    return Number.isSafeInteger(near) ? near : exact;
  }

  #decodeParams(at: number, count: number): BtfFuncProto['params'] {
    return Array.from({ length: count }, (_, i) => ({
      name: this.#name(at + 12 + i * 8),
      type: this.#u32(at + 16 + i * 8),
    }));
  }

  #decodeVars(at: number, count: number): BtfDatasec['vars'] {
    return Array.from({ length: count }, (_, i) => {
      const entry = at + 12 + i * 12;
      return { type: this.#u32(entry), offset: this.#u32(entry + 4), size: this.#u32(entry + 8) };
    });
  }
}
