/**
 * What map types must do, as plain JavaScript: the element maps and what they refuse. Values are one piece of bytes, or one for
 * each CPU; keys are told apart by their bytes in hexadecimal.
 */
import { ERRNO } from '../../src/errors/index.ts';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Elements under keys. */
export interface ElementModel {
  /** What an update with `flags` answers. */
  refuses(key: Uint8Array, flags: number): number;
  /** What a deletion answers. */
  refusesDelete(key: Uint8Array): number;
  /** The copies of the value that a look-up finds. */
  find(key: Uint8Array): Uint8Array[] | undefined;
  /** The copies that an update of the key overwrites. */
  own(key: Uint8Array): Uint8Array[] | undefined;
  set(key: Uint8Array, copies: Uint8Array[]): void;
  delete(key: Uint8Array): void;
  /** Keys in hexadecimal; in the order in which they must come where there is one. */
  keys(): string[];
  readonly ordered: boolean;
}

/** Rules of flags that hashes and tries share. */
function refusesFlags(isThere: boolean, flags: number, isFull: boolean, full: number): number {
  if (flags > 2) return -ERRNO.EINVAL;
  if (isThere) return flags === 1 ? -ERRNO.EEXIST : 0;
  if (flags === 2) return -ERRNO.ENOENT;
  return isFull ? -full : 0;
}

export class HashModel implements ElementModel {
  readonly ordered = false;
  readonly values = new Map<string, Uint8Array[]>();
  readonly #max: number;

  /** @param max Infinity: never full */
  constructor(max: number) {
    this.#max = max;
  }
  refuses(key: Uint8Array, flags: number): number {
    return refusesFlags(this.values.has(hex(key)), flags, this.values.size >= this.#max, ERRNO.E2BIG);
  }
  refusesDelete(key: Uint8Array): number {
    return this.values.has(hex(key)) ? 0 : -ERRNO.ENOENT;
  }
  find(key: Uint8Array): Uint8Array[] | undefined {
    return this.values.get(hex(key));
  }
  own(key: Uint8Array): Uint8Array[] | undefined {
    return this.find(key);
  }
  set(key: Uint8Array, copies: Uint8Array[]): void {
    this.values.set(hex(key), copies);
  }
  delete(key: Uint8Array): void {
    this.values.delete(hex(key));
  }
  keys(): string[] {
    return [...this.values.keys()];
  }
}

export class ArrayModel implements ElementModel {
  readonly ordered = true;
  readonly #values: Uint8Array[][];

  constructor(max: number, copies: number, valueSize: number) {
    const zeros = (): Uint8Array[] => Array.from({ length: copies }, () => new Uint8Array(valueSize));
    this.#values = Array.from({ length: max }, zeros);
  }
  refuses(key: Uint8Array, flags: number): number {
    if (flags > 6 || flags % 4 === 3) return -ERRNO.EINVAL;
    if (this.find(key) === undefined) return -ERRNO.E2BIG;
    if (flags % 2) return -ERRNO.EEXIST;
    return flags >= 4 ? -ERRNO.EINVAL : 0;
  }
  refusesDelete(): number {
    return -ERRNO.EINVAL;
  }
  find(key: Uint8Array): Uint8Array[] | undefined {
    return this.#values[Buffer.from(key).readUInt32LE(0)];
  }
  own(key: Uint8Array): Uint8Array[] | undefined {
    return this.find(key);
  }
  set(key: Uint8Array, copies: Uint8Array[]): void {
    this.#values[Buffer.from(key).readUInt32LE(0)] = copies;
  }
  delete(): void {
    throw new Error('elements of an array are not deleted');
  }
  keys(): string[] {
    return this.#values.map((_, i) => hex(Uint8Array.from([i, i >> 8, 0, 0])));
  }
}

/** Prefixes as text of 0 and 1. */
export class TrieModel implements ElementModel {
  readonly ordered = true;
  readonly #max: number;
  readonly #values = new Map<string, { readonly key: string; readonly copies: Uint8Array[] }>();

  constructor(max: number) {
    this.#max = max;
  }
  refuses(key: Uint8Array, flags: number): number {
    const bits = bitsOf(key);
    if (bits === undefined) return -ERRNO.EINVAL;
    return refusesFlags(this.#values.has(bits), flags, this.#values.size >= this.#max, ERRNO.ENOSPC);
  }
  refusesDelete(key: Uint8Array): number {
    const bits = bitsOf(key);
    if (bits === undefined) return -ERRNO.EINVAL;
    return this.#values.has(bits) ? 0 : -ERRNO.ENOENT;
  }
  find(key: Uint8Array): Uint8Array[] | undefined {
    const bits = bitsOf(key);
    for (let length = bits?.length ?? -1; length >= 0; length--) {
      const found = this.#values.get((bits as string).slice(0, length));
      if (found !== undefined) return found.copies;
    }
    return undefined;
  }
  own(key: Uint8Array): Uint8Array[] | undefined {
    return this.#values.get(bitsOf(key) ?? 'none')?.copies;
  }
  set(key: Uint8Array, copies: Uint8Array[]): void {
    this.#values.set(bitsOf(key) as string, { key: hex(key), copies });
  }
  delete(key: Uint8Array): void {
    this.#values.delete(bitsOf(key) as string);
  }
  /** Longer prefixes before the shorter ones that they start with. */
  keys(): string[] {
    const order = [...this.#values].sort(([a], [b]) => (`${a}2` < `${b}2` ? -1 : 1));
    return order.map(([, { key }]) => key);
  }
}

/** The bits of a trie's key; undefined: longer than the key. */
function bitsOf(key: Uint8Array): string | undefined {
  const length = Buffer.from(key).readUInt32LE(0);
  const bits = [...key.subarray(4)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return length > bits.length ? undefined : bits.slice(0, length);
}
