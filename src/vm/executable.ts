/**
 * The form that the interpreter runs: one entry per slot in parallel arrays, so that the loop reads plain integers.
 * An immediate is an operand like a register: it lies, sign-extended to 64 bits, behind the eleven registers in the
 * executable's operand file, so that every operation has one implementation.
 */

/** Words of the operand file that are registers: r0-r10, each a low and a high word. */
export const REGISTER_WORDS = 22;

/**
 * A helper. Arguments are the words of r1-r5 (`r[2]` is r1's low word, `r[3]` its high word); the result goes to `r[0]`
 * and `r[1]`. `slot` is the call's, for traps, in `program`. A helper may grow the memory. One of CALLING_HELPERS may answer calls
 * to make first.
 */
export type HelperFn<Env> = (env: Env, r: Int32Array, slot: number, program: Executable<never>) => void | Calls;

/**
 * Calls of a function of the program that a helper makes: `bpf_loop`, `bpf_for_each_map_elem`. The engine makes them, so that a
 * callback can be stepped and compiled like any other code.
 */
export interface Calls {
  /** First slot of the function. */
  readonly callback: number;
  /**
   * Prepare the next call: its arguments go to the words of r1-r5, which hold 0.
   * @param returned r0's low word of the last call; 0 before the first
   * @returns false: there is none; the helper's result is in `r[0]` and `r[1]`
   */
  next(r: Int32Array, returned: number): boolean;
}

/** The helper with a number, or undefined: calling it is a trap. */
export type HelperRegistry<Env> = (id: number) => HelperFn<Env> | undefined;

export interface Executable<Env> {
  /** Slots of the program. The arrays have one entry more, where running off the end traps. */
  readonly length: number;
  /** What to do: an opcode in canonical form, see compile.ts. */
  readonly op: Uint8Array;
  /** Word of the destination in the operand file. */
  readonly dst: Uint8Array;
  /** Word of the source in the operand file: a register or a constant. */
  readonly src: Uint32Array;
  /** Offset of memory accesses in bytes; the absolute slot that jumps and calls go to. */
  readonly off: Int32Array;
  /** The instruction's immediate, where it is no operand: kind of an atomic, width of a swap, offset in a packet. */
  readonly imm: Int32Array;
  /** Registers, then constants. A program that runs owns it. */
  readonly file: Int32Array;
  /** The helper of each call slot. */
  readonly helpers: readonly (HelperFn<Env> | undefined)[];
  readonly registry: HelperRegistry<Env>;
  /** Why a slot cannot run. */
  readonly invalid: ReadonlyMap<number, string>;
  /** First slots of the main program and of all functions that are called or whose address is loaded. */
  readonly functions: ReadonlySet<number>;
  /** Slots of the `ld_imm64` that load the address of one. */
  readonly functionLoads: ReadonlySet<number>;
  /** Slots of the calls of `bpf_loop` that Linux makes loops of. */
  readonly inlinedLoops: ReadonlySet<number>;
}
