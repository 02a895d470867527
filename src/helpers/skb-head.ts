/**
 * The buffer in which Linux keeps the packet of a `__sk_buff`, as far as programs can tell: how much room there is before the
 * packet, and what happens where it does not suffice. Then the packet goes into a larger buffer, of the next size that the
 * kernel's allocator has, so that a packet that grows at its front again and again needs twice as much each time; beyond 4 MiB
 * there is no memory (-ENOMEM). Only sizes are kept here, no bytes.
 *
 * Measured with Linux's test run: how often packets of some lengths grow by some amounts, and to what they can be cut then.
 */

/** Room before the packet of a test run, and the unit in which it grows. @kernel NET_SKB_PAD */
const PAD = 64;
/** Bytes at the end of each buffer that are not the packet's: `struct skb_shared_info`. */
const SHARED_INFO = 320;
/** Sizes of buffers below a power of two: this one is for packets that are moved. */
const SMALL_HEAD = 640;
const MAX_BUFFER = 4 << 20;
/** The transport header of a packet where none was found: the last offset that 16 bits can say. */
const NO_TRANSPORT = 0xffff;

const align = (bytes: number): number => Math.ceil(bytes / PAD) * PAD;
/** The buffer that holds so many bytes. */
const powerOfTwo = (bytes: number): number => 2 ** Math.ceil(Math.log2(bytes));

export class SkbHead {
  /** Bytes before what the program sees as the packet's first. */
  #room = PAD;
  /** Bytes of the buffer without its end. */
  #usable = 0;
  /** Bytes of the buffer before the transport header. */
  #transport = NO_TRANSPORT;

  /**
   * A packet that was given to a test run.
   * @param length in bytes, all of it
   * @param hidden bytes at its front that the program does not see
   */
  start(length: number, hidden: number): void {
    this.#room = PAD + hidden;
    this.#usable = powerOfTwo(PAD + length + SHARED_INFO) - SHARED_INFO;
    this.#transport = NO_TRANSPORT;
  }

  /** `count` bytes more at the front. @returns whether there is memory for them */
  push(count: number): boolean {
    if (count > this.#room) {
      const more = align(count - this.#room);
      if (!this.#enlarge(more)) return false;
      this.#room += more;
      // It moves with the packet, even where there is none.
      this.#transport = (this.#transport + more) & 0xffff;
    }
    this.#room -= count;
    return true;
  }

  /** `count` bytes less at the front. */
  pull(count: number): void {
    this.#room += count;
  }

  /** Room for a packet of that length. @returns whether there is memory for it */
  reach(length: number): boolean {
    const missing = this.#room + length - this.#usable;
    return missing <= 0 || this.#enlarge(missing);
  }

  /** Where Linux takes the transport header to be, in bytes from the packet's first; undefined: there is none. */
  get transport(): number | undefined {
    return this.#transport === NO_TRANSPORT ? undefined : this.#transport - this.#room;
  }

  set transport(offset: number) {
    this.#transport = (this.#room + offset) & 0xffff;
  }

  #enlarge(more: number): boolean {
    const bytes = align(this.#usable + more) + SHARED_INFO;
    const buffer = bytes <= SMALL_HEAD ? SMALL_HEAD : powerOfTwo(bytes);
    if (buffer > MAX_BUFFER) return false;
    this.#usable = buffer - SHARED_INFO;
    return true;
  }
}
