/**
 * The one global namespace of a kernel, as the patch set had it: callers choose the ids of maps and of programs, positive
 * numbers of 31 bits, each kind its own. Whoever speaks to the same kernel sees the same maps.
 *
 * A program holds its maps: a map that is deleted loses its id at once, which may be given again, and its memory when the last
 * program that uses it is unloaded. So does a program that is unloaded and attached.
 */
import { ERRNO } from '../errors/index.ts';
import type { Kernel } from '../kernel/index.ts';

/** A map of the subsystem, with those who hold it: its id and programs. */
export class HeldMap {
  readonly fd: number;
  readonly #kernel: Kernel;
  #holders = 1;

  /** Takes over the descriptor. */
  constructor(kernel: Kernel, fd: number) {
    this.#kernel = kernel;
    this.fd = fd;
  }

  hold(): void {
    this.#holders++;
  }

  drop(): void {
    if (--this.#holders === 0) this.#kernel.close(this.fd);
  }
}

/** A loaded program. */
export interface HeldProgram {
  /** Of the subsystem's program. */
  readonly fd: number;
  /** One of BPF_PROG_TYPE_*. */
  readonly type: number;
  /** What it was loaded from, maps by descriptor: a program for no place is loaded again where it is attached. */
  readonly insns: Uint8Array;
  readonly license: string;
  readonly maps: readonly HeldMap[];
}

export interface Namespace {
  readonly maps: Map<number, HeldMap>;
  readonly programs: Map<number, HeldProgram>;
}

const namespaces = new WeakMap<Kernel, Namespace>();

export function namespaceOf(kernel: Kernel): Namespace {
  let names = namespaces.get(kernel);
  if (names === undefined) namespaces.set(kernel, (names = { maps: new Map(), programs: new Map() }));
  return names;
}

const MAX_ID = 0x7fffffff;

/** Whether an object can be given an id. @returns 0, -EINVAL: it is none, -EEXIST: it is taken */
export function checkNewId(table: ReadonlyMap<number, unknown>, id: number): number {
  if (!Number.isInteger(id) || id <= 0 || id > MAX_ID) return -ERRNO.EINVAL;
  return table.has(id) ? -ERRNO.EEXIST : 0;
}
