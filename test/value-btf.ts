/**
 * BTF of a map's value from a list of fields, for program objects that are written by hand:
 *
 *     fields=bpf_spin_lock@0,u32@4,kptr(task_struct)@8,u64@16
 *
 * Each is a type and its offset in bytes: `u32`, `u64`, a struct of the kernel's (`bpf_spin_lock`, `bpf_timer`, `bpf_wq`,
 * …), or a tagged pointer to a struct (`kptr(NAME)`, `kptr_untrusted(NAME)`). The key is a 32-bit number.
 */
import { BtfBuilder, KIND } from '../src/btf/index.ts';

export interface ValueBtf {
  readonly btf: Uint8Array;
  readonly key: number;
  readonly value: number;
}

/** Bytes of the structs, by name. */
const STRUCTS: Readonly<Record<string, number>> = {
  bpf_spin_lock: 4,
  bpf_res_spin_lock: 4,
  bpf_refcount: 4,
  bpf_timer: 16,
  bpf_wq: 16,
  bpf_task_work: 8,
};

const member = (type: number, offset: number) => ({ name: `at${offset}`, type, bitOffset: 8 * offset, bitSize: 0 });

/** @returns undefined for a list that cannot be read. */
export function valueBtf(fields: string, size: number): ValueBtf | undefined {
  const types = new BtfBuilder();
  const int = (name: string, bytes: number): number =>
    types.add({ kind: KIND.INT, name, size: bytes, encoding: 0, offset: 0, bits: 8 * bytes });
  const numbers: Record<string, number> = { u32: int('unsigned int', 4), u64: int('unsigned long', 8) };
  const made = new Map<string, number>();
  const once = (name: string, add: () => number): number => {
    const id = made.get(name) ?? add();
    made.set(name, id);
    return id;
  };
  const struct = (name: string, bytes: number): number => {
    const words = bytes % 8 ? [member(numbers.u32, 0)] : [];
    for (let at = 0; at + 8 <= bytes; at += 8) words.push(member(numbers.u64, at));
    return types.add({ kind: KIND.STRUCT, name, size: bytes, members: words });
  };
  const members = [];
  for (const field of fields.split(',')) {
    const [, type, target, offset] = /^(\w+)(?:\((\w+)\))?@(\d+)$/.exec(field) ?? [];
    if (!type || !(target || type in numbers || type in STRUCTS)) return undefined;
    let id = numbers[type];
    if (target) {
      const to = once(`struct ${target}`, () => struct(target, 0));
      id = types.add({ kind: KIND.PTR, name: '', type: types.add({ kind: KIND.TYPE_TAG, name: type, type: to }) });
    } else if (type in STRUCTS) {
      id = once(type, () => struct(type, STRUCTS[type]));
    }
    members.push(member(id, Number(offset)));
  }
  const value = types.add({ kind: KIND.STRUCT, name: 'value', size, members });
  return { btf: types.bytes(), key: numbers.u32, value };
}
