/**
 * Instructions to an executable, once per program. Canonical opcodes are those of RFC 9669 with the source bit clear,
 * since immediates and registers are both operands; the freed opcodes hold the variants that RFC 9669 puts into other
 * fields (CANONICAL). Rejects, with a trap that names the slot, everything that cannot run: what the opcode table does
 * not know, reserved fields, writes to r10, jumps out of the program or into the middle of an `ld_imm64`, a program or
 * sub-program whose end can be run over.
 */
import { Trap } from '../errors/index.ts';
import { ALU, ATOMIC, CLASS, EXIT, JMP, LD_IMM64, MODE, SRC, validate } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, PSEUDO } from '../uapi/index.ts';
import type { Executable, HelperFn, HelperRegistry } from './executable.ts';
import { REGISTER_WORDS } from './executable.ts';

/** Canonical opcodes that are not opcodes of the instruction set with this meaning. */
export const CANONICAL = {
  SDIV64: 0x3f,
  SMOD64: 0x9f,
  MOVSX64: 0xbf,
  SDIV32: 0x3c,
  SMOD32: 0x9c,
  MOVSX32: 0xbc,
  /** Call of a sub-program. */
  CALL_LOCAL: 0x86,
  /** Helper 12. */
  TAIL_CALL: 0x96,
  /** A load that gives 0 where there is nothing to read; its immediate is its opcode. */
  GUARDED_LOAD: 0x21,
  /** The slot behind the program, and second slots. */
  NEVER: 0x00,
  /** Cannot run: `Executable.invalid` says why. */
  INVALID: 0x01,
} as const;

const TAIL_CALL_HELPER = 12;
const FRAME_POINTER = 10;

export interface CompileOptions<Env> {
  readonly helpers: HelperRegistry<Env>;
  /**
   * The address that an `ld_imm64` with a pseudo source loads (a map's header, a map's value). Absent or undefined: the
   * slot cannot run.
   */
  resolve?(slot: number, insn: Instruction): number | undefined;
  /**
   * An instruction that cannot run is a trap when the program comes to it, not before: a verified program may hold such
   * instructions where it never comes.
   */
  readonly lazy?: boolean;
  /** As `Executable.inlinedLoops`; none. */
  readonly inlinedLoops?: ReadonlySet<number>;
  /** Slots of loads that give 0 where there is nothing to read; none. */
  readonly guardedLoads?: ReadonlySet<number>;
}

/** @throws Trap at the first instruction that cannot run. */
export function compile<Env>(insns: readonly Instruction[], options: CompileOptions<Env>): Executable<Env> {
  const compiler = new Compiler(insns, options);
  return compiler.finish();
}

class Compiler<Env> {
  readonly #insns: readonly Instruction[];
  readonly #options: CompileOptions<Env>;
  readonly #op: Uint8Array;
  readonly #dst: Uint8Array;
  readonly #src: Uint32Array;
  readonly #off: Int32Array;
  readonly #imm: Int32Array;
  readonly #helpers: (HelperFn<Env> | undefined)[] = [];
  readonly #invalid = new Map<number, string>();
  readonly #constants: number[] = [];
  readonly #constantAt = new Map<string, number>();
  /** Slots that start a sub-program. */
  readonly #entries = new Set<number>([0]);
  /** Slots that load the address of one. */
  readonly #functionLoads = new Set<number>();

  constructor(insns: readonly Instruction[], options: CompileOptions<Env>) {
    this.#insns = insns;
    this.#options = options;
    const size = insns.length + 1;
    this.#op = new Uint8Array(size);
    this.#dst = new Uint8Array(size);
    this.#src = new Uint32Array(size);
    this.#off = new Int32Array(size);
    this.#imm = new Int32Array(size);
  }

  finish(): Executable<Env> {
    const { length } = this.#insns;
    if (length === 0) throw new Trap('the program is empty', 0);
    for (let slot = 0; slot < length; slot++) {
      try {
        this.#instruction(slot, this.#insns[slot]);
      } catch (error) {
        if (!this.#options.lazy || !(error instanceof Trap)) throw error;
        this.#op[slot] = CANONICAL.INVALID;
        this.#invalid.set(slot, error.reason);
      }
      if (this.#insns[slot].opcode === LD_IMM64) slot++;
    }
    this.#checkTargets();
    this.#checkEnds();
    const file = new Int32Array(REGISTER_WORDS + this.#constants.length);
    file.set(this.#constants, REGISTER_WORDS);
    const [op, dst, src, off, imm] = [this.#op, this.#dst, this.#src, this.#off, this.#imm];
    return {
      length,
      op,
      dst,
      src,
      off,
      imm,
      file,
      helpers: this.#helpers,
      registry: this.#options.helpers,
      invalid: this.#invalid,
      functions: this.#entries,
      functionLoads: this.#functionLoads,
      inlinedLoops: this.#options.inlinedLoops ?? new Set(),
    };
  }

  /** The word of a constant in the operand file. */
  #constant(low: number, high: number): number {
    const key = `${low},${high}`;
    let at = this.#constantAt.get(key);
    if (at === undefined) {
      at = REGISTER_WORDS + this.#constants.length;
      this.#constants.push(low, high);
      this.#constantAt.set(key, at);
    }
    return at;
  }

  #put(slot: number, op: number, insn: Instruction, src: number, off: number = insn.off): void {
    this.#op[slot] = op;
    this.#dst[slot] = insn.dst * 2;
    this.#src[slot] = src;
    this.#off[slot] = off;
    this.#imm[slot] = insn.imm;
  }

  #instruction(slot: number, insn: Instruction): void {
    // Linux does not look at the offset of an exit.
    const looksAt = this.#options.lazy && insn.opcode === EXIT ? { ...insn, off: 0 } : insn;
    const problem = validate(looksAt, this.#insns[slot + 1]);
    if (problem !== undefined) throw new Trap(problem, slot);
    switch (insn.opcode & 7) {
      case CLASS.ALU:
      case CLASS.ALU64:
        return this.#arithmetic(slot, insn);
      case CLASS.JMP:
      case CLASS.JMP32:
        return this.#jump(slot, insn);
      case CLASS.LDX:
        return this.#load(slot, insn, insn.opcode);
      case CLASS.ST:
        return this.#put(slot, insn.opcode | CLASS.STX, insn, this.#constant(insn.imm, insn.imm >> 31));
      case CLASS.STX:
        return this.#store(slot, insn);
      default:
        if (insn.opcode === LD_IMM64) return this.#wideImmediate(slot, insn);
        return this.#put(slot, insn.opcode, insn, insn.src * 2);
    }
  }

  #writes(slot: number, register: number): void {
    if (register === FRAME_POINTER) throw new Trap('r10 is read-only', slot);
  }

  /** The source operand of arithmetic and jumps. */
  #operand(insn: Instruction): number {
    return insn.opcode & SRC.X ? insn.src * 2 : this.#constant(insn.imm, insn.imm >> 31);
  }

  #arithmetic(slot: number, insn: Instruction): void {
    const { opcode, off } = insn;
    const code = opcode & 0xf0;
    this.#writes(slot, insn.dst);
    if (code === ALU.END || code === ALU.NEG) return this.#put(slot, opcode, insn, 0);
    if (code === ALU.MOV && off === 1) throw new Trap('addr_space_cast needs an arena', slot);
    // An offset tells the signed and sign-extending variants.
    this.#put(slot, off === 0 ? opcode & ~SRC.X : opcode | SRC.X, insn, this.#operand(insn));
  }

  #jump(slot: number, insn: Instruction): void {
    const { opcode, off, imm } = insn;
    const next = slot + 1;
    switch (opcode & 0xf0) {
      case JMP.JA:
        return this.#put(slot, CLASS.JMP | JMP.JA, insn, 0, next + ((opcode & 7) === CLASS.JMP32 ? imm : off));
      case JMP.CALL:
        return this.#call(slot, insn);
      case JMP.EXIT:
        return this.#put(slot, opcode, insn, 0);
    }
    this.#put(slot, opcode & ~SRC.X, insn, this.#operand(insn), next + off);
  }

  #call(slot: number, insn: Instruction): void {
    const { opcode, imm } = insn;
    if (opcode & SRC.X) return this.#put(slot, opcode, insn, 0);
    if (insn.src === CALL_PSEUDO.CALL) {
      this.#entries.add(slot + 1 + imm);
      return this.#put(slot, CANONICAL.CALL_LOCAL, insn, 0, slot + 1 + imm);
    }
    if (insn.src !== CALL_PSEUDO.HELPER) throw new Trap(`call of kernel function ${imm}`, slot);
    if (imm === TAIL_CALL_HELPER) return this.#put(slot, CANONICAL.TAIL_CALL, insn, 0);
    this.#helpers[slot] = this.#options.helpers(imm);
    this.#put(slot, opcode, insn, 0);
  }

  #load(slot: number, insn: Instruction, opcode: number): void {
    this.#writes(slot, insn.dst);
    const guarded = this.#options.guardedLoads?.has(slot) ?? false;
    if (guarded) this.#put(slot, CANONICAL.GUARDED_LOAD, { ...insn, imm: opcode }, insn.src * 2);
    else this.#put(slot, opcode, insn, insn.src * 2);
  }

  #store(slot: number, insn: Instruction): void {
    const { opcode, imm } = insn;
    const size = opcode & 0x18;
    if ((opcode & 0xe0) === MODE.MEM) return this.#put(slot, opcode, insn, insn.src * 2);
    // One CPU sees its own accesses in program order: acquire and release are a plain load and store.
    if (imm === ATOMIC.STORE_REL) return this.#put(slot, CLASS.STX | size | MODE.MEM, insn, insn.src * 2);
    if (imm === ATOMIC.LOAD_ACQ) return this.#load(slot, insn, CLASS.LDX | size | MODE.MEM);
    if (imm & ATOMIC.FETCH && imm !== ATOMIC.CMPXCHG) this.#writes(slot, insn.src);
    this.#put(slot, opcode, insn, insn.src * 2);
  }

  #wideImmediate(slot: number, insn: Instruction): void {
    this.#writes(slot, insn.dst);
    let [low, high] = [insn.imm, this.#insns[slot + 1].imm];
    if (insn.src === PSEUDO.FUNC) {
      // The address of a function is its first slot: no memory.
      [low, high] = [slot + 1 + insn.imm, 0];
      this.#entries.add(low);
      this.#functionLoads.add(slot);
    } else if (insn.src !== 0) {
      const address = this.#options.resolve?.(slot, insn);
      if (address === undefined) throw new Trap(`ld_imm64 with source ${insn.src} loads nothing here`, slot);
      [low, high] = [address | 0, 0];
    }
    this.#put(slot, LD_IMM64, insn, this.#constant(low, high));
  }

  #checkTargets(): void {
    for (const slot of this.#functionLoads) this.#checkTarget(slot, slot + 1 + this.#insns[slot].imm);
    for (let slot = 0; slot < this.#insns.length; slot++) {
      const op = this.#op[slot];
      if (!isJump(op)) continue;
      this.#checkTarget(slot, this.#off[slot]);
    }
  }

  #checkTarget(slot: number, target: number): void {
    if (target < 0 || target >= this.#insns.length) throw new Trap(`jump out of the program to ${target}`, slot);
    if (this.#op[target] === CANONICAL.NEVER) throw new Trap(`jump into the middle of ld_imm64 at ${target}`, slot);
  }

  /** Every sub-program ends with `exit` or an unconditional jump, and jumps stay inside. */
  #checkEnds(): void {
    const starts = [...this.#entries, this.#insns.length].sort((a, b) => a - b);
    for (let i = 0; i + 1 < starts.length; i++) {
      const [start, end] = [starts[i], starts[i + 1]];
      const last = this.#op[end - 1];
      // What a verified program never reaches may be anything, its last instruction too.
      if (last !== (CLASS.JMP | JMP.EXIT) && last !== (CLASS.JMP | JMP.JA) && last !== CANONICAL.INVALID) {
        throw new Trap('the last instruction is not an exit or jump', end - 1);
      }
      for (let slot = start; slot < end; slot++) {
        if (!isJump(this.#op[slot]) || this.#op[slot] === CANONICAL.CALL_LOCAL) continue;
        const target = this.#off[slot];
        if (target < start || target >= end) throw new Trap(`jump out of the sub-program to ${target}`, slot);
      }
    }
  }
}

/** Whether `off` is a slot. */
function isJump(op: number): boolean {
  if (op === CANONICAL.CALL_LOCAL) return true;
  const jumps = (op & 7) === CLASS.JMP || (op & 7) === CLASS.JMP32;
  const code = op & 0xf0;
  return jumps && code !== JMP.CALL && code !== JMP.EXIT;
}
