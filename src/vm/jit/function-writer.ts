/**
 * One function of a program as a WebAssembly function under way: registers are i64 locals, operands are registers or the
 * executable's constants. The files that translate instructions write through this.
 */
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Code, Index, Label, ModuleWriter, Op } from '../../wasm/index.ts';
import type { Executable } from '../executable.ts';
import { REGISTER_WORDS } from '../executable.ts';
import type { FlowGraph } from './flow-graph.ts';
import type { FunctionFacts } from './frame.ts';
import type { Imports } from './imports.ts';
import type { JitOptions } from './options.ts';

export const FRAME_POINTER = 10;
export const REGISTERS = 11;

/** The parts of an executable that the JIT reads: it compiles what the interpreter runs. */
export type Program = Pick<
  Executable<never>,
  'length' | 'op' | 'dst' | 'src' | 'off' | 'imm' | 'file' | 'invalid' | 'functionLoads' | 'inlinedLoops'
> & {
  readonly helpers: readonly unknown[];
};

/** Globals of a module. */
export interface Globals {
  /** Instructions that may still run: i64. */
  readonly budget: Index;
}

/** What all functions of a module share. */
export interface ModuleParts {
  readonly module: ModuleWriter;
  readonly program: Program;
  readonly options: JitOptions;
  readonly imports: Imports;
  readonly globals: Globals;
  /** The function of each sub-program by its first slot. */
  readonly functions: ReadonlyMap<number, Index>;
  /** Whether the program has tail calls. */
  readonly tailCalls: boolean;
  /** First slots of the functions whose address is loaded. */
  readonly callbacks: readonly number[];
  /** Functions that may be written where they are called, by first slots: see inline.ts. */
  readonly inlined: ReadonlyMap<number, FlowGraph>;
  /** Write such a function with its registers set. */
  readonly writeInlined: (at: InlinedAt, registers: readonly Index[], graph: FlowGraph) => void;
  /** Functions that are made when they are first called: see made-function.ts. */
  readonly made: Map<string, Index>;
}

/** Where a function is written that is not called. */
export interface InlinedAt {
  readonly caller: FunctionWriter;
  /** What its exits branch to, with r0 set. */
  readonly end: Label;
  /** Promoted slots of the caller that it accesses, by its slots. */
  readonly callers: ReadonlyMap<number, number>;
}

/** Calls that one function of WebAssembly has inlined at most: V8 limits its locals. */
const MAX_INLINED = 64;

export class FunctionWriter {
  readonly code: Code;
  readonly parts: ModuleParts;
  readonly program: Program;
  readonly options: JitOptions;
  /** Whether this is the main program. */
  readonly isMain: boolean;
  /** Local of each register. */
  readonly registers: readonly Index[];
  readonly facts: FunctionFacts | undefined;
  /** What `exit` branches to in a function that is written where it is called. */
  readonly end: Label | undefined;
  /** Calls that may still be inlined. */
  readonly inlining: { left: number };
  readonly #inlinedAt: InlinedAt | undefined;
  /** Local of each promoted stack slot. */
  readonly #slots: readonly Index[];
  readonly #scratch: (Index | undefined)[] = [];
  /** What is left of the fuel, where the program counts it; memory has it wherever others run. */
  readonly fuel: Index | undefined;
  /** Locals of `may_goto`: rounds since the last look at the clock, and what that gave. */
  #mayGoto: readonly [rounds: Index, token: Index] | undefined;

  /** @param facts known in mode `verified` */
  constructor(
    code: Code,
    parts: ModuleParts,
    isMain: boolean,
    registers: readonly Index[],
    facts: FunctionFacts | undefined,
    inlinedAt?: InlinedAt,
  ) {
    this.code = code;
    this.parts = parts;
    this.program = parts.program;
    this.options = parts.options;
    this.isMain = isMain;
    this.registers = registers;
    this.facts = facts;
    this.#inlinedAt = inlinedAt;
    this.end = inlinedAt?.end;
    this.inlining = inlinedAt?.caller.inlining ?? { left: MAX_INLINED };
    if (inlinedAt !== undefined) this.fuel = inlinedAt.caller.fuel;
    else this.fuel = parts.options.fuel ? code.local(TYPE.I64) : undefined;
    this.#slots = Array.from({ length: facts?.slots ?? 0 }, () => code.local(TYPE.I64));
  }

  /** The local that an access of the stack became: an i64 that holds the bytes zero-extended. */
  promoted(at: number): Index | undefined {
    const slot = this.facts?.promoted.get(at);
    if (slot !== undefined) return this.#slots[slot];
    const [caller, callers] = [this.#inlinedAt?.caller, this.#inlinedAt?.callers.get(at)];
    return caller === undefined || callers === undefined ? undefined : caller.#slots[callers];
  }

  /** Promoted slots are 0 where a function starts; in a loop they would keep what the last round left. */
  clearSlots(): void {
    for (const slot of this.#slots) {
      this.code.i64(0, 0);
      this.code.set(slot);
    }
  }

  op(op: Op): void {
    this.code.op(op);
  }

  /** A local that nobody relies on: an i32, or an i64. */
  scratch(type: typeof TYPE.I32 | typeof TYPE.I64): Index {
    return (this.#scratch[type] ??= this.code.local(type));
  }

  get mayGoto(): readonly [rounds: Index, token: Index] {
    return (this.#mayGoto ??= [this.code.local(TYPE.I32), this.code.local(TYPE.I32)]);
  }

  getRegister(n: number): void {
    this.code.get(this.registers[n]);
  }

  setRegister(n: number): void {
    this.code.set(this.registers[n]);
  }

  /** All 64 bits of the destination. */
  dst64(at: number): void {
    this.getRegister(this.program.dst[at] >> 1);
  }

  /** The low word of the destination. */
  dst32(at: number): void {
    this.dst64(at);
    this.op(OP.i32_wrap_i64);
  }

  src64(at: number): void {
    const { src, file } = this.program;
    const word = src[at];
    if (word < REGISTER_WORDS) this.getRegister(word >> 1);
    else this.code.i64(file[word], file[word + 1]);
  }

  src32(at: number): void {
    const { src, file } = this.program;
    const word = src[at];
    if (word >= REGISTER_WORDS) return this.code.i32(file[word]);
    this.getRegister(word >> 1);
    this.op(OP.i32_wrap_i64);
  }

  /** The source as the words of a constant; undefined: it is a register. */
  constant(at: number): { readonly low: number; readonly high: number } | undefined {
    const { src, file } = this.program;
    const word = src[at];
    return word < REGISTER_WORDS ? undefined : { low: file[word], high: file[word + 1] };
  }

  setDst64(at: number): void {
    this.setRegister(this.program.dst[at] >> 1);
  }

  /** The destination becomes a 32-bit number, zero-extended. */
  setDst32(at: number): void {
    this.op(OP.i64_extend_i32_u);
    this.setDst64(at);
  }

  /** Both words of a register. */
  words(n: number): void {
    this.getRegister(n);
    this.op(OP.i32_wrap_i64);
    this.getRegister(n);
    this.code.i64(32, 0);
    this.op(OP.i64_shr_u);
    this.op(OP.i32_wrap_i64);
  }

  /** r0 from the low word on the stack and the high word in memory at `address`. */
  setResult(address: number): void {
    this.op(OP.i64_extend_i32_u);
    this.code.i32(address);
    this.code.access(ACCESS.i64_load32_u, 0);
    this.code.i64(32, 0);
    this.op(OP.i64_shl);
    this.op(OP.i64_or);
    this.setRegister(0);
  }
}
