/**
 * The log as the kernel keeps it: text grows, and below level 2 it is cut back to where a path began when that path
 * turned out fine, so that a refusal shows only the path that led to it. A log that outgrows its buffer keeps its end
 * (its beginning with level bit FIXED), and still counts every byte; what a full buffer gave up does not come back when the
 * text behind it is cut off. A character of its text is a byte.
 *
 * Most of what is written at level 1 is cut off again: a piece may be written as the function that makes it, which is called
 * when somebody reads it. A place in the log is therefore a number of pieces, its mark, not of bytes.
 */
import { LOG_LEVEL } from '../api.ts';

/** Pieces are joined into a block when there are this many. */
const MANY = 8192;
/** Below this many bytes of room it is counted what never fitted. A larger buffer hardly ever overflows. */
const SMALL = 1 << 20;
/** Bytes of text that are kept whatever the capacity. */
const ALWAYS_KEPT = 32 << 20;

type Piece = string | (() => string);

/** Pieces that were joined. */
interface Block {
  /** Mark of its first piece. */
  readonly mark: number;
  /** Byte in the block at which each piece ends. */
  readonly ends: Uint32Array;
  /** Undefined where it will not be shown. */
  text: string | undefined;
}

export class Log {
  readonly level: number;
  readonly #capacity: number;
  readonly #blocks: Block[] = [];
  /** Pieces behind the blocks, and how many there are in the blocks. */
  #pieces: Piece[] = [];
  /** Byte behind the blocks at which each of the first pieces ends: those that were made and counted. */
  #ends: number[] = [];
  #joined = 0;
  /** Bytes in the blocks. */
  #joinedBytes = 0;
  /** Most bytes that the log ever had, and the first byte that its buffer still holds: as of the last reset. */
  #peak = 0;
  #start = 0;

  /** @param capacity bytes of text kept. */
  constructor(level: number, capacity: number) {
    this.level = level;
    this.#capacity = capacity;
  }

  /** Whether BASIC or VERBOSE text is wanted at all. */
  get enabled(): boolean {
    return (this.level & (LOG_LEVEL.BASIC | LOG_LEVEL.VERBOSE)) !== 0;
  }

  get verbose(): boolean {
    return (this.level & LOG_LEVEL.VERBOSE) !== 0;
  }

  /** The place behind what was written so far. */
  get mark(): number {
    return this.#joined + this.#pieces.length;
  }

  /** Bytes written so far, kept or not. */
  get length(): number {
    const made = this.#makeAll();
    return this.#joinedBytes + (made === 0 ? 0 : this.#ends[made - 1]);
  }

  /** Most bytes that the log ever had: what a buffer must hold so that nothing is lost. */
  get peak(): number {
    return Math.max(this.#peak, this.length);
  }

  /** Append, at any level but 0. */
  write(text: string): void {
    if (this.level === 0 || text === '') return;
    this.#push(text);
  }

  /** Append what `make` answers, which is not empty, and the same whenever it is asked. */
  writeLater(make: () => string): void {
    if (this.level !== 0) this.#push(make);
  }

  #push(piece: Piece): void {
    this.#pieces.push(piece);
    if (this.#pieces.length >= MANY) this.#join();
  }

  /** Forget everything behind `mark`. */
  reset(mark: number): void {
    if (mark >= this.mark) return;
    const isSmall = this.#capacity < SMALL;
    if (isSmall) this.#turn();
    this.#cut(mark);
    if (isSmall) this.#start = Math.min(this.#start, this.length);
  }

  /** Note what a small buffer would have lost by now. What is cut off below must be made for that. */
  #turn(): void {
    const { length } = this;
    this.#peak = Math.max(this.#peak, length);
    if (!(this.level & LOG_LEVEL.FIXED)) this.#start = Math.max(this.#start, length - this.#capacity);
  }

  #cut(mark: number): void {
    if (mark >= this.#joined) {
      this.#pieces.length = mark - this.#joined;
      this.#ends.length = Math.min(this.#ends.length, this.#pieces.length);
      return;
    }
    this.#pieces = [];
    this.#ends = [];
    this.#joined = mark;
    while (this.#blocks.length && this.#blocks[this.#blocks.length - 1].mark >= mark) this.#blocks.pop();
    const last = this.#blocks.pop();
    if (last) {
      const ends = last.ends.subarray(0, mark - last.mark);
      this.#blocks.push({ mark: last.mark, ends, text: last.text?.slice(0, ends[ends.length - 1]) });
    }
    this.#joinedBytes = this.#blocks.reduce((sum, { ends }) => sum + ends[ends.length - 1], 0);
  }

  /** What is kept. */
  text(): string {
    const text = this.#blocks.map((block) => block.text ?? '').join('') + this.#texts().join('');
    if (this.level & LOG_LEVEL.FIXED) return text.slice(0, this.#capacity);
    const shown = Math.min(this.length - this.#start, this.#capacity);
    return text.slice(Math.max(0, text.length - shown));
  }

  /** What is kept behind `mark`, which is behind the blocks or in one that is kept. */
  textFrom(mark: number): string {
    let text = '';
    for (const block of this.#blocks) {
      const skipped = Math.min(Math.max(mark - block.mark, 0), block.ends.length);
      text += (block.text ?? '').slice(skipped ? block.ends[skipped - 1] : 0);
    }
    return (
      text +
      this.#texts()
        .slice(Math.max(0, mark - this.#joined))
        .join('')
    );
  }

  /** The pieces behind the blocks, all made. */
  #texts(): string[] {
    this.#makeAll();
    return this.#pieces as string[];
  }

  /** Make and count the pieces behind the blocks that were not. @returns how many there are */
  #makeAll(): number {
    const pieces = this.#pieces;
    const ends = this.#ends;
    let end = ends.length === 0 ? 0 : ends[ends.length - 1];
    for (let i = ends.length; i < pieces.length; i++) {
      const piece = pieces[i];
      const text = typeof piece === 'string' ? piece : (pieces[i] = piece());
      ends.push((end += text.length));
    }
    return pieces.length;
  }

  /** Make a block of the pieces, and drop text that will not be shown. */
  #join(): void {
    const texts = this.#texts();
    const ends = Uint32Array.from(this.#ends);
    const end = ends[ends.length - 1];
    const kept = this.#blocks.reduce((sum, { text = '' }) => sum + text.length, 0);
    const isFull = (this.level & LOG_LEVEL.FIXED) !== 0 && kept >= this.#capacity;
    this.#blocks.push({ mark: this.#joined, ends, text: isFull ? undefined : texts.join('') });
    this.#joined += texts.length;
    this.#joinedBytes += end;
    this.#pieces = [];
    this.#ends = [];
    if (this.level & LOG_LEVEL.FIXED) return;
    // What is behind may be cut off again: then its beginning is wanted after all.
    let spare = kept + end - Math.max(this.#capacity, ALWAYS_KEPT);
    for (const block of this.#blocks) {
      const size = block.text?.length ?? 0;
      if (size > spare) return;
      block.text = undefined;
      spare -= size;
    }
  }
}
