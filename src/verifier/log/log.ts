/**
 * The log as the kernel keeps it: text grows, and below level 2 it is cut back to where a path began when that path
 * turned out fine, so that a refusal shows only the path that led to it. A log that outgrows its buffer keeps its end
 * (its beginning with level bit FIXED), and still counts every byte. All text is ASCII.
 */
import { LOG_LEVEL } from '../api.ts';

/** Chunks are joined into blocks when there are this many, but for the last few, which a reset may take back. */
const MANY = 8192;
const KEEP = 64;
/** Bytes from which on a chunk is a block, and is not joined again. */
const BLOCK = 1 << 16;

export class Log {
  readonly level: number;
  readonly #capacity: number;
  #chunks: string[] = [];
  #length = 0;
  /** Chunks at which they are joined next. */
  #limit = MANY;

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

  /** Bytes written so far, kept or not. */
  get length(): number {
    return this.#length;
  }

  /** Append, at any level but 0. */
  write(text: string): void {
    if (this.level === 0) return;
    const isFull = (this.level & LOG_LEVEL.FIXED) !== 0 && this.#length >= this.#capacity;
    if (!isFull) this.#chunks.push(text);
    this.#length += text.length;
    if (this.#chunks.length > this.#limit) {
      this.#compact();
      this.#limit = this.#chunks.length + MANY;
    }
  }

  /** Forget everything behind byte `length`. */
  reset(length: number): void {
    const { chunks, end } = this.#end();
    let at = end;
    while (at > length && chunks.length) {
      const last = chunks.pop()!;
      at -= last.length;
      if (at < length) {
        chunks.push(last.slice(0, length - at));
        at = length;
      }
    }
    this.#length = Math.min(this.#length, length);
  }

  /** What is kept. */
  text(): string {
    const text = this.#chunks.join('');
    if (text.length <= this.#capacity) return text;
    return this.level & LOG_LEVEL.FIXED ? text.slice(0, this.#capacity) : text.slice(-this.#capacity);
  }

  /** The chunks and where their text ends: before `length` only in a full FIXED log. */
  #end(): { chunks: string[]; end: number } {
    let end = this.#length;
    if (this.level & LOG_LEVEL.FIXED) end = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return { chunks: this.#chunks, end };
  }

  /** Join the old chunks, all but the longest ones, and drop what will not be shown. */
  #compact(): void {
    const joined = this.#chunks.findIndex((chunk) => chunk.length < BLOCK);
    const small = this.#chunks.splice(joined, this.#chunks.length - KEEP - joined);
    this.#chunks.splice(joined, 0, small.join(''));
    if (this.level & LOG_LEVEL.FIXED) return;
    const kept = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    let spare = kept - this.#capacity;
    let drop = 0;
    while (drop < joined && this.#chunks[drop].length <= spare) spare -= this.#chunks[drop++].length;
    this.#chunks.splice(0, drop);
  }
}
