/**
 * Fields of a map's value that the kernel itself keeps: locks, timers, pointers to kernel objects. They are recognised in
 * the value's BTF by the names of their types; programs reach them only through helpers that know them.
 *
 * A field is a member (or a variable of a section) whose type is, without modifiers and typedefs between, one of the
 * structs below, of its size and at its alignment, or a pointer to a tagged struct; also within structs and arrays of
 * either, not within unions. A value that breaks a rule has no fields at all, and MAP_CREATE passes it, but for locks and
 * references to kernel objects.
 *
 * Source: docs.kernel.org/bpf (maps, kptrs, graph data structures), <linux/bpf.h>; Linux 6.18 asked with a map of each
 * layout and a load of each word.
 */
import { KIND } from '../btf/index.ts';
import type { Btf, BtfType } from '../btf/index.ts';
import { ERRNO } from '../errors/index.ts';
import { MAP_FLAG, MAP_TYPE as M } from '../uapi/index.ts';
import { kernelStruct } from './kernel-structs.ts';
import type { MapDesc } from './map-desc.ts';

export type FieldKind =
  | 'bpf_spin_lock'
  | 'bpf_res_spin_lock'
  | 'bpf_timer'
  | 'bpf_wq'
  | 'bpf_task_work'
  | 'bpf_refcount'
  | 'kptr'
  | 'kptr_untrusted';

export interface MapField {
  readonly kind: FieldKind;
  /** Bytes from the start of the value. */
  readonly offset: number;
  readonly size: number;
  /** Pointers: index into KERNEL_STRUCTS, else -1. */
  readonly struct: number;
}

interface Layout {
  readonly size: number;
  readonly align: number;
  /** Most members of one struct. */
  readonly max: number;
}

/** Most fields of a value. @kernel BTF_FIELDS_MAX */
const MAX_FIELDS = 11;

const LOCKS = ['bpf_spin_lock', 'bpf_res_spin_lock'];
const LAYOUTS: Readonly<Record<string, Layout>> = {
  bpf_spin_lock: { size: 4, align: 4, max: 1 },
  bpf_res_spin_lock: { size: 4, align: 4, max: 1 },
  bpf_timer: { size: 16, align: 8, max: 1 },
  bpf_wq: { size: 16, align: 8, max: 1 },
  bpf_task_work: { size: 8, align: 8, max: 1 },
  bpf_refcount: { size: 4, align: 4, max: MAX_FIELDS },
};

const PLAIN = [M.HASH, M.ARRAY];
const STORAGES = [M.SK_STORAGE, M.INODE_STORAGE, M.TASK_STORAGE, M.CGRP_STORAGE];
const LOCK_MAPS: readonly number[] = [...PLAIN, ...STORAGES];
const TIMER_MAPS: readonly number[] = [...PLAIN, M.LRU_HASH];
const POINTER_MAPS: readonly number[] = [
  ...PLAIN,
  ...STORAGES,
  M.LRU_HASH,
  M.PERCPU_HASH,
  M.LRU_PERCPU_HASH,
  M.PERCPU_ARRAY,
];

const POINTER_TAGS: readonly string[] = ['kptr', 'kptr_untrusted', 'percpu_kptr', 'uptr'];
const GRAPH: readonly string[] = ['bpf_list_head', 'bpf_list_node', 'bpf_rb_root', 'bpf_rb_node'];

/** What is wrong with a value: its errno, or the name of a construct that is not known here. */
class Refusal {
  readonly reason: number | string;
  constructor(reason: number | string) {
    this.reason = reason;
  }
}

/**
 * The fields of a value of type `id`, ascending by offset.
 * @returns the fields, -errno where BTF_LOAD refuses such a type, or the name of what is not known here.
 */
export function mapFields(btf: Btf, id: number): readonly MapField[] | number | string {
  const fields: MapField[] = [];
  try {
    const type = btf.resolve(id);
    if (type.kind === KIND.STRUCT) collectMembers(btf, type, 0, fields);
    if (type.kind === KIND.DATASEC) {
      for (const v of type.vars) {
        const variable = btf.type(v.type);
        if (variable.kind === KIND.VAR) collect(btf, variable.type, v.offset, v.size, fields);
      }
    }
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    return problem.reason === -ERRNO.EINVAL ? [] : problem.reason;
  }
  const locks = fields.filter(({ kind }) => LOCKS.includes(kind));
  if (locks.some(({ kind }) => kind !== locks[0].kind)) return -ERRNO.EINVAL;
  return fields.length > MAX_FIELDS ? [] : fields.sort((a, b) => a.offset - b.offset);
}

function collectMembers(btf: Btf, type: BtfType, at: number, fields: MapField[]): void {
  if (type.kind !== KIND.STRUCT) return;
  const seen = new Set<string>();
  for (const member of type.members) {
    const { id, name } = elementType(btf, member.type);
    if (LAYOUTS[name]?.max === 1) {
      const several = btf.size(member.type) !== btf.size(id);
      if (several || seen.has(name)) throw new Refusal(-ERRNO.EINVAL);
      seen.add(name);
    }
    if (!member.bitSize && member.bitOffset % 8 === 0) collect(btf, member.type, at + member.bitOffset / 8, -1, fields);
  }
}

/** What an array, or an array of arrays, is made of; any other type is made of itself. */
function elementType(btf: Btf, id: number): BtfType {
  let type = btf.type(id);
  while (type.kind === KIND.ARRAY) type = btf.type(type.type);
  return type;
}

/** The member, or array of members, of type `id` at byte `at`; a variable has `room` bytes. */
function collect(btf: Btf, id: number, at: number, room: number, fields: MapField[]): void {
  const type = elementType(btf, id);
  const count = (btf.size(id) ?? 0) / (btf.size(type.id) || 1);
  const size = btf.size(type.id) ?? 0;
  // More elements than a value may have fields are too many, whatever is in them.
  for (let i = 0; i < Math.min(count, MAX_FIELDS + 1); i++) {
    if (room < 0 || (i + 1) * size <= room) collectOne(btf, type, at + i * size, fields);
  }
}

function collectOne(btf: Btf, type: BtfType, at: number, fields: MapField[]): void {
  if (type.kind === KIND.VOLATILE) type = btf.type(type.type);
  if (type.kind === KIND.PTR) return collectPointer(btf, btf.type(type.type), at, fields);
  if (type.kind !== KIND.STRUCT) return;
  if (GRAPH.includes(type.name)) throw new Refusal(`${type.name} in a map's value`);
  const layout = Object.hasOwn(LAYOUTS, type.name) ? LAYOUTS[type.name] : undefined;
  if (!layout) return collectMembers(btf, type, at, fields);
  if (type.size !== layout.size || at % layout.align) {
    throw new Refusal(type.name === 'bpf_spin_lock' ? -ERRNO.EFAULT : -ERRNO.EINVAL);
  }
  fields.push({ kind: type.name as FieldKind, offset: at, size: layout.size, struct: -1 });
}

/** A pointer whose target carries one tag, and is then a struct. */
function collectPointer(btf: Btf, tag: BtfType, at: number, fields: MapField[]): void {
  if (tag.kind !== KIND.TYPE_TAG || !POINTER_TAGS.includes(tag.name)) return;
  if (btf.type(tag.type).kind === KIND.TYPE_TAG) return;
  const target = btf.resolve(tag.type);
  if (target.kind !== KIND.STRUCT) return;
  const struct = kernelStruct(target.name);
  if ((tag.name !== 'kptr' && tag.name !== 'kptr_untrusted') || struct < 0) {
    throw new Refusal(`${tag.name} to ${target.name}`);
  }
  if (at % 8) throw new Refusal(-ERRNO.EFAULT);
  fields.push({ kind: tag.name, offset: at, size: 8, struct });
}

/** Whether a map of this type and flags may have these fields. @returns 0 or -errno. @kernel map_check_btf */
export function checkMapFields(type: number, flags: number, fields: readonly MapField[]): number {
  if (fields.length === 0) return 0;
  if (flags & (MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG)) return -ERRNO.EACCES;
  return fields.every(({ kind }) => mapsFor(kind).includes(type)) ? 0 : -ERRNO.EOPNOTSUPP;
}

function mapsFor(kind: FieldKind): readonly number[] {
  if (LOCKS.includes(kind)) return LOCK_MAPS;
  return kind === 'bpf_timer' || kind === 'bpf_wq' || kind === 'bpf_task_work' ? TIMER_MAPS : POINTER_MAPS;
}

/** The map's field of a kind of which a value has at most one. */
export const mapField = (map: MapDesc, kind: FieldKind): MapField | undefined =>
  map.fields?.find((field) => field.kind === kind);

/** Whether values hold a lock, so that one value must be told from another. */
export const hasLock = (map: MapDesc): boolean => map.fields?.some(({ kind }) => LOCKS.includes(kind)) ?? false;
