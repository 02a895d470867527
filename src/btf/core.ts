/**
 * CO-RE: what a relocation asks about the types that an object was compiled with is answered by the types of the kernel it
 * is loaded into. A field is looked for by its names, through anonymous structs and unions, in every type of the kernel
 * with the name of the local one; a local name may have a flavour behind three underscores, which is not compared.
 *
 * Sources: llvm_reloc.html and bpf_core_read's documentation at docs.kernel.org/bpf.
 */
import { FormatError, UnsupportedError } from '../errors/index.ts';
import type { Btf } from './btf.ts';
import type { KernelBtf } from './kernel-btf.ts';
import { coreReloText } from './print.ts';
import { type BtfComposite, type BtfMember, type BtfType, INT_ENCODING, KIND } from './types.ts';

/** A relocation with the way to its field spelled out: `0:1:2`. */
export interface CoreRelocation {
  /** Slot of the program. */
  readonly insn: number;
  /** Id of the local type. */
  readonly type: number;
  readonly access: string;
  /** See CORE_RELO_NAMES. */
  readonly kind: number;
}

/** By number. @kernel enum bpf_core_relo_kind */
const RELO = {
  BYTE_OFFSET: 0,
  BYTE_SIZE: 1,
  EXISTS: 2,
  SIGNED: 3,
  LSHIFT: 4,
  RSHIFT: 5,
  LOCAL_TYPE_ID: 6,
  TARGET_TYPE_ID: 7,
  TYPE_EXISTS: 8,
  TYPE_SIZE: 9,
  ENUM_EXISTS: 10,
  ENUM_VALUE: 11,
  TYPE_MATCHES: 12,
} as const;

/** What the instruction gets. */
export interface CoreAnswer {
  /** undefined: the kernel has nothing of the kind, and the instruction must never be reached. */
  readonly value: bigint | undefined;
  /** Byte offsets of fields that are loaded: bytes of the field in the object's types and in the kernel's. */
  readonly sizes?: { readonly local: number; readonly target: number; readonly signed: boolean };
}

const isComposite = (type: BtfType): type is BtfComposite => type.kind === KIND.STRUCT || type.kind === KIND.UNION;
const isEnum = (type: BtfType): boolean => type.kind === KIND.ENUM || type.kind === KIND.ENUM64;
/** The name without a flavour. */
const essential = (name: string): string => /^(.+?)___[^_]/.exec(name)?.[1] ?? name;

/** Where an access leads: the bits of a field and its type. */
interface Field {
  readonly btf: Btf;
  /** Id of the field's type. */
  readonly type: number;
  readonly bitOffset: number;
  /** Of a bit field, else 0. */
  readonly bitSize: number;
}

/** A step to a field: a member by its name, or an element. */
type Step = { readonly member: string; readonly type: number } | { readonly index: number };

/**
 * The answer for one relocation of an object.
 * @throws UnsupportedError for questions that are not answered yet and where types of the kernel contradict each other,
 * FormatError for a way that the local type does not have.
 */
export function coreAnswer(local: Btf, target: KernelBtf, relo: CoreRelocation): CoreAnswer {
  switch (relo.kind) {
    case RELO.LOCAL_TYPE_ID:
      return { value: BigInt(relo.type) };
    case RELO.TARGET_TYPE_ID:
    case RELO.TYPE_EXISTS:
    case RELO.TYPE_SIZE:
      return typeAnswer(local, target, relo);
    case RELO.ENUM_EXISTS:
    case RELO.ENUM_VALUE:
      return enumAnswer(local, target, relo);
    case RELO.TYPE_MATCHES:
      throw new UnsupportedError(`CO-RE relocation (${textOf(local, relo)})`);
    default:
      return fieldAnswer(local, target, relo);
  }
}

const textOf = (local: Btf, relo: CoreRelocation): string => coreReloText(local, relo);

function contradiction(local: Btf, relo: CoreRelocation): never {
  throw new UnsupportedError(`CO-RE relocation (${textOf(local, relo)}), which types of the kernel answer differently`);
}

/** The one answer that all candidates give. */
function agreed<T>(
  local: Btf,
  relo: CoreRelocation,
  answers: readonly T[],
  same: (a: T, b: T) => boolean,
): T | undefined {
  const [first, ...others] = answers;
  if (others.some((other) => !same(first, other))) contradiction(local, relo);
  return first;
}

/** Types of the kernel with the name and kind of a local one. */
function candidates(target: KernelBtf, type: BtfType): BtfType[] {
  const kinds = isEnum(type) ? [KIND.ENUM, KIND.ENUM64] : [type.kind];
  return target.all(essential(type.name), kinds).map((id) => target.type(id));
}

function typeAnswer(local: Btf, target: KernelBtf, relo: CoreRelocation): CoreAnswer {
  const type = behindQualifiers(local, relo.type);
  const to = target.btf!;
  const found = candidates(target, type).filter((other) => compatible(local, type.id, to, other.id));
  if (relo.kind === RELO.TYPE_EXISTS) return { value: found.length ? 1n : 0n };
  const value = (other: BtfType): number => (relo.kind === RELO.TYPE_SIZE ? (to.size(other.id) ?? 0) : other.id);
  const answer = agreed(local, relo, found.map(value), (a, b) => a === b);
  return { value: answer === undefined ? undefined : BigInt(answer) };
}

function behindQualifiers(btf: Btf, id: number): BtfType {
  let type = btf.type(id);
  while (type.kind === KIND.CONST || type.kind === KIND.VOLATILE || type.kind === KIND.RESTRICT) {
    type = btf.type(type.type);
  }
  return type;
}

/** Whether a type of the kernel can be what the local one stands for: of the same shape, whatever its members are. */
function compatible(local: Btf, id: number, to: Btf, otherId: number, depth = 32): boolean {
  const type = local.resolve(id);
  const other = to.resolve(otherId);
  if (depth === 0) return false;
  if (isEnum(type) && isEnum(other)) return true;
  if (type.kind !== other.kind) return false;
  if (type.kind === KIND.PTR && other.kind === KIND.PTR) {
    return compatible(local, type.type, to, other.type, depth - 1);
  }
  if (type.kind === KIND.ARRAY && other.kind === KIND.ARRAY) {
    return compatible(local, type.type, to, other.type, depth - 1);
  }
  if (type.kind !== KIND.FUNC_PROTO || other.kind !== KIND.FUNC_PROTO) return true;
  return (
    type.params.length === other.params.length &&
    type.params.every((p, i) => compatible(local, p.type, to, other.params[i].type, depth - 1)) &&
    compatible(local, type.type, to, other.type, depth - 1)
  );
}

function enumAnswer(local: Btf, target: KernelBtf, relo: CoreRelocation): CoreAnswer {
  const type = local.resolve(relo.type);
  if (type.kind !== KIND.ENUM && type.kind !== KIND.ENUM64) return wrongWay(local, relo);
  const wanted = type.values[Number(relo.access)];
  if (wanted === undefined) return wrongWay(local, relo);
  const values = candidates(target, type).flatMap((other) =>
    other.kind === KIND.ENUM || other.kind === KIND.ENUM64
      ? other.values.filter((v) => essential(v.name) === essential(wanted.name)).map((v) => BigInt(v.value))
      : [],
  );
  if (relo.kind === RELO.ENUM_EXISTS) return { value: values.length ? 1n : 0n };
  return { value: agreed(local, relo, values, (a, b) => a === b) };
}

function wrongWay(local: Btf, relo: CoreRelocation): never {
  throw new FormatError(`CO-RE relocation (${textOf(local, relo)}) leads nowhere`, local.where);
}

function fieldAnswer(local: Btf, target: KernelBtf, relo: CoreRelocation): CoreAnswer {
  const { field, steps } = walkLocal(local, relo);
  const root = local.resolve(relo.type);
  const to = target.btf!;
  const found = candidates(target, root).flatMap((type) => walkTarget(local, to, type.id, steps) ?? []);
  if (relo.kind === RELO.EXISTS) return { value: found.length ? 1n : 0n };
  const there = agreed(
    local,
    relo,
    found,
    (a, b) => a.bitOffset === b.bitOffset && valueOf(relo, a) === valueOf(relo, b),
  );
  if (there === undefined) return { value: undefined };
  const value = valueOf(relo, there);
  if (relo.kind !== RELO.BYTE_OFFSET || field.bitSize || there.bitSize) return { value };
  return { value, sizes: { local: sizeOf(field), target: sizeOf(there), signed: isSigned(field) || isSigned(there) } };
}

const sizeOf = ({ btf, type }: Field): number => btf.size(type) ?? 0;

/** Of a bit field the bytes that a load of it takes; else the field's own. */
function loadOf(field: Field): { readonly offset: number; readonly size: number } {
  let size = sizeOf(field);
  if (!field.bitSize) return { offset: field.bitOffset >> 3, size };
  for (; ; size *= 2) {
    const offset = Math.floor(field.bitOffset / 8 / size) * size;
    if (field.bitOffset + field.bitSize <= (offset + size) * 8 || size >= 8) return { offset, size };
  }
}

function valueOf({ kind }: CoreRelocation, field: Field): bigint {
  const { offset, size } = loadOf(field);
  const bits = field.bitSize || size * 8;
  switch (kind) {
    case RELO.BYTE_OFFSET:
      return BigInt(offset);
    case RELO.BYTE_SIZE:
      return BigInt(size);
    case RELO.SIGNED:
      return isSigned(field) ? 1n : 0n;
    case RELO.LSHIFT:
      return BigInt(64 - (field.bitOffset + bits - offset * 8));
    default:
      return BigInt(64 - bits);
  }
}

function isSigned({ btf, type: id }: Field): boolean {
  const type = btf.resolve(id);
  if (type.kind === KIND.INT) return (type.encoding & INT_ENCODING.SIGNED) !== 0;
  return (type.kind === KIND.ENUM || type.kind === KIND.ENUM64) && type.signed;
}

/** The field that the relocation names, and the way to it by names. */
function walkLocal(btf: Btf, relo: CoreRelocation): { field: Field; steps: Step[] } {
  const [first, ...rest] = relo.access.split(':').map(Number);
  const fail = (): never => wrongWay(btf, relo);
  if (!Number.isInteger(first)) fail();
  const steps: Step[] = [{ index: first }];
  let type = relo.type;
  let bitOffset = first * (btf.size(type) ?? 0) * 8;
  let bitSize = 0;
  for (const index of rest) {
    const here = btf.resolve(type);
    if (isComposite(here)) {
      const member = here.members[index] ?? fail();
      bitOffset += member.bitOffset;
      bitSize = member.bitSize;
      type = member.type;
      if (member.name) steps.push({ member: member.name, type });
    } else if (here.kind === KIND.ARRAY) {
      type = here.type;
      bitOffset += index * (btf.size(type) ?? 0) * 8;
      bitSize = 0;
      steps.push({ index });
    } else fail();
  }
  return { field: { btf, type, bitOffset, bitSize }, steps };
}

/** The same way in a type of the kernel; undefined where it does not go. */
function walkTarget(local: Btf, to: Btf, root: number, steps: readonly Step[]): Field | undefined {
  let field: Field = { btf: to, type: root, bitOffset: 0, bitSize: 0 };
  for (const [i, step] of steps.entries()) {
    let next: Field | undefined;
    if ('member' in step) next = memberOf(local, field, step);
    else if (i === 0) next = { ...field, bitOffset: step.index * sizeOf(field) * 8 };
    else next = elementOf(field, step.index);
    if (!next) return undefined;
    field = next;
  }
  return field;
}

function elementOf(field: Field, index: number): Field | undefined {
  const { btf } = field;
  const array = btf.resolve(field.type);
  if (array.kind !== KIND.ARRAY || (array.count && index >= array.count)) return undefined;
  const bitOffset = field.bitOffset + index * (btf.size(array.type) ?? 0) * 8;
  return { btf, type: array.type, bitOffset, bitSize: 0 };
}

/** The member of that name, in what it is or in its anonymous members. */
function memberOf(local: Btf, field: Field, step: { member: string; type: number }): Field | undefined {
  const { btf } = field;
  const type = btf.resolve(field.type);
  if (!isComposite(type)) return undefined;
  const at = (member: BtfMember): Field => ({
    btf,
    type: member.type,
    bitOffset: field.bitOffset + member.bitOffset,
    bitSize: member.bitSize,
  });
  for (const member of type.members) {
    if (!member.name) {
      const inside = memberOf(local, at(member), step);
      if (inside) return inside;
    } else if (member.name === step.member) {
      return sameShape(local, step.type, btf, member.type) ? at(member) : undefined;
    }
  }
  return undefined;
}

/** Whether a field can be read as the local one: of the same kind, an array of the same kind of elements. */
function sameShape(local: Btf, id: number, to: Btf, otherId: number): boolean {
  const type = local.resolve(id);
  const other = to.resolve(otherId);
  if (isComposite(type) && isComposite(other)) return true;
  if (isEnum(type) && isEnum(other)) {
    return !type.name || !other.name || essential(type.name) === essential(other.name);
  }
  if (type.kind !== other.kind) return false;
  if (type.kind === KIND.ARRAY && other.kind === KIND.ARRAY) return sameShape(local, type.type, to, other.type);
  return type.kind === KIND.INT || type.kind === KIND.PTR || type.kind === KIND.FLOAT || type.kind === KIND.FWD;
}
