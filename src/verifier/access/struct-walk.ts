/**
 * What lies at an offset of a kernel struct (@kernel btf_struct_walk): a number, or a pointer and what it points to. Members
 * are gone through in order, into structs, unions and arrays; of a union the first member that reaches there counts, and
 * what is found in one with several members may really be another. Refuses (EACCES): `access beyond struct %s at off %u
 * size %u`, `access beyond the end of member %s (mend:%u) in struct %s with off %u size %u`, `cannot access ptr member %s with
 * moff %u in struct %s with off %u size %u`, `access beyond the end of array`; (EINVAL) `struct %s doesn't have field at
 * offset %u`.
 */
import { type Btf, type BtfArray, type BtfComposite, type BtfMember, type BtfType, KIND } from '../../btf/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { UnsupportedConstruct } from '../context.ts';

export type Found =
  | { readonly kind: 'number' }
  | {
      readonly kind: 'pointer';
      /** The member that holds it, and the struct that is a member of. */
      readonly member: string;
      readonly owner: BtfComposite;
      /** The struct that it points to; undefined for anything else. */
      readonly struct: BtfComposite | undefined;
      /** It lies in a union whose other members may have been written. */
      readonly inUnion: boolean;
    }
  | { readonly kind: 'refused'; readonly errno: number; readonly message: string };

const NUMBER: Found = { kind: 'number' };

const refuse = (message: string, errno: number = ERRNO.EACCES): Found => ({ kind: 'refused', errno, message });

const nameOf = (type: BtfType): string => type.name || '(anon)';
const isStruct = (type: BtfType): type is BtfComposite => type.kind === KIND.STRUCT || type.kind === KIND.UNION;

/** Where the walk is: a struct or union, the offset in it, the bytes that are accessed. */
interface Place {
  readonly type: BtfComposite;
  readonly off: number;
  readonly size: number;
  readonly inUnion: boolean;
}

/** What `size` bytes at `off` of struct `id` are; `off` is not negative. */
export function walkStruct(btf: Btf, id: number, off: number, size: number): Found {
  const type = btf.type(id);
  if (!isStruct(type)) throw new UnsupportedConstruct(`access of kernel type ${nameOf(type)}, which is no struct`);
  let place: Place | Found = { type, off, size, inUnion: false };
  while (!('kind' in place)) place = step(btf, place);
  return place;
}

/** One struct: what is found, or the struct inside it where the walk goes on. */
function step(btf: Btf, place: Place): Place | Found {
  const { type, off, size } = place;
  if (off + size > type.size) return beyondStruct(btf, place);
  for (const member of type.members) {
    const from = member.bitOffset >> 3;
    if (member.bitSize) {
      const end = (member.bitOffset + member.bitSize + 7) >> 3;
      if (off >= end) continue;
      // Bits are numbers, however much of them is read.
      if (off + size > from) return NUMBER;
      break;
    }
    if (off + size <= from) break;
    const inner = resolveMember(btf, member);
    if (off >= from + inner.bytes) continue;
    if (off < from) break;
    return inMember(btf, place, member, from, inner);
  }
  return refuse(`struct ${nameOf(type)} doesn't have field at offset ${off}`, ERRNO.EINVAL);
}

/** A struct may end with an array of any length. */
function beyondStruct(btf: Btf, { type, off, size, inUnion }: Place): Place | Found {
  const beyond = refuse(`access beyond struct ${nameOf(type)} at off ${off} size ${size}`);
  const last = type.members.at(-1);
  if (last === undefined || type.kind !== KIND.STRUCT) return beyond;
  const array = btf.resolve(last.type);
  if (array.kind !== KIND.ARRAY || array.count !== 0) return beyond;
  const from = last.bitOffset >> 3;
  const element = btf.resolve(array.type);
  if (off < from) return beyond;
  if (!isStruct(element)) return element.kind === KIND.PTR ? beyond : NUMBER;
  return { type: element, off: element.size ? (off - from) % element.size : 0, size, inUnion };
}

interface Inner {
  /** The member's type, of an array its elements'. */
  readonly type: BtfType;
  /** Bytes of the member. */
  readonly bytes: number;
  /** Bytes of an element. */
  readonly stride: number;
  readonly isArray: boolean;
}

function resolveMember(btf: Btf, member: BtfMember): Inner {
  let type = btf.resolve(member.type);
  const bytes = btf.size(type.id) ?? 0;
  const isArray = type.kind === KIND.ARRAY;
  while (type.kind === KIND.ARRAY) type = btf.resolve((type as BtfArray).type);
  return { type, bytes, stride: btf.size(type.id) ?? 0, isArray };
}

function inMember(btf: Btf, place: Place, member: BtfMember, from: number, inner: Inner): Place | Found {
  const { type, off, size, inUnion } = place;
  const where = `in struct ${nameOf(type)} with off ${off} size ${size}`;
  // Of an array, the element that the access begins in.
  const start = inner.isArray ? from + Math.floor((off - from) / inner.stride) * inner.stride : from;
  if (isStruct(inner.type)) {
    const several = inner.type.kind === KIND.UNION && inner.type.members.length !== 1;
    return { type: inner.type, off: off - start, size, inUnion: inUnion || several };
  }
  if (inner.type.kind === KIND.PTR) {
    if (size !== 8 || off !== start) {
      return refuse(`cannot access ptr member ${member.name} with moff ${start} ${where}`);
    }
    return { kind: 'pointer', member: member.name, owner: type, struct: pointee(btf, inner.type.type), inUnion };
  }
  const end = from + inner.bytes;
  if (off + size > end && !inUnion) {
    return refuse(`access beyond the end of member ${member.name} (mend:${end}) ${where}`);
  }
  return NUMBER;
}

/** The struct that a pointer points to. */
function pointee(btf: Btf, id: number): BtfComposite | undefined {
  let type = btf.type(id);
  while (
    type.kind === KIND.TYPEDEF ||
    type.kind === KIND.CONST ||
    type.kind === KIND.VOLATILE ||
    type.kind === KIND.RESTRICT
  ) {
    type = btf.type(type.type);
  }
  // They say what kind of memory it is: compilers that write them are not the profile's.
  if (type.kind === KIND.TYPE_TAG) throw new UnsupportedConstruct(`kernel pointer with tag ${type.name}`);
  return type.kind === KIND.STRUCT ? type : type.kind === KIND.UNION ? type : undefined;
}

/**
 * Whether struct `id` holds one of id `wanted` that begins at `off`, itself or inside others.
 * @returns true, or what refuses the offset, or '' where something else lies there
 */
export function holdsStruct(btf: Btf, id: number, off: number, wanted: number): true | string {
  if (off === 0 && id === wanted) return true;
  const type = btf.type(id);
  if (!isStruct(type)) throw new UnsupportedConstruct(`kernel type ${nameOf(type)}, which is no struct`);
  let place: Place | Found = { type, off, size: 1, inUnion: false };
  for (;;) {
    place = step(btf, place);
    if ('kind' in place) return place.kind === 'refused' ? place.message : '';
    if (place.off === 0 && place.type.id === wanted) return true;
  }
}
