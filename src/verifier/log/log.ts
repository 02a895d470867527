/**
 * The log as the kernel keeps it: text grows, and below level 2 it is cut back to where a path began when that path
 * turned out fine, so that a refusal shows only the path that led to it. All text is ASCII.
 */
import { LOG_LEVEL } from '../api.ts';

export class Log {
  readonly level: number;
  #chunks: string[] = [];
  #length = 0;

  constructor(level: number) {
    this.level = level;
  }

  /** Whether BASIC or VERBOSE text is wanted at all. */
  get enabled(): boolean {
    return (this.level & (LOG_LEVEL.BASIC | LOG_LEVEL.VERBOSE)) !== 0;
  }

  get verbose(): boolean {
    return (this.level & LOG_LEVEL.VERBOSE) !== 0;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Append, at any level but 0. */
  write(text: string): void {
    if (this.level === 0) return;
    this.#chunks.push(text);
    this.#length += text.length;
  }

  /** Forget everything behind byte `length`. */
  reset(length: number): void {
    while (this.#length > length) {
      const last = this.#chunks.pop()!;
      this.#length -= last.length;
      if (this.#length < length) {
        const keep = last.slice(0, length - this.#length);
        this.#chunks.push(keep);
        this.#length += keep.length;
      }
    }
  }

  text(): string {
    if (this.#chunks.length > 1) this.#chunks = [this.#chunks.join('')];
    return this.#chunks[0] ?? '';
  }
}
