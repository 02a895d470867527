/**
 * Structs of a program's own BTF that have fields of the kernel among their members: BTF_LOAD looks into each of them.
 * Refuses: a field that is not at its alignment (-EFAULT), two locks, or more than 11 fields (-E2BIG), a lock of each
 * kind, a node of a list and of a tree, a list or a tree that does not say what it contains or has no lock beside it
 * (-EINVAL). Nested structs are looked at by themselves. Measured with BTF_LOAD on Linux 6.18.
 */
import type { Btf, BtfComposite, BtfType } from '../btf/index.ts';
import { KIND } from '../btf/index.ts';
import { ERRNO } from '../errors/index.ts';

/** Alignment of each field that makes Linux look, in bytes. */
const FIELDS: Readonly<Record<string, number>> = {
  bpf_spin_lock: 4,
  bpf_refcount: 4,
  bpf_list_head: 8,
  bpf_list_node: 8,
  bpf_rb_root: 8,
  bpf_rb_node: 8,
  kptr: 8,
};
/** Fields that count where one of the others is there. */
const BESIDE = new Set(['bpf_res_spin_lock']);
const POINTER_TAGS = ['kptr', 'kptr_untrusted', 'percpu_kptr'];
const ROOTS = ['bpf_list_head', 'bpf_rb_root'];
/** @kernel BTF_FIELDS_MAX */
const MAX_FIELDS = 11;

/** @returns 0, or -errno of the first struct that is refused. @kernel btf_parse_struct_metas */
export function checkStructFields(btf: Btf): number {
  const contains = containsTags(btf);
  for (const type of btf) {
    const err = type.kind === KIND.STRUCT ? checkStruct(btf, type, contains) : 0;
    if (err) return err;
  }
  return 0;
}

/** `struct:member` of the members whose declaration says what a list or a tree holds. */
function containsTags(btf: Btf): ReadonlySet<string> {
  const tagged = new Set<string>();
  for (const type of btf) {
    if (type.kind === KIND.DECL_TAG && type.name.startsWith('contains:')) tagged.add(`${type.type}:${type.component}`);
  }
  return tagged;
}

function checkStruct(btf: Btf, type: BtfComposite, contains: ReadonlySet<string>): number {
  const counts = new Map<string, number>();
  const count = (kind: string): number => counts.get(kind) ?? 0;
  let misaligned = false;
  let unknownRoot = false;
  for (const [i, member] of type.members.entries()) {
    const kind = fieldKind(btf, btf.type(member.type));
    if (kind === undefined) continue;
    counts.set(kind, count(kind) + 1);
    if (kind in FIELDS && member.bitOffset % (8 * FIELDS[kind])) misaligned = true;
    if (ROOTS.includes(kind) && !contains.has(`${type.id}:${i}`)) unknownRoot = true;
  }
  if (![...counts.keys()].some((kind) => kind in FIELDS)) return 0;
  if (misaligned) return -ERRNO.EFAULT;
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  if (count('bpf_spin_lock') > 1 || total > MAX_FIELDS) return -ERRNO.E2BIG;
  const hasRoot = ROOTS.some((root) => count(root) > 0);
  const locks = count('bpf_spin_lock') + count('bpf_res_spin_lock');
  const bothNodes = count('bpf_list_node') > 0 && count('bpf_rb_node') > 0;
  const bad = locks > 1 || unknownRoot || (hasRoot && locks === 0) || (bothNodes && count('bpf_refcount') === 0);
  return bad ? -ERRNO.EINVAL : 0;
}

function fieldKind(btf: Btf, type: BtfType): string | undefined {
  if (type.kind === KIND.STRUCT) return type.name in FIELDS || BESIDE.has(type.name) ? type.name : undefined;
  if (type.kind !== KIND.PTR) return undefined;
  const tag = btf.type(type.type);
  return tag.kind === KIND.TYPE_TAG && POINTER_TAGS.includes(tag.name) ? 'kptr' : undefined;
}
