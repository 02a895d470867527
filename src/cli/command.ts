/** What a noun of the command line is. One file a noun; `main.ts` has the table and loads a noun only when it is called. */

/** Where a command reads and writes; tests give their own. */
export interface Io {
  /** Write to standard output. */
  out(text: string): void;
  /** Write to standard error. */
  err(text: string): void;
  /** Resolves when the reader of standard output can take more; for commands whose output has no bounds. */
  drained?(): Promise<void>;
  /** All of standard input. */
  stdin(): AsyncIterable<Uint8Array>;
  /** Whether standard error is a terminal: progress is shown only then. */
  readonly interactive: boolean;
  /** Whether standard output is a terminal that wants colours. */
  readonly colours?: boolean;
}

export interface Command {
  /** First lines of `skep NOUN --help`: usage, options, examples. */
  readonly help: string;
  /** @returns the exit code: 0 done, 1 a refused program or failed check, 2 bad usage or unreadable input. */
  run(args: string[], io: Io): Promise<number>;
}

/** Wrong arguments; printed with a pointer to --help, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
