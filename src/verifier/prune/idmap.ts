/**
 * Whether ids of two states correspond one to one (@kernel check_ids). Ids are names: what matters is which registers share
 * one, not which number it is.
 */
const SIZE = 600;

export class IdMap {
  readonly #old = new Int32Array(SIZE);
  readonly #cur = new Int32Array(SIZE);
  #count = 0;
  #temporary = 0;

  /** @param idGen ids above it are free for single use. */
  reset(idGen: number): void {
    this.#count = 0;
    this.#temporary = idGen;
  }

  /** Both 0, or a pair that agrees with all pairs before. */
  match(old: number, cur: number): boolean {
    if (old === 0 || cur === 0) return old === cur;
    for (let i = 0; i < this.#count; i++) {
      if (this.#old[i] === old) return this.#cur[i] === cur;
      if (this.#cur[i] === cur) return false;
    }
    if (this.#count < SIZE) {
      this.#old[this.#count] = old;
      this.#cur[this.#count++] = cur;
    }
    return true;
  }

  /** For numbers: the old state may know of no link where there is one now; not the other way round. */
  matchScalar(old: number, cur: number): boolean {
    return old === 0 || this.match(old, cur || ++this.#temporary);
  }
}
