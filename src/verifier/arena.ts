/**
 * Zeroed number arrays that last as long as the verification of one program. They lie in one buffer, which the next program
 * uses again: for small programs, allocating each array costs more than what is done with it.
 */

/** Bytes at first; a larger program gets a larger buffer. */
const ROOM = 1 << 14;
/** A buffer larger than this is not kept. */
const MAX_KEPT = 1 << 22;

export class Arena {
  #buffer = new ArrayBuffer(ROOM);
  #bytes = new Uint8Array(this.#buffer);
  #used = 0;

  /** Make every array given out before void. */
  reset(): void {
    if (this.#bytes.length > MAX_KEPT) this.#replace(ROOM);
    else this.#bytes.fill(0, 0, this.#used);
    this.#used = 0;
  }

  uint8(length: number): Uint8Array {
    const at = this.#take(length);
    return new Uint8Array(this.#buffer, at, length);
  }
  uint16(length: number): Uint16Array {
    const at = this.#take(2 * length);
    return new Uint16Array(this.#buffer, at, length);
  }
  uint32(length: number): Uint32Array {
    const at = this.#take(4 * length);
    return new Uint32Array(this.#buffer, at, length);
  }
  int32(length: number): Int32Array {
    const at = this.#take(4 * length);
    return new Int32Array(this.#buffer, at, length);
  }

  /** Offset of so many zero bytes, aligned to eight. */
  #take(bytes: number): number {
    const size = (bytes + 7) & ~7;
    if (this.#used + size > this.#bytes.length) {
      // What was given out stays in the old buffer.
      this.#replace(Math.max(2 * this.#bytes.length, size));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += size;
    return at;
  }

  #replace(bytes: number): void {
    this.#buffer = new ArrayBuffer(bytes);
    this.#bytes = new Uint8Array(this.#buffer);
  }
}
