/**
 * The fields of an event and where they lie in its record, laid out as tracefs does it: the four common fields, then each of
 * its own, in order, naturally aligned. The C types are those that Linux's `format` files name.
 *
 * Refuses (BpfError EINVAL): names that C would not take, names twice, the prefix `common_`, types that are not in the table,
 * texts of 0 or more than 4,096 bytes, records of more than 8,192 bytes (@kernel PERF_MAX_TRACE_SIZE).
 */
import { BpfError, ERRNO } from '../errors/index.ts';

export type NumberType = 'u8' | 'u16' | 'u32' | 'u64' | 's8' | 's16' | 's32' | 's64';
export type FieldType = NumberType | 'bool' | `char[${number}]`;
/** Names and types, in the order of the record. */
export type Fields = Readonly<Record<string, FieldType>>;

/** What JavaScript gives for a field. */
export type FieldValue<T extends FieldType> = T extends 'bool'
  ? boolean
  : T extends 'u64' | 's64'
    ? number | bigint
    : T extends NumberType
      ? number
      : string;
export type EventValues<F extends Fields> = { readonly [K in keyof F]: FieldValue<F[K]> };

export interface Field {
  readonly name: string;
  /** As C and `format` write it: `u32`, `bool`, `char`; for a text the brackets follow the name. */
  readonly ctype: string;
  /** Bytes from the start of the record. */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
  readonly kind: 'number' | 'bool' | 'text';
}

/** What the kernel puts in front of every record; programs see it as zero or not at all. @kernel struct trace_entry */
export const COMMON_FIELDS: readonly Field[] = [
  { name: 'common_type', ctype: 'unsigned short', offset: 0, size: 2, signed: false, kind: 'number' },
  { name: 'common_flags', ctype: 'unsigned char', offset: 2, size: 1, signed: false, kind: 'number' },
  { name: 'common_preempt_count', ctype: 'unsigned char', offset: 3, size: 1, signed: false, kind: 'number' },
  { name: 'common_pid', ctype: 'int', offset: 4, size: 4, signed: true, kind: 'number' },
];
/** Bytes of the common fields. */
export const COMMON_SIZE = 8;

/** Most bytes of a record. @kernel PERF_MAX_TRACE_SIZE */
const MAX_RECORD = 8192;
const MAX_TEXT = 4096;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const TEXT = /^char\[([1-9]\d{0,3})\]$/;

const SIZES: Readonly<Record<string, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  s8: 1,
  s16: 2,
  s32: 4,
  s64: 8,
  bool: 1,
};

export interface RecordLayout {
  /** The event's own fields. */
  readonly fields: readonly Field[];
  /** Bytes up to the end of the last field. */
  readonly size: number;
}

/** @throws BpfError EINVAL as the file says */
export function layoutRecord(fields: Fields): RecordLayout {
  const out: Field[] = [];
  let at = COMMON_SIZE;
  for (const [name, type] of Object.entries(fields)) {
    checkName(name, 'field');
    if (name.startsWith('common_')) throw invalid(`field ${name}: names of common_ are the tree's own`);
    const field = fieldAt(name, type, at);
    out.push(field);
    at = field.offset + field.size;
  }
  if (at > MAX_RECORD) throw invalid(`a record of ${at} bytes; ${MAX_RECORD} are the most`);
  return { fields: out, size: at };
}

function fieldAt(name: string, type: string, at: number): Field {
  const text = TEXT.exec(type);
  if (text !== null && Number(text[1]) <= MAX_TEXT)
    return { name, ctype: 'char', offset: at, size: Number(text[1]), signed: false, kind: 'text' };
  const size = Object.hasOwn(SIZES, type) ? SIZES[type] : 0;
  if (size === 0) throw invalid(`field ${name}: no type ${JSON.stringify(type) ?? String(type)}`);
  const offset = Math.ceil(at / size) * size;
  const kind = type === 'bool' ? 'bool' : 'number';
  return { name, ctype: type, offset, size, signed: type.startsWith('s'), kind };
}

/** Whether a system, an event or a field may be called so. @throws BpfError EINVAL */
export function checkName(name: string, what: string): void {
  if (typeof name !== 'string' || !NAME.test(name))
    throw invalid(`${what} ${JSON.stringify(name) ?? String(name)}: letters, digits and _, at most 64, no digit first`);
}

function invalid(why: string): BpfError {
  return new BpfError(ERRNO.EINVAL, 'define', why);
}
