/** How a program is compiled. */

/** The context struct, where some fields are narrower on Linux than the struct that programs see. */
export interface NarrowContextRange {
  /** Address in the memory. */
  readonly base: number;
  /** Bytes. */
  readonly size: number;
}

export interface JitOptions {
  /**
   * `checked`: every access is checked, for programs that nobody verified; traps are the interpreter's.
   * `verified`: no checks.
   */
  readonly mode: 'checked' | 'verified';
  /** Address of the engine's own page, see `AREA`. */
  readonly area: number;
  /** Top of the main program's stack frame. */
  readonly frameTop: number;
  /** Mode `verified`: bytes of the main program's frame that it may use. Mode `checked` zeroes all of it. */
  readonly stackDepth: number;
  /** Mode `checked`: count instructions against a budget. */
  readonly budget: boolean;
  /** Absent: the context is plain memory. */
  readonly narrow?: NarrowContextRange;
}
