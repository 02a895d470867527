/**
 * 64-bit arithmetic of a verified function of which only the low word is ever looked at: indices, offsets and addresses, which
 * are 32 bits wide in the one memory. Computed in 32 bits it needs no extension before it is used as an address. Walks
 * backwards from what reads all of a register: 64-bit comparisons, stores and shifts, calls, the end of the function.
 */
import { ALU, ATOMIC, CLASS, JMP, LD_IMM64, MODE, accessSize } from '../../isa/index.ts';
import { CANONICAL } from '../compile.ts';
import { REGISTER_WORDS } from '../executable.ts';
import { width } from './flow-graph.ts';
import type { Block, FlowGraph } from './flow-graph.ts';
import type { Program } from './function-writer.ts';
import { written } from './registers.ts';

/** r1-r5, which calls may read, and r0, which a function gives back. */
const ARGUMENTS = 0b111110;
const RESULT = 0b1;
/** Operations whose low word depends on low words alone. */
const FROM_LOW: ReadonlySet<number> = new Set([ALU.ADD, ALU.SUB, ALU.MUL, ALU.OR, ALU.AND, ALU.XOR, ALU.NEG]);

/**
 * Slots of 64-bit operations that give the same when they are done in 32 bits.
 * @param words jumps that compare low words only
 */
export function lowWordOperations(program: Program, graph: FlowGraph, words: ReadonlySet<number>): ReadonlySet<number> {
  const { blocks } = graph;
  const demand = new Demand(program, words);
  /** Bit n: the high word of register n may be read after the start of the block. */
  const starts = new Uint16Array(blocks.length);
  const behind = ({ successors }: Block): number => successors.reduce((high, to) => high | starts[to], 0);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = blocks.length - 1; i >= 0; i--) {
      const high = demand.before(blocks[i], behind(blocks[i]));
      changed ||= high !== starts[i];
      starts[i] = high;
    }
  }
  const found = new Set<number>();
  for (const block of blocks) demand.before(block, behind(block), found);
  return found;
}

class Demand {
  readonly #program: Program;
  readonly #words: ReadonlySet<number>;

  constructor(program: Program, words: ReadonlySet<number>) {
    this.#program = program;
    this.#words = words;
  }

  /** @param found gets the operations of the block whose high words nobody reads */
  before({ start, last, end }: Block, behind: number, found?: Set<number>): number {
    const { op } = this.#program;
    const slots: number[] = [];
    for (let at = start; at < last; at += width(op[at])) slots.push(at);
    let high = end === 'if' ? behind | this.#compared(last) : end === 'exit' ? RESULT : behind;
    for (const at of slots.reverse()) {
      if (found !== undefined && this.#isFromLow(at) && !(high & this.#destination(at))) found.add(at);
      high = this.#instruction(at, high);
    }
    return high;
  }

  #destination(at: number): number {
    return 1 << (this.#program.dst[at] >> 1);
  }

  #source(at: number): number {
    const { src } = this.#program;
    return src[at] < REGISTER_WORDS ? 1 << (src[at] >> 1) : 0;
  }

  #isFromLow(at: number): boolean {
    const { op, src, file } = this.#program;
    const code = op[at];
    if ((code & 7) !== CLASS.ALU64) return false;
    if ((code & 0xf0) === ALU.LSH) return src[at] >= REGISTER_WORDS && (file[src[at]] & 63) < 32;
    return FROM_LOW.has(code & 0xf0) && code !== CANONICAL.MOVSX64;
  }

  /** What a jump compares. */
  #compared(at: number): number {
    const { op, src, file } = this.#program;
    const code = op[at];
    if ((code & 7) !== CLASS.JMP || (code & 0xf0) === JMP.JCOND || this.#words.has(at)) return 0;
    if ((code & 0xf0) === JMP.JSET && src[at] >= REGISTER_WORDS && file[src[at] + 1] === 0) return 0;
    return this.#destination(at) | this.#source(at);
  }

  /** What is read from before an instruction, given what is read behind it. */
  #instruction(at: number, high: number): number {
    const { op, imm } = this.#program;
    const code = op[at];
    let before = high;
    for (const n of written(this.#program, at)) before &= ~(1 << n);
    switch (code & 7) {
      case CLASS.ALU64:
        return before | this.#operands(at, high);
      case CLASS.ALU:
        return (code & 0xf0) === ALU.END && imm[at] === 64 ? before | this.#destination(at) : before;
      case CLASS.LDX:
        return before;
      case CLASS.LD:
        return code === LD_IMM64 ? before : before | ARGUMENTS;
      case CLASS.STX:
        if (accessSize(code) < 8) return before;
        return before | this.#source(at) | ((code & 0xe0) === MODE.ATOMIC && imm[at] === ATOMIC.CMPXCHG ? RESULT : 0);
    }
    return before | ARGUMENTS | this.#destination(at);
  }

  /** Operands of a 64-bit operation. */
  #operands(at: number, high: number): number {
    const { op, src, file, imm } = this.#program;
    const code = op[at];
    const [destination, source] = [this.#destination(at), this.#source(at)];
    const isRead = (high & destination) !== 0;
    if (code === CANONICAL.MOVSX64) return 0;
    if (code === (CLASS.ALU64 | ALU.MOV)) return isRead ? source : 0;
    if (FROM_LOW.has(code & 0xf0)) return isRead ? destination | source : 0;
    switch (code & 0xf0) {
      case ALU.LSH: // the count is a low word
        return isRead && !(src[at] >= REGISTER_WORDS && (file[src[at]] & 63) >= 32) ? destination : 0;
      case ALU.RSH:
      case ALU.ARSH:
        return destination;
      case ALU.END:
        return imm[at] === 64 ? destination : 0;
      default:
        return destination | source;
    }
  }
}
