/**
 * Instructions to an executable, once per program. Canonical opcodes are those of RFC 9669 with the source bit clear,
 * since immediates and registers are both operands; the freed opcodes hold the variants that RFC 9669 puts into other
 * fields (CANONICAL). Rejects, with a trap that names the slot, everything that cannot run: unknown opcodes, reserved fields,
 * registers above r10, writes to r10, jumps out of the program or into the middle of an `ld_imm64`, a program or
 * sub-program whose end can be run over.
 */
import { Trap } from '../errors/index.ts';
import { ALU, ATOMIC, CLASS, JMP, LD_IMM64, MODE, SIZE, SRC, accessSize } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO } from '../uapi/index.ts';
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
  /** The slot behind the program, and second slots. */
  NEVER: 0x00,
} as const;

const TAIL_CALL_HELPER = 12;
const MAX_REGISTER = 10;

export interface CompileOptions<Env> {
  readonly helpers: HelperRegistry<Env>;
  /**
   * The address that an `ld_imm64` with a pseudo source loads (a map's header, a map's value). Absent or undefined: the
   * slot cannot run.
   */
  resolve?(slot: number, insn: Instruction): number | undefined;
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
  readonly #constants: number[] = [];
  readonly #constantAt = new Map<string, number>();
  /** Slots that start a sub-program. */
  readonly #entries = new Set<number>([0]);

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
      this.#instruction(slot, this.#insns[slot]);
      if (this.#insns[slot].opcode === LD_IMM64) slot++;
    }
    this.#checkTargets();
    this.#checkEnds();
    const file = new Int32Array(REGISTER_WORDS + this.#constants.length);
    file.set(this.#constants, REGISTER_WORDS);
    const [op, dst, src, off, imm] = [this.#op, this.#dst, this.#src, this.#off, this.#imm];
    return { length, op, dst, src, off, imm, file, helpers: this.#helpers, registry: this.#options.helpers };
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
    if (insn.dst > MAX_REGISTER) throw new Trap(`r${insn.dst} is not a register`, slot);
    switch (insn.opcode & 7) {
      case CLASS.ALU:
      case CLASS.ALU64:
        return this.#arithmetic(slot, insn);
      case CLASS.JMP:
      case CLASS.JMP32:
        return this.#jump(slot, insn);
      case CLASS.LDX:
        return this.#load(slot, insn);
      case CLASS.ST:
      case CLASS.STX:
        return this.#store(slot, insn);
      default:
        return this.#immediateOrPacket(slot, insn);
    }
  }

  #reject(slot: number, insn: Instruction): never {
    throw new Trap(`invalid instruction 0x${insn.opcode.toString(16).padStart(2, '0')}`, slot);
  }

  /** Reject where a condition that the encoding demands does not hold. */
  #require(holds: boolean, slot: number, insn: Instruction): void {
    if (!holds) this.#reject(slot, insn);
  }

  #register(slot: number, insn: Instruction): number {
    if (insn.src > MAX_REGISTER) throw new Trap(`r${insn.src} is not a register`, slot);
    return insn.src * 2;
  }

  #writable(slot: number, register: number): void {
    if (register === MAX_REGISTER) throw new Trap('r10 is read-only', slot);
  }

  /** The source operand of arithmetic and jumps. */
  #operand(slot: number, insn: Instruction): number {
    if (insn.opcode & SRC.X) {
      this.#require(insn.imm === 0, slot, insn);
      return this.#register(slot, insn);
    }
    this.#require(insn.src === 0, slot, insn);
    return this.#constant(insn.imm, insn.imm >> 31);
  }

  #arithmetic(slot: number, insn: Instruction): void {
    const { opcode, off, imm } = insn;
    const wide = (opcode & 7) === CLASS.ALU64;
    this.#writable(slot, insn.dst);
    const code = opcode & 0xf0;
    if (code === ALU.END) {
      this.#require(insn.src === 0 && off === 0 && (imm === 16 || imm === 32 || imm === 64), slot, insn);
      this.#require(!wide || !(opcode & SRC.X), slot, insn);
      return this.#put(slot, opcode, insn, 0);
    }
    if (code > ALU.END) this.#reject(slot, insn);
    if (code === ALU.NEG) {
      this.#require(!(opcode & SRC.X) && insn.src === 0 && off === 0 && imm === 0, slot, insn);
      return this.#put(slot, opcode, insn, 0);
    }
    const source = this.#operand(slot, insn);
    let canonical = opcode & ~SRC.X;
    if (off !== 0) {
      if (code === ALU.MOV && off === 1 && wide) throw new Trap('addr_space_cast needs an arena', slot);
      const sign = (code === ALU.DIV || code === ALU.MOD) && off === 1;
      const extend = code === ALU.MOV && !!(opcode & SRC.X) && (off === 8 || off === 16 || (off === 32 && wide));
      this.#require(sign || extend, slot, insn);
      canonical |= SRC.X;
    }
    this.#put(slot, canonical, insn, source);
  }

  #jump(slot: number, insn: Instruction): void {
    const { opcode, off, imm } = insn;
    const narrow = (opcode & 7) === CLASS.JMP32;
    const code = opcode & 0xf0;
    switch (code) {
      case JMP.JA:
        this.#require(!(opcode & SRC.X) && insn.dst === 0 && insn.src === 0, slot, insn);
        this.#require((narrow ? off : imm) === 0, slot, insn);
        return this.#put(slot, CLASS.JMP | JMP.JA, insn, 0, slot + 1 + (narrow ? imm : off));
      case JMP.CALL:
        this.#require(!narrow && off === 0, slot, insn);
        return this.#call(slot, insn);
      case JMP.EXIT:
        this.#require(opcode === (CLASS.JMP | JMP.EXIT) && !insn.dst && !insn.src && !off && !imm, slot, insn);
        return this.#put(slot, opcode, insn, 0);
      case JMP.JCOND:
        this.#require(opcode === (CLASS.JMP | JMP.JCOND) && !insn.dst && !insn.src && !imm, slot, insn);
        return this.#put(slot, opcode, insn, 0, slot + 1 + off);
    }
    if (code > JMP.JCOND) this.#reject(slot, insn);
    this.#put(slot, opcode & ~SRC.X, insn, this.#operand(slot, insn), slot + 1 + off);
  }

  #call(slot: number, insn: Instruction): void {
    const { imm } = insn;
    if (insn.opcode & SRC.X) {
      // clang's old form has the register in `imm`, RFC 9669's in `dst`.
      this.#require(insn.src === 0 && (imm === 0 || (insn.dst === 0 && imm <= MAX_REGISTER && imm > 0)), slot, insn);
      return this.#put(slot, insn.opcode, insn, (insn.dst || imm) * 2);
    }
    this.#require(insn.dst === 0, slot, insn);
    if (insn.src === CALL_PSEUDO.CALL) {
      this.#entries.add(slot + 1 + imm);
      return this.#put(slot, CANONICAL.CALL_LOCAL, insn, 0, slot + 1 + imm);
    }
    if (insn.src !== CALL_PSEUDO.HELPER) throw new Trap(`call of kernel function ${imm}`, slot);
    if (imm === TAIL_CALL_HELPER) return this.#put(slot, CANONICAL.TAIL_CALL, insn, 0);
    this.#helpers[slot] = this.#options.helpers(imm);
    this.#put(slot, insn.opcode, insn, 0);
  }

  #load(slot: number, insn: Instruction): void {
    const mode = insn.opcode & 0xe0;
    const sized = mode === MODE.MEM || (mode === MODE.MEMSX && accessSize(insn.opcode) < 8);
    this.#require(sized && insn.imm === 0, slot, insn);
    this.#writable(slot, insn.dst);
    this.#put(slot, insn.opcode, insn, this.#register(slot, insn));
  }

  #store(slot: number, insn: Instruction): void {
    const { opcode, imm } = insn;
    const mode = opcode & 0xe0;
    if ((opcode & 7) === CLASS.ST) {
      this.#require(mode === MODE.MEM && insn.src === 0, slot, insn);
      return this.#put(slot, opcode | CLASS.STX, insn, this.#constant(imm, imm >> 31));
    }
    const source = this.#register(slot, insn);
    if (mode === MODE.MEM) {
      this.#require(imm === 0, slot, insn);
      return this.#put(slot, opcode, insn, source);
    }
    this.#require(mode === MODE.ATOMIC, slot, insn);
    const size = opcode & 0x18;
    // One CPU sees its own accesses in program order: acquire and release are a plain load and store.
    if (imm === ATOMIC.LOAD_ACQ) {
      this.#writable(slot, insn.dst);
      return this.#put(slot, CLASS.LDX | size | MODE.MEM, insn, source);
    }
    if (imm === ATOMIC.STORE_REL) return this.#put(slot, CLASS.STX | size | MODE.MEM, insn, source);
    this.#require((size === SIZE.W || size === SIZE.DW) && isAtomic(imm), slot, insn);
    if (imm & ATOMIC.FETCH && imm !== ATOMIC.CMPXCHG) this.#writable(slot, insn.src);
    this.#put(slot, opcode, insn, source);
  }

  #immediateOrPacket(slot: number, insn: Instruction): void {
    const { opcode } = insn;
    const mode = opcode & 0xe0;
    if (opcode === LD_IMM64) return this.#wideImmediate(slot, insn);
    const packet = (mode === MODE.ABS || mode === MODE.IND) && accessSize(opcode) < 8;
    this.#require(packet && insn.dst === 0 && insn.off === 0 && (mode === MODE.IND || !insn.src), slot, insn);
    this.#put(slot, opcode, insn, this.#register(slot, insn));
  }

  #wideImmediate(slot: number, insn: Instruction): void {
    this.#writable(slot, insn.dst);
    const second = this.#insns[slot + 1];
    const paired = second !== undefined && !second.opcode && !second.dst && !second.src && !second.off;
    this.#require(paired && insn.off === 0, slot, insn);
    let [low, high] = [insn.imm, second.imm];
    if (insn.src !== 0) {
      const address = this.#options.resolve?.(slot, insn);
      if (address === undefined) throw new Trap(`ld_imm64 with source ${insn.src} loads nothing here`, slot);
      [low, high] = [address | 0, 0];
    }
    this.#put(slot, LD_IMM64, insn, this.#constant(low, high));
  }

  #checkTargets(): void {
    for (let slot = 0; slot < this.#insns.length; slot++) {
      const op = this.#op[slot];
      if (!isJump(op)) continue;
      const target = this.#off[slot];
      if (target < 0 || target >= this.#insns.length) throw new Trap(`jump out of the program to ${target}`, slot);
      if (this.#op[target] === CANONICAL.NEVER) throw new Trap(`jump into the middle of ld_imm64 at ${target}`, slot);
    }
  }

  /** Every sub-program ends with `exit` or an unconditional jump, and jumps stay inside. */
  #checkEnds(): void {
    const starts = [...this.#entries, this.#insns.length].sort((a, b) => a - b);
    for (let i = 0; i + 1 < starts.length; i++) {
      const [start, end] = [starts[i], starts[i + 1]];
      const last = this.#op[end - 1];
      if (last !== (CLASS.JMP | JMP.EXIT) && last !== (CLASS.JMP | JMP.JA)) {
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

function isAtomic(imm: number): boolean {
  const plain = imm & ~ATOMIC.FETCH;
  return (
    imm === ATOMIC.XCHG ||
    imm === ATOMIC.CMPXCHG ||
    plain === ATOMIC.ADD ||
    plain === ATOMIC.OR ||
    plain === ATOMIC.AND ||
    plain === ATOMIC.XOR
  );
}
