/**
 * The types of the kernel that programs are for, as `/sys/kernel/btf/vmlinux` has them. Megabytes: nothing is read before
 * the first question, types are decoded one by one, and names are searched in the strings instead of being indexed.
 */
import { Btf } from './btf.ts';
import { KIND } from './types.ts';
import type { BtfType } from './types.ts';

/** Raw BTF, or what reads it when it is needed first; undefined where there is none. */
export type KernelBtfSource = Uint8Array | (() => Uint8Array | undefined);

export class KernelBtf {
  readonly #source: KernelBtfSource;
  #opened = false;
  #btf: Btf | undefined;
  /** Ids by name, of names that were asked for. */
  readonly #ids = new Map<string, readonly number[]>();
  /** All strings, a character a byte. */
  #text = '';

  constructor(source: KernelBtfSource) {
    this.#source = source;
  }

  /** All types; undefined where there are none. @throws FormatError */
  get btf(): Btf | undefined {
    if (!this.#opened) {
      const bytes = typeof this.#source === 'function' ? this.#source() : this.#source;
      this.#btf = bytes && Btf.ofKernel(bytes);
      this.#opened = true;
    }
    return this.#btf;
  }

  /** @returns the id of the first type of that name whose kind is one of `kinds`, in their order, or undefined. */
  find(name: string, kinds: readonly number[]): number | undefined {
    const { btf } = this;
    if (!btf || name === '') return undefined;
    const ids = this.#named(btf, name);
    for (const kind of kinds) {
      const id = ids.find((one) => btf.kind(one) === kind);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** Ids of all types of that name whose kind is one of `kinds`, ascending. */
  all(name: string, kinds: readonly number[]): number[] {
    const { btf } = this;
    return btf && name ? this.#named(btf, name).filter((id) => kinds.includes(btf.kind(id))) : [];
  }

  /** The struct of that name. */
  struct(name: string): number | undefined {
    return this.find(name, [KIND.STRUCT]);
  }

  /** @throws RangeError where there are no types, FormatError for an id that is not there. */
  type(id: number): BtfType {
    return this.#open().type(id);
  }

  /** The type behind typedefs, qualifiers and tags. */
  resolve(id: number): BtfType {
    return this.#open().resolve(id);
  }

  #open(): Btf {
    const { btf } = this;
    if (!btf) throw new RangeError('there is no kernel BTF');
    return btf;
  }

  /** Ids of all types of that name, ascending. */
  #named(btf: Btf, name: string): readonly number[] {
    const known = this.#ids.get(name);
    if (known) return known;
    this.#text ||= btf.allStrings();
    const offsets: number[] = [];
    for (let at = this.#text.indexOf(`${name}\0`); at >= 0; at = this.#text.indexOf(`${name}\0`, at + 1)) {
      offsets.push(at);
    }
    const ids = btf.namedAt(new Set(offsets));
    this.#ids.set(name, ids);
    return ids;
  }
}
