/**
 * `.BTF.ext`: which function an instruction begins (func_info), which source line it came from (line_info), and which
 * instructions depend on the layout of the kernel's types (CO-RE relocations). Offsets in the section count bytes
 * from the start of the program section they are listed under; in PROG_LOAD they count slots from the program's first.
 * Sources: docs.kernel.org/bpf/btf.html and llvm_reloc.html.
 */
import { FormatError } from '../errors/index.ts';
import type { Btf, BtfWhere } from './btf.ts';
import { BTF_MAGIC, KIND } from './types.ts';

/** @kernel struct bpf_func_info */
export interface FuncInfo {
  /** Bytes from the start of the section in an object; slots from the start of the program when loaded. */
  readonly offset: number;
  /** Id of a FUNC. */
  readonly type: number;
}

/** @kernel struct bpf_line_info */
export interface LineInfo {
  readonly offset: number;
  /** Offsets into the BTF's strings. */
  readonly file: number;
  readonly text: number;
  /** Line number << 10 | column. */
  readonly lineColumn: number;
}

/** @kernel struct bpf_core_relo */
export interface CoreRelo {
  readonly offset: number;
  readonly type: number;
  /** Offset into the BTF's strings: `0:1:2`, the way to the field. */
  readonly access: number;
  /** 0-12, see CORE_RELO_NAMES. */
  readonly kind: number;
}

/** What is asked about a field, type or enumerator. @kernel enum bpf_core_relo_kind */
export const CORE_RELO_NAMES: readonly string[] = [
  'byte_off',
  'byte_sz',
  'field_exists',
  'signed',
  'lshift_u64',
  'rshift_u64',
  'local_type_id',
  'target_type_id',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
];

/** Bytes of a record as written for PROG_LOAD. */
export const FUNC_INFO_SIZE = 8;
export const LINE_INFO_SIZE = 16;
const CORE_RELO_SIZE = 16;
/** Records may grow; one larger than this is not a record. */
const MAX_RECORD_SIZE = 1024;

/** Records by the name of the program section they belong to, in the order of the object. */
export type BySection<T> = ReadonlyMap<string, readonly T[]>;

export class BtfExt {
  readonly funcInfo: BySection<FuncInfo>;
  readonly lineInfo: BySection<LineInfo>;
  readonly coreRelos: BySection<CoreRelo>;

  /** @throws FormatError */
  static parse(bytes: Uint8Array, btf: Btf, where: BtfWhere = {}): BtfExt {
    return new BtfExt(bytes, btf, where);
  }

  private constructor(bytes: Uint8Array, btf: Btf, where: BtfWhere) {
    const reader = new ExtReader(bytes, btf, where);
    this.funcInfo = reader.table(8, FUNC_INFO_SIZE, (view, at) => {
      const type = view.getUint32(at + 4, true);
      if (type >= btf.length || btf.type(type).kind !== KIND.FUNC)
        reader.fail(`func_info names type ${type}, not a FUNC`, at);
      return { offset: reader.insnOffset(at), type };
    });
    this.lineInfo = reader.table(16, LINE_INFO_SIZE, (view, at) => ({
      offset: reader.insnOffset(at),
      file: reader.stringOffset(at + 4),
      text: reader.stringOffset(at + 8),
      lineColumn: view.getUint32(at + 12, true),
    }));
    this.coreRelos = reader.table(24, CORE_RELO_SIZE, (view, at) => {
      const type = view.getUint32(at + 4, true);
      const kind = view.getUint32(at + 12, true);
      if (type >= btf.length) reader.fail(`CO-RE relocation names type ${type} of ${btf.length - 1}`, at);
      if (kind >= CORE_RELO_NAMES.length) reader.fail(`CO-RE relocation of unknown kind ${kind}`, at);
      return { offset: reader.insnOffset(at), type, access: reader.stringOffset(at + 8), kind };
    });
  }
}

class ExtReader {
  readonly #view: DataView;
  readonly #btf: Btf;
  readonly #where: BtfWhere;
  readonly #headerSize: number;

  constructor(bytes: Uint8Array, btf: Btf, where: BtfWhere) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#btf = btf;
    this.#where = where;
    if (bytes.length < 24) this.fail(`cut in the header: ${bytes.length} of 24 bytes`, 0);
    if (this.#view.getUint16(0, true) !== BTF_MAGIC) this.fail('bad magic', 0);
    if (this.#view.getUint8(2) !== 1) this.fail(`version ${this.#view.getUint8(2)}, not 1`, 2);
    this.#headerSize = this.#view.getUint32(4, true);
    if (this.#headerSize < 24 || this.#headerSize > bytes.length) this.fail(`header of ${this.#headerSize} bytes`, 4);
  }

  fail(problem: string, offset: number): never {
    throw new FormatError(problem, { ...this.#where, offset });
  }

  insnOffset(at: number): number {
    const offset = this.#view.getUint32(at, true);
    if (offset % 8) this.fail(`record for byte ${offset}, which begins no instruction`, at);
    return offset;
  }

  stringOffset(at: number): number {
    const offset = this.#view.getUint32(at, true);
    this.#btf.string(offset);
    return offset;
  }

  /** The table whose offset and length stand at `place` of the header; absent from older, shorter headers. */
  table<T>(place: number, recordSize: number, read: (view: DataView, at: number) => T): Map<string, T[]> {
    const out = new Map<string, T[]>();
    if (place + 8 > this.#headerSize) return out;
    const view = this.#view;
    const start = this.#headerSize + view.getUint32(place, true);
    const end = start + view.getUint32(place + 4, true);
    if (end > view.byteLength) this.fail('table lies outside', place);
    if (start === end) return out;
    if (end - start < 4) this.fail('table is cut', start);
    const stride = view.getUint32(start, true);
    if (stride < recordSize || stride > MAX_RECORD_SIZE || stride % 4) this.fail(`records of ${stride} bytes`, start);
    for (let at = start + 4; at < end;) {
      if (end - at < 8) this.fail('table is cut', at);
      const section = this.#btf.string(this.stringOffset(at));
      const count = view.getUint32(at + 4, true);
      if (count === 0 || count > (end - at - 8) / stride) this.fail(`${count} records for section ${section}`, at + 4);
      const records = out.get(section) ?? [];
      out.set(section, records);
      at += 8;
      for (let i = 0; i < count; i++, at += stride) records.push(read(view, at));
    }
    return out;
  }
}

/** @returns the array PROG_LOAD takes as `func_info`, records of FUNC_INFO_SIZE bytes. */
export function encodeFuncInfo(records: readonly FuncInfo[]): Uint8Array {
  return words(records.map((r) => [r.offset, r.type]));
}

/** @returns the array PROG_LOAD takes as `line_info`, records of LINE_INFO_SIZE bytes. */
export function encodeLineInfo(records: readonly LineInfo[]): Uint8Array {
  return words(records.map((r) => [r.offset, r.file, r.text, r.lineColumn]));
}

function words(rows: readonly (readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(rows.reduce((n, row) => n + row.length * 4, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const word of rows.flat()) {
    view.setUint32(at, word, true);
    at += 4;
  }
  return bytes;
}
