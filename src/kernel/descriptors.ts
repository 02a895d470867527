/**
 * File descriptors: small numbers that hold objects. As in a process, the lowest free number is given out, and 0 to 2 are
 * taken. What user space may do with a map is a matter of the descriptor, not of the map.
 */
import { ERRNO } from '../errors/index.ts';
import type { AnyObject } from './objects.ts';

/** Lower numbers are open too: standard input, output and error, which are no BPF object. */
const FIRST = 3;
/** @kernel fs.nr_open */
const LIMIT = 1 << 20;

export interface Descriptor {
  readonly object: AnyObject;
  /** BPF_F_WRONLY descriptors may not read elements. */
  readonly read: boolean;
  /** BPF_F_RDONLY descriptors may not write elements. */
  readonly write: boolean;
}

export class DescriptorTable {
  readonly #slots: (Descriptor | undefined)[] = [];
  /** No slot below this index is free. */
  #lowest = 0;

  /** @returns the descriptor's number, or -EMFILE. */
  add(descriptor: Descriptor): number {
    let slot = this.#lowest;
    while (this.#slots[slot] !== undefined) slot++;
    if (FIRST + slot >= LIMIT) return -ERRNO.EMFILE;
    this.#slots[slot] = descriptor;
    this.#lowest = slot + 1;
    return FIRST + slot;
  }

  get(fd: number): Descriptor | undefined {
    return this.#slots[fd - FIRST];
  }

  /** Whether the number is open but no object's. */
  isForeign(fd: number): boolean {
    return fd >= 0 && fd < FIRST;
  }

  /** @returns what the number referred to. */
  remove(fd: number): Descriptor | undefined {
    const slot = fd - FIRST;
    const descriptor = this.#slots[slot];
    if (descriptor === undefined) return undefined;
    this.#slots[slot] = undefined;
    this.#lowest = Math.min(this.#lowest, slot);
    return descriptor;
  }

  /** The numbers in use, ascending. */
  *numbers(): IterableIterator<number> {
    for (let slot = 0; slot < this.#slots.length; slot++) if (this.#slots[slot] !== undefined) yield FIRST + slot;
  }
}
