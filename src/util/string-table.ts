/**
 * NUL-terminated strings at offsets, as in ELF's `.strtab` and BTF's string section. Offsets come from hostile files: a
 * read never leaves the table, and all reads of one table together look at a bounded number of bytes, so that many
 * offsets into one long string cannot make reading quadratic.
 */

/** Longest string that is read, in bytes. */
const MAX_LENGTH = 65535;
const BUDGET_FACTOR = 16;
const BUDGET_BASE = 1 << 20;

export class StringTable {
  readonly bytes: Uint8Array;
  #cache = new Map<number, string>();
  #budget: number;
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#budget = BUDGET_BASE + bytes.length * BUDGET_FACTOR;
  }

  /**
   * The string at `offset`; bytes that are not UTF-8 become U+FFFD.
   * @returns undefined where the offset is outside, the string has no end, is longer than 65,535 bytes, or the table
   * has been read more often than any honest file needs.
   */
  get(offset: number): string | undefined {
    const known = this.#cache.get(offset);
    if (known !== undefined) return known;
    if (offset < 0 || offset >= this.bytes.length) return undefined;
    const end = this.bytes.indexOf(0, offset);
    if (end < 0 || end - offset > MAX_LENGTH || (this.#budget -= end - offset) < 0) return undefined;
    const text = this.#decoder.decode(this.bytes.subarray(offset, end));
    this.#cache.set(offset, text);
    return text;
  }
}
