/** Ids of types in the running kernel's own BTF, by name: what kfuncs, kernel symbols and attach targets are called by. */
import { readFileSync } from 'node:fs';

const PATH = '/sys/kernel/btf/vmlinux';

/** Bytes after a type's 12-byte record, by kind: a fixed part and a part per member. Source: Documentation/bpf/btf.rst. */
const TAIL: Readonly<Record<number, readonly [fixed: number, each: number] | undefined>> = {
  1: [4, 0],
  3: [12, 0],
  4: [0, 12],
  5: [0, 12],
  6: [0, 8],
  13: [0, 8],
  14: [4, 0],
  15: [0, 12],
  17: [4, 0],
  19: [0, 12],
};

let ids: ReadonlyMap<string, number> | undefined;

/** The running kernel's BTF, raw. @throws where the kernel offers none. */
export function readVmlinuxBtf(): Uint8Array {
  return readFileSync(PATH);
}

/** @returns the id of the first type with that name whose kind is one of `kinds`, in their order, or undefined. */
export function findBtfId(name: string, kinds: readonly number[]): number | undefined {
  ids ??= indexNames(readVmlinuxBtf());
  for (const kind of kinds) {
    const id = ids.get(`${kind} ${name}`);
    if (id !== undefined) return id;
  }
  return undefined;
}

function indexNames(btf: Uint8Array): Map<string, number> {
  const view = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  const header = view.getUint32(4, true);
  let at = header + view.getUint32(8, true);
  const end = at + view.getUint32(12, true);
  const strings = header + view.getUint32(16, true);
  const decoder = new TextDecoder();
  const found = new Map<string, number>();
  for (let id = 1; at < end; id++) {
    const name = view.getUint32(at, true);
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 31;
    if (name) {
      const start = strings + name;
      const key = `${kind} ${decoder.decode(btf.subarray(start, btf.indexOf(0, start)))}`;
      if (!found.has(key)) found.set(key, id);
    }
    const [fixed, each] = TAIL[kind] ?? [0, 0];
    at += 12 + fixed + each * (info & 0xffff);
  }
  return found;
}
