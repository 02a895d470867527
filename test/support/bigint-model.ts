/**
 * A second, plain reading of RFC 9669 for comparison with the interpreter: registers are BigInts, memory is an array of
 * bytes that starts at address 0. Arithmetic, jumps, loads, stores and atomics; no calls, no packets.
 */
import { ALU, ATOMIC, CLASS, JMP, MODE, accessSize, type Instruction } from '../../src/isa/index.ts';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

export class Model {
  readonly regs: bigint[] = new Array<bigint>(11).fill(0n);
  readonly memory: Uint8Array;
  pc = 0;

  constructor(memorySize = 0) {
    this.memory = new Uint8Array(memorySize);
  }

  /** Run to `exit`. */
  run(insns: readonly Instruction[], limit = 100_000): bigint {
    for (let n = 0; n < limit; n++) {
      const insn = insns[this.pc++];
      if (insn.opcode === (CLASS.JMP | JMP.EXIT)) return this.regs[0];
      this.#step(insn, insns);
    }
    throw new Error('the model ran too long');
  }

  #step(insn: Instruction, insns: readonly Instruction[]): void {
    switch (insn.opcode & 7) {
      case CLASS.ALU:
      case CLASS.ALU64:
        this.regs[insn.dst] = this.#alu(insn);
        break;
      case CLASS.JMP:
      case CLASS.JMP32:
        if (this.#taken(insn)) this.pc += insn.opcode === (CLASS.JMP32 | JMP.JA) ? insn.imm : insn.off;
        break;
      case CLASS.LD:
        this.regs[insn.dst] = u64((BigInt(insns[this.pc++].imm) << 32n) | BigInt(insn.imm >>> 0));
        break;
      case CLASS.LDX:
        this.#load(insn);
        break;
      case CLASS.ST:
        this.#write(this.#address(insn.dst, insn), accessSize(insn.opcode), BigInt(insn.imm));
        break;
      default:
        this.#store(insn);
    }
  }

  /** The source operand, cut to the operation's width. */
  #operand(insn: Instruction, bits: number): bigint {
    return BigInt.asUintN(bits, insn.opcode & 8 ? this.regs[insn.src] : BigInt(insn.imm));
  }

  #alu(insn: Instruction): bigint {
    const bits = (insn.opcode & 7) === CLASS.ALU64 ? 64 : 32;
    const code = insn.opcode & 0xf0;
    if (code === ALU.END) return this.#byteOrder(insn);
    const a = BigInt.asUintN(bits, this.regs[insn.dst]);
    const b = this.#operand(insn, bits);
    const [sa, sb] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
    const shift = b & BigInt(bits - 1);
    const signed = insn.off === 1;
    const results: Record<number, () => bigint> = {
      [ALU.ADD]: () => a + b,
      [ALU.SUB]: () => a - b,
      [ALU.MUL]: () => a * b,
      [ALU.DIV]: () => (b === 0n ? 0n : signed ? sa / sb : a / b),
      [ALU.MOD]: () => (b === 0n ? a : signed ? sa % sb : a % b),
      [ALU.OR]: () => a | b,
      [ALU.AND]: () => a & b,
      [ALU.XOR]: () => a ^ b,
      [ALU.LSH]: () => a << shift,
      [ALU.RSH]: () => a >> shift,
      [ALU.ARSH]: () => sa >> shift,
      [ALU.NEG]: () => -a,
      [ALU.MOV]: () => (insn.off ? BigInt.asIntN(insn.off, b) : b),
    };
    return BigInt.asUintN(bits, results[code]());
  }

  #byteOrder({ opcode, dst, imm }: Instruction): bigint {
    const value = BigInt.asUintN(imm, this.regs[dst]);
    if (opcode === (CLASS.ALU | ALU.END)) return value;
    const bytes =
      value
        .toString(16)
        .padStart(imm / 4, '0')
        .match(/../g) ?? [];
    return BigInt(`0x${bytes.reverse().join('')}`);
  }

  #taken(insn: Instruction): boolean {
    const bits = (insn.opcode & 7) === CLASS.JMP ? 64 : 32;
    const a = BigInt.asUintN(bits, this.regs[insn.dst]);
    const b = this.#operand(insn, bits);
    const [sa, sb] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
    const results: Record<number, boolean> = {
      [JMP.JA]: true,
      [JMP.JEQ]: a === b,
      [JMP.JNE]: a !== b,
      [JMP.JGT]: a > b,
      [JMP.JGE]: a >= b,
      [JMP.JLT]: a < b,
      [JMP.JLE]: a <= b,
      [JMP.JSGT]: sa > sb,
      [JMP.JSGE]: sa >= sb,
      [JMP.JSLT]: sa < sb,
      [JMP.JSLE]: sa <= sb,
      [JMP.JSET]: (a & b) !== 0n,
    };
    return results[insn.opcode & 0xf0];
  }

  #address(register: number, { off }: Instruction): number {
    return Number(this.regs[register]) + off;
  }

  #load(insn: Instruction): void {
    const size = accessSize(insn.opcode);
    const value = this.#read(this.#address(insn.src, insn), size);
    const signed = (insn.opcode & 0xe0) === MODE.MEMSX;
    this.regs[insn.dst] = signed ? u64(BigInt.asIntN(8 * size, value)) : value;
  }

  #store(insn: Instruction): void {
    const address = this.#address(insn.dst, insn);
    const size = accessSize(insn.opcode);
    if ((insn.opcode & 0xe0) === MODE.MEM) return this.#write(address, size, this.regs[insn.src]);
    const old = this.#read(address, size);
    const operand = BigInt.asUintN(8 * size, this.regs[insn.src]);
    const { regs } = this;
    if (insn.imm === ATOMIC.CMPXCHG) {
      if (BigInt.asUintN(8 * size, regs[0]) === old) this.#write(address, size, operand);
      regs[0] = old;
      return;
    }
    const results: Record<number, bigint> = {
      [ATOMIC.ADD]: old + operand,
      [ATOMIC.OR]: old | operand,
      [ATOMIC.AND]: old & operand,
      [ATOMIC.XOR]: old ^ operand,
      [ATOMIC.XCHG & ~1]: operand,
    };
    this.#write(address, size, results[insn.imm & ~ATOMIC.FETCH]);
    if (insn.imm & ATOMIC.FETCH) regs[insn.src] = old;
  }

  #read(address: number, size: number): bigint {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.memory[address + i]);
    return value;
  }

  #write(address: number, size: number, value: bigint): void {
    for (let i = 0; i < size; i++) this.memory[address + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}
