/**
 * BTF of a program's functions, for program objects that are written by hand or by generators. Functions return a 32-bit
 * number if not said otherwise. Types are `u8`, `u32`, `u64`, `u128`, `void`, `ctx` (a pointer to the program type's context),
 * `mem:N` (a pointer to a struct of N bytes), `ptr:TYPE`, `const:TYPE`, and by their names `struct:NAME` (of 8 bytes),
 * `fwd:NAME`, `union:NAME` (not complete) and `typedef:NAME` (of a struct without a name). Behind a parameter's type stand
 * its tags: `ptr:void/ctx`, `mem:8/nonnull`.
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
  readonly #context: string;
  /** Ids of types, by their words. */
  readonly #known: Map<string, number>;

  constructor(progType: string) {
    const int = (name: string, size: number): number =>
      this.types.add({ kind: KIND.INT, name, size, encoding: 0, offset: 0, bits: 8 * size });
    this.#known = new Map([
      ['u32', int('unsigned int', 4)],
      ['u64', int('unsigned long', 8)],
      ['u8', int('unsigned char', 1)],
      ['u128', int('unsigned __int128', 16)],
      ['void', 0],
    ]);
    this.#context = CONTEXTS[progType] ?? 'pt_regs';
  }

  /**
   * @param linkage `static` or `global`, and what the function returns if not a number: `global:void`.
   * @returns the id of a new function's FUNC; undefined for a parameter that cannot be read.
   */
  add(name: string, linkage: string, params: readonly string[]): number | undefined {
    const [link, result = 'u32'] = linkage.split(/:(.*)/s);
    const split = params.map((param) => param.split('/'));
    const ids = split.map(([type]) => this.#param(type));
    const type = this.#param(result);
    if (ids.includes(undefined) || type === undefined || !(link in LINKAGE)) return undefined;
    const proto = this.types.add({
      kind: KIND.FUNC_PROTO,
      name: '',
      type,
      params: ids.map((id, i) => ({ name: `a${i}`, type: id! })),
    });
    const func = this.types.add({ kind: KIND.FUNC, name, type: proto, linkage: LINKAGE[link as Linkage] });
    split.forEach(([, ...tags], component) => {
      for (const tag of tags) this.types.add({ kind: KIND.DECL_TAG, name: `arg:${tag}`, type: func, component });
    });
    return func;
  }

  #param(param: string): number | undefined {
    const known = this.#known.get(param);
    if (known !== undefined) return known;
    const [, kind, of] = /^(\w+)(?::(.+))?$/.exec(param) ?? [];
    const id = this.#make(kind, of);
    if (id !== undefined) this.#known.set(param, id);
    return id;
  }

  #make(kind: string, of: string | undefined): number | undefined {
    const pointerTo = (type: number | undefined): number | undefined =>
      type === undefined ? undefined : this.types.add({ kind: KIND.PTR, name: '', type });
    if (kind === 'ctx') return pointerTo(this.#struct(this.#context, 0));
    if (of === undefined) return undefined;
    switch (kind) {
      case 'mem':
        return /^\d+$/.test(of) ? pointerTo(this.#struct(`bytes${of}`, Number(of))) : undefined;
      case 'ptr':
        return pointerTo(this.#param(of));
      case 'struct':
        return this.#struct(of, 8);
      case 'union':
        return this.types.add({ kind: KIND.FWD, name: of, union: true });
      case 'fwd':
        return this.types.add({ kind: KIND.FWD, name: of, union: false });
      case 'typedef':
        return this.types.add({ kind: KIND.TYPEDEF, name: of, type: this.#struct('', 8) });
      case 'const':
        return this.types.add({ kind: KIND.CONST, name: '', type: this.#param(of) ?? 0 });
      default:
        return undefined;
    }
  }

  #struct(name: string, size: number): number {
    const members = Array.from({ length: size >> 2 }, (_, i) => ({
      name: `at${4 * i}`,
      type: this.#known.get('u32')!,
      bitOffset: 32 * i,
      bitSize: 0,
    }));
    return this.types.add({ kind: KIND.STRUCT, name, size, members });
  }

  bytes(): Uint8Array {
    return this.types.bytes();
  }
}

/** Records of functions by slot, in the order of slots. */
export const funcRecords = (functions: readonly (readonly [slot: number, type: number])[]): Uint8Array =>
  encodeFuncInfo(functions.map(([offset, type]) => ({ offset, type })).sort((a, b) => a.offset - b.offset));
