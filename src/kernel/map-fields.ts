/**
 * Fields of a map's value that the kernel itself keeps: locks, timers, lists, references. They need more than plain
 * memory, and are recognised by the names of their types. Source: docs.kernel.org/bpf (maps, kfuncs, graph data
 * structures) and <linux/bpf.h>.
 */
import { KIND } from '../btf/index.ts';
import type { Btf } from '../btf/index.ts';

const STRUCTS = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
]);

const POINTER_TAGS = new Set(['kptr_untrusted', 'kptr', 'percpu_kptr', 'uptr']);

/** Whether a value of the type has such a field, at any depth. */
export function hasSpecialFields(btf: Btf, id: number): boolean {
  const seen = new Set<number>();
  const todo = [id];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const type = btf.resolve(next);
    if (seen.has(type.id)) continue;
    seen.add(type.id);
    if (type.kind === KIND.STRUCT || type.kind === KIND.UNION) {
      if (STRUCTS.has(type.name)) return true;
      for (const member of type.members) todo.push(member.type);
    } else if (type.kind === KIND.DATASEC) {
      for (const variable of type.vars) todo.push(variable.type);
    } else if (type.kind === KIND.ARRAY || type.kind === KIND.VAR) {
      todo.push(type.type);
    } else if (type.kind === KIND.PTR) {
      const target = btf.type(type.type);
      if (target.kind === KIND.TYPE_TAG && POINTER_TAGS.has(target.name)) return true;
    }
  }
  return false;
}
