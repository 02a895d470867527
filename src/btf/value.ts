/**
 * Values by their BTF types: bytes to plain JavaScript and back.
 *
 * | BTF                             | JavaScript |
 * |---|---|
 * | integer                         | number where it is exact (|n| < 2^53), else bigint |
 * | `_Bool`                         | boolean |
 * | enum                            | the enumerator's name; a number where none has the value |
 * | float, double                   | number; other widths Uint8Array |
 * | pointer                         | bigint |
 * | array of `char`                 | string up to the first NUL, as UTF-8 |
 * | array of other one-byte integers | Uint8Array, a copy |
 * | other array                     | array |
 * | struct                          | object; members of anonymous members stand in the object itself |
 * | union                           | object with every member, all of the same bytes |
 * | bit field                       | as its type |
 *
 * The other way, absent members are zero, a shorter string or array is filled with zeros, and what does not fit is a
 * RangeError. Of several members of one union the last one declared is written: give one.
 */
import { FormatError } from '../errors/index.ts';
import type { Btf } from './btf.ts';
import { readBits, writeBits } from './bits.ts';
import { INT_ENCODING, KIND } from './types.ts';
import type { BtfArray, BtfComposite, BtfEnum, BtfInt, BtfMember, BtfType } from './types.ts';

export type Value = number | bigint | boolean | string | Uint8Array | readonly Value[] | StructValue;
export interface StructValue {
  readonly [member: string]: Value;
}

/** What is written: as Value, but any iterable of numbers does for bytes, and absent members are zero. */
export type Writable = unknown;

type Read = (view: DataView, at: number) => Value;
type Write = (view: DataView, at: number, value: Writable) => void;
interface Accessor {
  readonly read: Read;
  readonly write: Write;
}

/** Most scalars in one value: a hostile type may multiply itself through its members. */
const MAX_LEAVES = 1 << 22;

/** Reads and writes values of one type; compiled once, for maps that are read often. */
export class ValueCodec {
  /** Bytes of a value. */
  readonly size: number;
  readonly #accessor: Accessor;

  /** @throws FormatError for a type that has no values, or has more than four million scalars. */
  constructor(btf: Btf, type: number) {
    const size = btf.size(type);
    if (size === undefined) throw new FormatError(`BTF type ${type} has no values`, btf.where);
    if (leaves(btf, type, new Map()) > MAX_LEAVES)
      throw new FormatError(`BTF type ${type} has too many parts`, btf.where);
    this.size = size;
    this.#accessor = compile(btf, type);
  }

  /** @throws RangeError when there are too few bytes; more are ignored. */
  decode(bytes: Uint8Array): Value {
    this.#check(bytes);
    return this.#accessor.read(new DataView(bytes.buffer, bytes.byteOffset, this.size), 0);
  }

  /** Write `value` into `into` (zeroed first), or into new bytes. @throws RangeError, TypeError */
  encode(value: Writable, into: Uint8Array = new Uint8Array(this.size)): Uint8Array {
    this.#check(into);
    into.fill(0);
    this.#accessor.write(new DataView(into.buffer, into.byteOffset, this.size), 0, value);
    return into;
  }

  #check(bytes: Uint8Array): void {
    if (bytes.length < this.size) throw new RangeError(`${bytes.length} bytes for a value of ${this.size}`);
  }
}

/** Decode one value. For many of a type, keep a ValueCodec. */
export function decodeValue(btf: Btf, type: number, bytes: Uint8Array): Value {
  return new ValueCodec(btf, type).decode(bytes);
}

/** Encode one value. */
export function encodeValue(btf: Btf, type: number, value: Writable): Uint8Array {
  return new ValueCodec(btf, type).encode(value);
}

function leaves(btf: Btf, id: number, known: Map<number, number>): number {
  const seen = known.get(id);
  if (seen !== undefined) return seen;
  const type = btf.resolve(id);
  let count = 1;
  if (type.kind === KIND.STRUCT || type.kind === KIND.UNION)
    for (const member of type.members) count += leaves(btf, member.type, known);
  else if (type.kind === KIND.DATASEC) for (const { type: id } of type.vars) count += leaves(btf, id, known);
  else if (type.kind === KIND.VAR) count = leaves(btf, type.type, known);
  else if (type.kind === KIND.ARRAY && !isBytes(btf, type) && btf.size(id) !== 0)
    count += leaves(btf, type.type, known) * type.count;
  known.set(id, count);
  return count;
}

function compile(btf: Btf, id: number): Accessor {
  const type = btf.resolve(id);
  switch (type.kind) {
    case KIND.INT:
      return int(type);
    case KIND.PTR:
      return { read: (view, at) => view.getBigUint64(at, true), write: scalar('a pointer', 64, false) };
    case KIND.ENUM:
    case KIND.ENUM64:
      return enumeration(type, type.size * 8);
    case KIND.FLOAT:
      return float(type.size);
    case KIND.ARRAY:
      return array(btf, type);
    case KIND.STRUCT:
    case KIND.UNION:
      return composite(btf, type);
    case KIND.VAR:
      return compile(btf, type.type);
    case KIND.DATASEC:
      return datasec(btf, type);
    default:
      throw new FormatError(`BTF type ${id} has no values`, btf.where);
  }
}

function int(type: BtfInt): Accessor {
  const signed = (type.encoding & INT_ENCODING.SIGNED) !== 0;
  const { offset, bits, name } = type;
  const ordinary = offset === 0 && bits === type.size * 8;
  if (type.encoding & INT_ENCODING.BOOL) return bool(offset, bits);
  if (!ordinary || bits > 64) return bitField(name, offset, bits, signed);
  return { read: readInt(type.size, signed), write: scalar(name, bits, signed) };
}

function readInt(size: number, signed: boolean): Read {
  switch (size) {
    case 1:
      return signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at);
    case 2:
      return signed ? (view, at) => view.getInt16(at, true) : (view, at) => view.getUint16(at, true);
    case 4:
      return signed ? (view, at) => view.getInt32(at, true) : (view, at) => view.getUint32(at, true);
    default:
      return signed ? readS64 : readU64;
  }
}

function readU64(view: DataView, at: number): number | bigint {
  const high = view.getUint32(at + 4, true);
  return high < 0x200000 ? high * 2 ** 32 + view.getUint32(at, true) : view.getBigUint64(at, true);
}

function readS64(view: DataView, at: number): number | bigint {
  const high = view.getInt32(at + 4, true);
  const near = high * 2 ** 32 + view.getUint32(at, true);
  return Number.isSafeInteger(near) ? near : view.getBigInt64(at, true);
}

function bool(offset: number, bits: number): Accessor {
  return {
    read: (view, at) => readBits(view, at * 8 + offset, bits, false) !== 0,
    write: (view, at, value) => writeBits(view, at * 8 + offset, bits, BigInt(value === true || value === 1)),
  };
}

function bitField(name: string, offset: number, bits: number, signed: boolean): Accessor {
  return {
    read: (view, at) => readBits(view, at * 8 + offset, bits, signed),
    write: (view, at, value) => writeBits(view, at * 8 + offset, bits, integer(value, name, bits, signed)),
  };
}

function scalar(name: string, bits: number, signed: boolean): Write {
  return (view, at, value) => writeBits(view, at * 8, bits, integer(value, name, bits, signed));
}

/** A number or bigint that fits, as a bigint. */
function integer(value: Writable, name: string, bits: number, signed: boolean): bigint {
  if (typeof value === 'boolean') return BigInt(value);
  if (typeof value !== 'bigint' && (typeof value !== 'number' || !Number.isInteger(value)))
    throw new TypeError(`${name} wants an integer, not ${describe(value)}`);
  const exact = BigInt(value);
  const fits = signed ? BigInt.asIntN(bits, exact) === exact : BigInt.asUintN(bits, exact) === exact;
  if (!fits) throw new RangeError(`${value} does not fit in ${name} (${bits} bits${signed ? ', signed' : ''})`);
  return exact;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? 'an array' : String(value);
}

function enumeration(type: BtfEnum, bits: number, offset = 0): Accessor {
  const names = new Map<number | bigint, string>();
  for (const { name, value } of type.values) if (!names.has(value)) names.set(value, name);
  const values = new Map(type.values.map(({ name, value }) => [name, value]));
  const field = bitField(`enum ${type.name}`.trim(), offset, bits, type.signed);
  return {
    read: (view, at) => {
      const value = field.read(view, at) as number | bigint;
      return names.get(value) ?? value;
    },
    write: (view, at, value) => {
      const known = typeof value === 'string' ? values.get(value) : undefined;
      field.write(view, at, known ?? value);
    },
  };
}

function float(size: number): Accessor {
  if (size === 4)
    return {
      read: (view, at) => view.getFloat32(at, true),
      write: (view, at, v) => view.setFloat32(at, Number(v), true),
    };
  if (size === 8)
    return {
      read: (view, at) => view.getFloat64(at, true),
      write: (view, at, v) => view.setFloat64(at, Number(v), true),
    };
  return byteArray(size);
}

/** Whether the elements are integers of one byte. */
function isBytes(btf: Btf, type: BtfArray): boolean {
  const element = btf.resolve(type.type);
  return (
    element.kind === KIND.INT && element.size === 1 && element.bits === 8 && element.encoding !== INT_ENCODING.BOOL
  );
}

function array(btf: Btf, type: BtfArray): Accessor {
  const element = btf.resolve(type.type);
  if (isBytes(btf, type)) {
    // Compilers call `char` a signed integer; some set the encoding that says character.
    const isText = element.kind === KIND.INT && (element.encoding === INT_ENCODING.CHAR || element.name === 'char');
    return isText ? text(type.count) : byteArray(type.count);
  }
  const stride = btf.size(type.type) ?? 0;
  const count = stride === 0 ? 0 : type.count;
  const { read, write } = compile(btf, type.type);
  return {
    read: (view, at) => Array.from({ length: count }, (_, i) => read(view, at + i * stride)),
    write: (view, at, value) => {
      if (!isIterable(value)) throw new TypeError(`an array wants an iterable, not ${describe(value)}`);
      let i = 0;
      for (const item of value) {
        if (i >= count) throw new RangeError(`more than ${count} elements`);
        write(view, at + i++ * stride, item);
      }
    },
  };
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function text(size: number): Accessor {
  const bytes = byteArray(size);
  return {
    read: (view, at) => {
      const all = new Uint8Array(view.buffer, view.byteOffset + at, size);
      const end = all.indexOf(0);
      // A copy: what is decoded may lie in shared memory, which TextDecoder refuses.
      return decoder.decode(all.slice(0, end < 0 ? size : end));
    },
    write: (view, at, value) => bytes.write(view, at, typeof value === 'string' ? encoder.encode(value) : value),
  };
}

function byteArray(size: number): Accessor {
  return {
    read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
    write: (view, at, value) => {
      if (!isIterable(value)) throw new TypeError(`bytes want a Uint8Array or an array, not ${describe(value)}`);
      let i = 0;
      for (const byte of value) {
        if (i >= size) throw new RangeError(`more than ${size} bytes`);
        writeBits(view, (at + i++) * 8, 8, integer(byte, 'a byte', 8, (byte as number) < 0));
      }
    },
  };
}

interface Part extends Accessor {
  readonly name: string;
  readonly offset: number;
}

function composite(btf: Btf, type: BtfComposite): Accessor {
  return parts(flatten(btf, type, 0), `${type.kind === KIND.STRUCT ? 'struct' : 'union'} ${type.name}`.trim());
}

/** Members with those of anonymous members in their place. */
function flatten(btf: Btf, type: BtfComposite, base: number): Part[] {
  return type.members.flatMap((member) => {
    const inner = btf.resolve(member.type);
    if (member.name === '' && (inner.kind === KIND.STRUCT || inner.kind === KIND.UNION))
      return flatten(btf, inner, base + member.bitOffset / 8);
    if (member.name === '') return []; // padding written as an unnamed bit field
    return [{ ...memberAccessor(btf, member, inner, base), name: member.name }];
  });
}

function memberAccessor(btf: Btf, member: BtfMember, type: BtfType, base: number): Accessor & { offset: number } {
  const { bitOffset, bitSize } = member;
  if (bitSize === 0 && bitOffset % 8 === 0) return { ...compile(btf, member.type), offset: base + bitOffset / 8 };
  const offset = base + Math.floor(bitOffset / 8);
  const first = bitOffset % 8;
  if (type.kind === KIND.ENUM || type.kind === KIND.ENUM64)
    return { ...enumeration(type, bitSize || type.size * 8, first), offset };
  if (type.kind !== KIND.INT) throw new FormatError(`member ${member.name} is a bit field of no integer`, btf.where);
  const bits = bitSize || type.bits;
  const start = first + type.offset;
  if (type.encoding & INT_ENCODING.BOOL) return { ...bool(start, bits), offset };
  return { ...bitField(member.name, start, bits, (type.encoding & INT_ENCODING.SIGNED) !== 0), offset };
}

function datasec(btf: Btf, type: BtfType & { kind: typeof KIND.DATASEC }): Accessor {
  // Until a loader has filled the section in, it has no size and its variables have no place.
  const placed = type.vars.filter((v) => v.offset + Math.max(v.size, btf.size(v.type) ?? 0) <= type.size);
  const all = placed.map((v) => ({ ...compile(btf, v.type), offset: v.offset, name: btf.type(v.type).name }));
  return parts(all, `section ${type.name}`);
}

function parts(all: readonly Part[], what: string): Accessor {
  const names = new Set(all.map((part) => part.name));
  return {
    read: (view, at) => {
      const out: Record<string, Value> = {};
      for (const part of all) put(out, part.name, part.read(view, at + part.offset));
      return out;
    },
    write: (view, at, value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new TypeError(`${what} wants an object, not ${describe(value)}`);
      const given = value as Record<string, unknown>;
      for (const name of Object.keys(given))
        if (!names.has(name)) throw new RangeError(`${what} has no member ${name}`);
      for (const part of all) if (given[part.name] !== undefined) part.write(view, at + part.offset, given[part.name]);
    },
  };
}

/** A member may be called `__proto__`. */
function put(out: Record<string, Value>, name: string, value: Value): void {
  if (name === '__proto__')
    Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true });
  else out[name] = value;
}
