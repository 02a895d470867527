/**
 * BTF of a program's functions, for program objects that are written by hand or by generators. Functions return a 32-bit
 * number; parameters are `u32`, `u64`, `ctx` (a pointer to the program type's context) or `mem:N` (to a struct of N bytes).
 */
import { BtfBuilder, KIND, encodeFuncInfo } from '../src/btf/index.ts';

/** Linkage of a FUNC. */
const LINKAGE = { static: 0, global: 1 } as const;
export type Linkage = keyof typeof LINKAGE;

/** C names of contexts that global functions take, by program type. */
const CONTEXTS: Readonly<Record<string, string>> = {
  socket_filter: '__sk_buff',
  sched_cls: '__sk_buff',
  sched_act: '__sk_buff',
  cgroup_skb: '__sk_buff',
  xdp: 'xdp_md',
};

export const hasContextType = (progType: string): boolean => progType in CONTEXTS;

export class FunctionBtf {
  readonly types = new BtfBuilder();
  readonly #u32: number;
  readonly #u64: number;
  readonly #context: string;
  readonly #pointers = new Map<string, number>();

  constructor(progType: string) {
    const int = (name: string, size: number): number =>
      this.types.add({ kind: KIND.INT, name, size, encoding: 0, offset: 0, bits: 8 * size });
    this.#u32 = int('unsigned int', 4);
    this.#u64 = int('unsigned long', 8);
    this.#context = CONTEXTS[progType] ?? 'pt_regs';
  }

  /** @returns the id of a new function's FUNC; undefined for a parameter that cannot be read. */
  add(name: string, linkage: Linkage, params: readonly string[]): number | undefined {
    const ids = params.map((param) => this.#param(param));
    if (ids.includes(undefined)) return undefined;
    const proto = this.types.add({
      kind: KIND.FUNC_PROTO,
      name: '',
      type: this.#u32,
      params: ids.map((type, i) => ({ name: `a${i}`, type: type! })),
    });
    return this.types.add({ kind: KIND.FUNC, name, type: proto, linkage: LINKAGE[linkage] });
  }

  #param(param: string): number | undefined {
    if (param === 'u32') return this.#u32;
    if (param === 'u64') return this.#u64;
    const known = this.#pointers.get(param);
    if (known !== undefined) return known;
    const size = param === 'ctx' ? 0 : Number(/^mem:(\d+)$/.exec(param)?.[1] ?? NaN);
    if (Number.isNaN(size)) return undefined;
    const members = Array.from({ length: size >> 2 }, (_, i) => ({
      name: `at${4 * i}`,
      type: this.#u32,
      bitOffset: 32 * i,
      bitSize: 0,
    }));
    const name = param === 'ctx' ? this.#context : `bytes${size}`;
    const struct = this.types.add({ kind: KIND.STRUCT, name, size, members });
    const id = this.types.add({ kind: KIND.PTR, name: '', type: struct });
    this.#pointers.set(param, id);
    return id;
  }

  bytes(): Uint8Array {
    return this.types.bytes();
  }
}

/** Records of functions by slot, in the order of slots. */
export const funcRecords = (functions: readonly (readonly [slot: number, type: number])[]): Uint8Array =>
  encodeFuncInfo(functions.map(([offset, type]) => ({ offset, type })).sort((a, b) => a.offset - b.offset));
