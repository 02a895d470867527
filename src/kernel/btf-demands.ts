/**
 * What Linux demands of loaded BTF beyond what an object file's must have (src/btf checks that): which kinds have names
 * and how they are spelled, fields that must be zero, members and variables in ascending order, parameters with names.
 * Refuses with -EINVAL. Measured with BTF_LOAD on Linux 6.18; documentation: docs.kernel.org/bpf/btf.html.
 */
import type { Btf, BtfComposite, BtfDatasec, BtfFuncProto, BtfType } from '../btf/index.ts';
import { KIND, LINKAGE } from '../btf/index.ts';

const IDENTIFIER = /^[A-Za-z_.][\w.]*$/;
/** The longest name, without its end. @kernel KSYM_NAME_LEN */
const MAX_NAME = 511;
const isIdentifier = (name: string): boolean => name.length <= MAX_NAME && IDENTIFIER.test(name);
const isSection = (name: string): boolean => /^[\x20-\x7e]+$/.test(name);
const isThere = (name: string): boolean => name !== '';

/** How a kind's name is spelled; any for kinds that are in none of the tables. */
const NAMED: Readonly<Record<number, (name: string) => boolean>> = {
  [KIND.FWD]: isIdentifier,
  [KIND.TYPEDEF]: isIdentifier,
  [KIND.FUNC]: isIdentifier,
  [KIND.VAR]: isIdentifier,
  [KIND.DATASEC]: isSection,
  [KIND.DECL_TAG]: isThere,
  [KIND.TYPE_TAG]: isThere,
};

const NAMELESS = new Set<number>([KIND.PTR, KIND.ARRAY, KIND.VOLATILE, KIND.CONST, KIND.RESTRICT, KIND.FUNC_PROTO]);
/** Kinds whose names, and whose members', may be missing. */
const MAYBE_NAMED = new Set<number>([KIND.STRUCT, KIND.UNION, KIND.ENUM, KIND.ENUM64]);

const COUNTED = new Set<number>([
  KIND.STRUCT,
  KIND.UNION,
  KIND.ENUM,
  KIND.ENUM64,
  KIND.FUNC,
  KIND.FUNC_PROTO,
  KIND.DATASEC,
]);
const FLAGGED = new Set<number>([
  KIND.STRUCT,
  KIND.UNION,
  KIND.ENUM,
  KIND.ENUM64,
  KIND.FWD,
  KIND.DECL_TAG,
  KIND.TYPE_TAG,
]);
/** Bits of an integer's record that say something. */
const INT_BITS = 0x0fffffff;
/** Signed, char or bool; one at most. */
const ENCODINGS: readonly number[] = [0, 1, 2, 4];
/** What declaration tags stand at. */
const TAGGED = new Set<number>([KIND.STRUCT, KIND.UNION, KIND.TYPEDEF, KIND.FUNC, KIND.VAR]);

/** @returns what Linux refuses, as its log has it; undefined where it takes the types. */
export function refusedType(btf: Btf): string | undefined {
  const view = new DataView(btf.bytes.buffer, btf.bytes.byteOffset, btf.bytes.byteLength);
  for (const type of btf) {
    const problem = checkRecord(view, btf.recordOffset(type.id), type) ?? checkType(btf, type);
    if (problem !== undefined) return `[${type.id}] ${type.name || '(anon)'} ${problem}`;
  }
  return undefined;
}

function checkRecord(view: DataView, at: number, type: BtfType): string | undefined {
  const info = view.getUint32(at + 4, true);
  const third = view.getUint32(at + 8, true);
  if (!isNamed(type.kind, view.getUint32(at, true), type.name)) return 'Invalid name';
  if ((info & 0xffff) !== 0 && !COUNTED.has(type.kind)) return 'vlen != 0';
  if (info >>> 31 !== 0 && !FLAGGED.has(type.kind)) return 'Invalid btf_info kind_flag';
  const fields = type.kind === KIND.STRUCT || type.kind === KIND.UNION ? type.members : undefined;
  if (fields && !areOptional(view, at, 12, fields)) return 'Invalid member name';
  if (type.kind === KIND.FUNC_PROTO && !areOptional(view, at, 8, type.params)) return 'Invalid arg';
  if ((type.kind === KIND.ARRAY || type.kind === KIND.FWD) && third !== 0) return 'size != 0';
  if (type.kind !== KIND.INT) return undefined;
  const word = view.getUint32(at + 12, true);
  if (word & ~INT_BITS) return 'Invalid int_data';
  return ENCODINGS.includes(type.encoding) ? undefined : 'Unsupported encoding';
}

function isNamed(kind: number, offset: number, name: string): boolean {
  if (NAMELESS.has(kind)) return offset === 0;
  if (MAYBE_NAMED.has(kind)) return offset === 0 || isIdentifier(name);
  return NAMED[kind]?.(name) ?? true;
}

/** Names of members or parameters, each `stride` bytes behind the one before: missing, which is not empty, or spelled well. */
function areOptional(view: DataView, at: number, stride: number, names: readonly { name: string }[]): boolean {
  return names.every(({ name }, i) => view.getUint32(at + 12 + i * stride, true) === 0 || isIdentifier(name));
}

function checkType(btf: Btf, type: BtfType): string | undefined {
  switch (type.kind) {
    case KIND.ARRAY:
      if (!isPlainInt(btf.resolve(type.indexType))) return 'Invalid index';
      return isWholeElement(btf, type.type, type.count) ? undefined : 'Invalid elem';
    case KIND.STRUCT:
    case KIND.UNION:
      return checkMembers(btf, type);
    case KIND.ENUM:
    case KIND.ENUM64:
      return type.values.every(({ name }) => isIdentifier(name)) ? undefined : 'Invalid name';
    case KIND.FUNC_PROTO:
      return checkParams(btf, type);
    case KIND.FUNC:
      return checkFunc(btf, type.type, type.linkage);
    case KIND.VAR:
      if (type.linkage > LINKAGE.GLOBAL) return 'Linkage not supported';
      return btf.size(type.type) === undefined ? 'Invalid type_id' : undefined;
    case KIND.DATASEC:
      return checkSection(btf, type);
    case KIND.DECL_TAG:
      return checkTag(btf, type.type, type.component);
    default:
      return undefined;
  }
}

/** An integer that fills its bytes. */
const isPlainInt = (type: BtfType): boolean =>
  type.kind === KIND.INT && type.offset === 0 && type.bits === 8 * type.size;

function isWholeElement(btf: Btf, id: number, count: number): boolean {
  const element = btf.resolve(id);
  if (element.kind === KIND.INT && !isPlainInt(element)) return false;
  const size = btf.size(id);
  return size !== undefined && size * count <= 0xffff_ffff;
}

function checkMembers(btf: Btf, { kind, members }: BtfComposite): string | undefined {
  let last = 0;
  for (const { type, bitOffset, bitSize } of members) {
    if (type === 0) return 'Invalid type_id';
    if (bitOffset < last || (kind === KIND.UNION && bitOffset !== 0)) return 'Invalid member bits_offset';
    last = bitOffset;
    const resolved = btf.resolve(type);
    const isEnum = resolved.kind === KIND.ENUM || resolved.kind === KIND.ENUM64;
    if (bitSize === 0 && isEnum && bitOffset % 8) return 'Member is not byte aligned';
    if (bitSize !== 0 && resolved.kind !== KIND.INT && !isEnum) return 'Invalid member bitfield_size';
  }
  return undefined;
}

/** The last parameter may be `...`: no name and no type. */
function checkParams(btf: Btf, { type: result, params }: BtfFuncProto): string | undefined {
  if (result !== 0 && btf.size(result) === undefined) return 'Invalid return type';
  for (const [i, { name, type }] of params.entries()) {
    const isRest = i === params.length - 1 && type === 0;
    if (isRest ? name !== '' : btf.size(type) === undefined) return `Invalid arg#${i + 1}`;
  }
  return undefined;
}

/** A function, unlike a pointer to one, names its parameters. */
function checkFunc(btf: Btf, proto: number, linkage: number): string | undefined {
  if (linkage > LINKAGE.GLOBAL) return 'Invalid func linkage';
  const { params } = btf.type(proto) as BtfFuncProto;
  const unnamed = params.findIndex(({ name, type }) => type !== 0 && name === '');
  return unnamed < 0 ? undefined : `Invalid arg#${unnamed + 1}`;
}

function checkSection(btf: Btf, { size, vars }: BtfDatasec): string | undefined {
  if (size === 0) return 'size == 0';
  let end = 0;
  for (const part of vars) {
    if (btf.type(part.type).kind !== KIND.VAR) return 'Not a VAR kind member';
    if (part.offset < end || part.offset >= size) return 'Invalid offset';
    if (part.size === 0 || part.size > size) return 'Invalid size';
    end = part.offset + part.size;
    if (end > size) return 'Invalid offset+size';
    if ((btf.size(part.type) ?? 0) > part.size) return 'Invalid type_id';
  }
  return undefined;
}

function checkTag(btf: Btf, target: number, component: number): string | undefined {
  const type = btf.type(target);
  if (!TAGGED.has(type.kind)) return 'Invalid type';
  if (component < -1) return 'Invalid component_idx';
  if (component === -1) return undefined;
  if (type.kind === KIND.STRUCT || type.kind === KIND.UNION) {
    return component < type.members.length ? undefined : 'Invalid component_idx';
  }
  if (type.kind !== KIND.FUNC) return 'Invalid component_idx';
  return component < (btf.type(type.type) as BtfFuncProto).params.length ? undefined : 'Invalid component_idx';
}
