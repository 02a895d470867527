/**
 * BTF writer: types are added one by one and get the next id. What it writes is for BTF_LOAD and for tests; changes to a
 * compiler's blob are made in place instead (see `withFixups`), so that offsets of strings stay what they were.
 */
import { Btf } from './btf.ts';
import type { BtfWhere } from './btf.ts';
import { BTF_MAGIC, KIND, LINKAGE } from './types.ts';
import type { BtfType } from './types.ts';

/** A type before it has an id. */
export type NewType = BtfType extends infer T ? (T extends BtfType ? Omit<T, 'id'> : never) : never;

const encoder = new TextEncoder();

export class BtfBuilder {
  #words: number[] = [];
  #strings: number[] = [0];
  #offsets = new Map<string, number>([['', 0]]);
  #count = 0;

  /** @returns the type's id. */
  add(type: NewType): number {
    const [third, vlen, flag, tail] = this.#body(type);
    const info = ((type.kind << 24) | vlen | (flag ? 0x80000000 : 0)) >>> 0;
    this.#words.push(this.string(type.name), info, third, ...tail);
    return ++this.#count;
  }

  /** Offset of a string, added if it is new. */
  string(text: string): number {
    let offset = this.#offsets.get(text);
    if (offset === undefined) {
      offset = this.#strings.length;
      this.#strings.push(...encoder.encode(text), 0);
      this.#offsets.set(text, offset);
    }
    return offset;
  }

  bytes(): Uint8Array {
    const typesLength = this.#words.length * 4;
    const header = [BTF_MAGIC | (1 << 16), 24, 0, typesLength, typesLength, this.#strings.length];
    const bytes = new Uint8Array(24 + typesLength + this.#strings.length);
    const view = new DataView(bytes.buffer);
    [...header, ...this.#words].forEach((word, i) => view.setUint32(i * 4, word, true));
    bytes.set(this.#strings, 24 + typesLength);
    return bytes;
  }

  /** Third word, vlen, kind flag, and the words behind. */
  #body(type: NewType): [third: number, vlen: number, flag: boolean, tail: number[]] {
    switch (type.kind) {
      case KIND.VOID:
        throw new RangeError('void has no record');
      case KIND.INT:
        return [type.size, 0, false, [(type.encoding << 24) | (type.offset << 16) | type.bits]];
      case KIND.ARRAY:
        return [0, 0, false, [type.type, type.indexType, type.count]];
      case KIND.STRUCT:
      case KIND.UNION: {
        const flag = type.members.some((m) => m.bitSize > 0);
        const place = (m: { bitOffset: number; bitSize: number }) => (m.bitOffset | (m.bitSize << 24)) >>> 0;
        return [
          type.size,
          type.members.length,
          flag,
          type.members.flatMap((m) => [this.string(m.name), m.type, place(m)]),
        ];
      }
      case KIND.ENUM:
        return [
          type.size,
          type.values.length,
          type.signed,
          type.values.flatMap((v) => [this.string(v.name), Number(v.value) >>> 0]),
        ];
      case KIND.ENUM64:
        return [
          type.size,
          type.values.length,
          type.signed,
          type.values.flatMap((v) => [this.string(v.name), ...halves(v.value)]),
        ];
      case KIND.FWD:
        return [0, 0, type.union, []];
      case KIND.FUNC:
        return [type.type, type.linkage, false, []];
      case KIND.FUNC_PROTO:
        return [type.type, type.params.length, false, type.params.flatMap((p) => [this.string(p.name), p.type])];
      case KIND.VAR:
        return [type.type, 0, false, [type.linkage]];
      case KIND.DATASEC:
        return [type.size, type.vars.length, false, type.vars.flatMap((v) => [v.type, v.offset, v.size])];
      case KIND.FLOAT:
        return [type.size, 0, false, []];
      case KIND.DECL_TAG:
        return [type.type, 0, false, [type.component >>> 0]];
      default:
        return [type.type, 0, false, []];
    }
  }
}

function halves(value: number | bigint): [number, number] {
  const bits = BigInt.asUintN(64, BigInt(value));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

/** Where a variable of a DATASEC lies. */
export interface Placement {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/** What a loader changes in a compiler's BTF. */
export interface Fixups {
  /** DATASEC id → its size in bytes, and its variables in order of offset (as many as before). */
  readonly sections?: ReadonlyMap<number, { readonly size: number; readonly vars: readonly Placement[] }>;
  /** Ids of FUNCs that become static. */
  readonly staticFunctions?: readonly number[];
  /** Ids of VARs that get their place here, and are no externs any more. */
  readonly placedVariables?: readonly number[];
}

/** A copy of the blob with sections and functions changed; ids and string offsets stay. @throws FormatError */
export function withFixups(btf: Btf, fixups: Fixups, where: BtfWhere = btf.where): Btf {
  const bytes = new Uint8Array(btf.bytes); // not slice(): of a Buffer that is a view
  const view = new DataView(bytes.buffer);
  for (const [id, { size, vars }] of fixups.sections ?? []) {
    const at = btf.recordOffset(id);
    view.setUint32(at + 8, size, true);
    vars.forEach((v, i) => {
      view.setUint32(at + 12 + i * 12, v.type, true);
      view.setUint32(at + 16 + i * 12, v.offset, true);
      view.setUint32(at + 20 + i * 12, v.size, true);
    });
  }
  for (const id of fixups.staticFunctions ?? []) {
    const at = btf.recordOffset(id) + 4;
    view.setUint32(at, view.getUint32(at, true) & 0xffff0000, true);
  }
  for (const id of fixups.placedVariables ?? []) view.setUint32(btf.recordOffset(id) + 12, LINKAGE.GLOBAL, true);
  return Btf.parse(bytes, where);
}
