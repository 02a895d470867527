/**
 * BTF of a program's functions and source lines: what makes callbacks and global functions possible, and source lines
 * appear in the log.
 */
import { BtfBuilder, KIND } from '../../../src/btf/index.ts';
import type { Random } from '../../../src/util/index.ts';
import type { Item } from './code.ts';

/** Linkage of a FUNC. */
const LINKAGE = { static: 0, global: 1 } as const;

/** What a parameter of a global function is: the number's size in bytes, or a pointer. */
export type Param = 'u64' | 'u32' | 'ctx' | 'mem';

/** Bytes behind a `mem` parameter. */
export const MEM_PARAM_SIZE = 16;

/** C names of contexts that global functions take; others are passed as numbers. */
const CONTEXTS: Readonly<Record<string, string>> = {
  socket_filter: '__sk_buff',
  sched_cls: '__sk_buff',
  sched_act: '__sk_buff',
  cgroup_skb: '__sk_buff',
  xdp: 'xdp_md',
};

export const hasContextType = (progType: string): boolean => progType in CONTEXTS;

const TEXTS = [
  'int x = ctx->len;',
  '\tif (x > 7)',
  '  return 0;',
  'for (i = 0; i < 4; i++)',
  '',
  'sum += data[i]; /* % */',
];

export class FunctionBtf {
  readonly #types = new BtfBuilder();
  readonly #u32: number;
  readonly #u64: number;
  readonly #ctx: number;
  readonly #mem: number;
  #count = 0;

  constructor(progType: string) {
    const types = this.#types;
    const int = (name: string, size: number): number =>
      types.add({ kind: KIND.INT, name, size, encoding: 0, offset: 0, bits: 8 * size });
    this.#u32 = int('unsigned int', 4);
    this.#u64 = int('unsigned long', 8);
    const pointer = (type: number): number => types.add({ kind: KIND.PTR, name: '', type });
    this.#ctx = pointer(types.add({ kind: KIND.STRUCT, name: CONTEXTS[progType] ?? 'pt_regs', size: 0, members: [] }));
    const members = [0, 8].map((at) => ({ name: `at${at}`, type: this.#u64, bitOffset: 8 * at, bitSize: 0 }));
    this.#mem = pointer(types.add({ kind: KIND.STRUCT, name: 'pair', size: MEM_PARAM_SIZE, members }));
  }

  /** @returns the id of a new function's FUNC. */
  add(linkage: keyof typeof LINKAGE, params: readonly Param[]): number {
    const id = { u32: this.#u32, u64: this.#u64, ctx: this.#ctx, mem: this.#mem };
    const proto = this.#types.add({
      kind: KIND.FUNC_PROTO,
      name: '',
      type: this.#u32,
      params: params.map((param, i) => ({ name: `a${i}`, type: id[param] })),
    });
    const name = this.#count++ ? `f${this.#count}` : 'main';
    return this.#types.add({ kind: KIND.FUNC, name, type: proto, linkage: LINKAGE[linkage] });
  }

  /** Source lines at the beginning of each function and here and there behind. */
  addLines(items: readonly Item[], random: Random): void {
    let line = 10;
    for (const one of items) {
      if (one.func === undefined && !random.oneIn(3)) continue;
      line += random.below(3);
      const file = this.#types.string(random.pick(['prog.c', 'prog.c', '/src/lib/helpers.h']));
      one.line = [file, this.#types.string(random.pick(TEXTS)), (line << 10) | (1 + random.below(20))];
    }
  }

  bytes(): Uint8Array {
    return this.#types.bytes();
  }
}
