/**
 * The first walk over a BTF blob: header, then each record's form. Afterwards every record lies inside the type section,
 * every id and name offset in it exists, and sizes are what the kind allows.
 */
import { FormatError } from '../errors/index.ts';
import type { BtfWhere } from './btf.ts';
import { BTF_MAGIC, BTF_MAX_TYPE, KIND, KIND_NAMES } from './types.ts';

export interface BtfHeader {
  /** Offsets from the start of the blob, in bytes. */
  readonly types: number;
  readonly typesLength: number;
  readonly strings: number;
  readonly stringsLength: number;
}

const HEADER_SIZE = 24;

export function readHeader(view: DataView, where: BtfWhere): BtfHeader {
  const fail = (problem: string, offset: number): never => {
    throw new FormatError(problem, { ...where, offset });
  };
  if (view.byteLength < HEADER_SIZE) fail(`cut in the BTF header: ${view.byteLength} of ${HEADER_SIZE} bytes`, 0);
  const magic = view.getUint16(0, true);
  if (magic === 0x9feb) fail('big-endian BTF', 0);
  if (magic !== BTF_MAGIC) fail(`BTF magic is 0x${magic.toString(16)}, not 0x${BTF_MAGIC.toString(16)}`, 0);
  if (view.getUint8(2) !== 1) fail(`BTF version ${view.getUint8(2)}, not 1`, 2);
  if (view.getUint8(3) !== 0) fail(`unknown BTF flags 0x${view.getUint8(3).toString(16)}`, 3);
  const size = view.getUint32(4, true);
  if (size < HEADER_SIZE || size > view.byteLength) fail(`BTF header of ${size} bytes`, 4);
  const header = {
    types: size + view.getUint32(8, true),
    typesLength: view.getUint32(12, true),
    strings: size + view.getUint32(16, true),
    stringsLength: view.getUint32(20, true),
  };
  if (header.types % 4) fail('BTF types are not aligned to 4 bytes', 8);
  if (header.types + header.typesLength > view.byteLength) fail('BTF types lie outside', 8);
  if (header.strings + header.stringsLength > view.byteLength) fail('BTF strings lie outside', 16);
  if (header.types < header.strings + header.stringsLength && header.strings < header.types + header.typesLength)
    fail('BTF types and strings overlap', 8);
  const last = header.strings + header.stringsLength - 1;
  if (header.stringsLength === 0 || view.getUint8(header.strings) !== 0 || view.getUint8(last) !== 0)
    fail('BTF strings do not begin and end with NUL', header.strings);
  return header;
}

/** Bytes behind the 12 common ones: fixed, and per each of `vlen` entries. */
const TAIL: Readonly<Record<number, readonly [fixed: number, each: number]>> = {
  [KIND.INT]: [4, 0],
  [KIND.PTR]: [0, 0],
  [KIND.ARRAY]: [12, 0],
  [KIND.STRUCT]: [0, 12],
  [KIND.UNION]: [0, 12],
  [KIND.ENUM]: [0, 8],
  [KIND.FWD]: [0, 0],
  [KIND.TYPEDEF]: [0, 0],
  [KIND.VOLATILE]: [0, 0],
  [KIND.CONST]: [0, 0],
  [KIND.RESTRICT]: [0, 0],
  [KIND.FUNC]: [0, 0], // vlen is the linkage
  [KIND.FUNC_PROTO]: [0, 8],
  [KIND.VAR]: [4, 0],
  [KIND.DATASEC]: [0, 12],
  [KIND.FLOAT]: [0, 0],
  [KIND.DECL_TAG]: [4, 0],
  [KIND.TYPE_TAG]: [0, 0],
  [KIND.ENUM64]: [0, 12],
};

/** Where in each entry a name and an id stand; -1 where there is none. */
const ENTRY: Readonly<Record<number, readonly [name: number, id: number]>> = {
  [KIND.STRUCT]: [0, 4],
  [KIND.UNION]: [0, 4],
  [KIND.ENUM]: [0, -1],
  [KIND.FUNC_PROTO]: [0, 4],
  [KIND.DATASEC]: [-1, 0],
  [KIND.ENUM64]: [0, -1],
};

/** Kinds whose third word is an id. */
const REFERS = new Set<number>([
  KIND.PTR,
  KIND.TYPEDEF,
  KIND.VOLATILE,
  KIND.CONST,
  KIND.RESTRICT,
  KIND.FUNC,
  KIND.FUNC_PROTO,
  KIND.VAR,
  KIND.DECL_TAG,
  KIND.TYPE_TAG,
]);

/** Sizes in bytes that a kind may have. */
const SIZES: Readonly<Record<number, readonly number[]>> = {
  [KIND.INT]: [1, 2, 4, 8, 16],
  [KIND.FLOAT]: [2, 4, 8, 12, 16],
  [KIND.ENUM]: [1, 2, 4, 8],
  [KIND.ENUM64]: [1, 2, 4, 8],
};

/** @returns the offset in the blob of each record by id; [0] is 0. @throws FormatError */
export function scanTypes(view: DataView, header: BtfHeader, where: BtfWhere): Uint32Array {
  const offsets = measure(view, header, where);
  const check = new RecordCheck(view, header, offsets.length, where);
  for (let id = 1; id < offsets.length; id++) check.record(id, offsets[id]);
  return offsets;
}

/** Cut the type section into records. @returns the offset in the blob of each by id; [0] is 0. @throws FormatError */
export function measure(view: DataView, header: BtfHeader, where: BtfWhere): Uint32Array {
  const end = header.types + header.typesLength;
  const offsets = [0];
  for (let at = header.types; at < end;) {
    const offset = at;
    const fail = (problem: string): never => {
      throw new FormatError(`BTF type ${offsets.length}: ${problem}`, { ...where, offset });
    };
    if (end - at < 12) fail('cut off');
    const info = view.getUint32(at + 4, true);
    const tail = TAIL[(info >>> 24) & 31];
    if (tail === undefined) fail(`unknown kind ${(info >>> 24) & 31}`);
    offsets.push(at);
    if (offsets.length > BTF_MAX_TYPE) fail(`more than ${BTF_MAX_TYPE} types`);
    at += 12 + tail[0] + tail[1] * (info & 0xffff);
    if (at > end) fail('cut off');
  }
  return Uint32Array.from(offsets);
}

class RecordCheck {
  readonly #view: DataView;
  readonly #header: BtfHeader;
  readonly #count: number;
  readonly #where: BtfWhere;

  constructor(view: DataView, header: BtfHeader, count: number, where: BtfWhere) {
    this.#view = view;
    this.#header = header;
    this.#count = count;
    this.#where = where;
  }

  record(id: number, at: number): void {
    const info = this.#u32(at + 4);
    const kind = (info >>> 24) & 31;
    const vlen = info & 0xffff;
    this.#name(id, at, at);
    if (info & 0x60ff0000) this.#fail(id, at, `unknown bits in info 0x${info.toString(16)}`);
    if (REFERS.has(kind)) this.#id(id, at, this.#u32(at + 8));
    const sizes = SIZES[kind];
    if (sizes !== undefined && !sizes.includes(this.#u32(at + 8)))
      this.#fail(id, at, `${KIND_NAMES[kind]} of ${this.#u32(at + 8)} bytes`);
    if (kind === KIND.INT) this.#int(id, at);
    if (kind === KIND.ARRAY) {
      this.#id(id, at, this.#u32(at + 12));
      this.#id(id, at, this.#u32(at + 16));
    }
    if (kind === KIND.FUNC && vlen > 2) this.#fail(id, at, `function linkage ${vlen}`);
    if (kind === KIND.VAR && this.#u32(at + 12) > 2) this.#fail(id, at, `variable linkage ${this.#u32(at + 12)}`);
    const entry = ENTRY[kind];
    if (entry !== undefined) this.#entries(id, at, vlen, TAIL[kind][1], entry);
  }

  #entries(id: number, at: number, count: number, stride: number, [name, type]: readonly [number, number]): void {
    for (let i = 0, entry = at + 12; i < count; i++, entry += stride) {
      if (name >= 0) this.#name(id, at, entry + name);
      if (type >= 0) this.#id(id, at, this.#u32(entry + type));
    }
  }

  #int(id: number, at: number): void {
    const word = this.#u32(at + 12);
    const bits = word & 255;
    const offset = (word >>> 16) & 255;
    if (bits > 128 || bits + offset > this.#u32(at + 8) * 8)
      this.#fail(id, at, `INT of ${bits} bits at bit ${offset} in ${this.#u32(at + 8)} bytes`);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  #name(id: number, at: number, place: number): void {
    if (this.#u32(place) >= this.#header.stringsLength)
      this.#fail(id, at, `name offset 0x${this.#u32(place).toString(16)} outside the strings`);
  }

  #id(id: number, at: number, other: number): void {
    if (other >= this.#count) this.#fail(id, at, `refers to type ${other} of ${this.#count - 1}`);
  }

  #fail(id: number, offset: number, problem: string): never {
    throw new FormatError(`BTF type ${id}: ${problem}`, { ...this.#where, offset });
  }
}
