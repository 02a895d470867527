/**
 * The lines of `trace_pipe`: events that are switched on, what programs print, and why one was detached. At most so many wait
 * for a reader; then the oldest go, and the reader is told how many. Lines are worded and laid out as ftrace's, measured on
 * Linux 6.18; the five flags of what was off or held are always dots.
 *
 *     for await (const line of pipe) …      // ends when the pipe is closed
 *     pipe.read()                           // what is there, as reading the file without waiting
 */

export interface TracePipeOptions {
  /** Most lines that wait; 4,096. */
  readonly capacity?: number;
  /** Nanoseconds; the host's `performance.now`. */
  readonly clock?: () => number;
  /** Whose events these are; `skep`, 1. */
  readonly task?: { readonly comm: string; readonly pid: number };
}

export class TracePipe implements AsyncIterable<string> {
  readonly #capacity: number;
  readonly #clock: () => number;
  readonly #who: string;
  /** Lines from `#first` on. */
  #lines: string[] = [];
  #first = 0;
  #lost = 0;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor({ capacity = 4096, clock, task }: TracePipeOptions = {}) {
    this.#capacity = Math.max(1, Math.floor(capacity));
    this.#clock = clock ?? (() => performance.now() * 1e6);
    const { comm, pid } = task ?? { comm: 'skep', pid: 1 };
    this.#who = `${comm.padStart(16)}-${String(pid).padEnd(7)} [000] .....`;
  }

  /** Add what happened now: `name: text`, behind who, where and when. */
  print(name: string, text: string): void {
    const micros = Math.floor(this.#clock() / 1000);
    const seconds = String(Math.floor(micros / 1e6)).padStart(5);
    this.add(`${this.#who} ${seconds}.${String(micros % 1e6).padStart(6, '0')}: ${name}: ${text}`);
  }

  /** Add a whole line. */
  add(line: string): void {
    if (this.#closed) return;
    if (this.#lines.length - this.#first === this.#capacity) {
      this.#lines[this.#first++] = '';
      this.#lost++;
      if (this.#first === this.#capacity) {
        this.#lines = this.#lines.slice(this.#first);
        this.#first = 0;
      }
    }
    this.#lines.push(line);
    this.#wake();
  }

  /** The next line, or undefined where none waits. */
  next(): string | undefined {
    if (this.#lost > 0) {
      const line = `CPU:0 [LOST ${this.#lost} EVENTS]`;
      this.#lost = 0;
      return line;
    }
    if (this.#first === this.#lines.length) return undefined;
    const line = this.#lines[this.#first];
    this.#lines[this.#first++] = '';
    if (this.#first === this.#lines.length) {
      this.#lines = [];
      this.#first = 0;
    }
    return line;
  }

  /** All lines that wait, each with its end of line. */
  read(): string {
    let text = '';
    for (let line = this.next(); line !== undefined; line = this.next()) text += `${line}\n`;
    return text;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    for (;;) {
      const line = this.next();
      if (line !== undefined) yield line;
      else if (this.#closed) return;
      else await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** What waits can still be read. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#waiting.size === 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
