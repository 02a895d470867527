/**
 * Random programs about numbers. A program is one straight line: unknown numbers come from unwritten stack bytes, every
 * jump leads to an exit of its own (so that nothing is pruned), and copies are changed at once (so that no two registers
 * are linked).
 */
import { ALU, CLASS, JMP, LD_IMM64, MODE, SIZE, SRC, type Instruction } from '../../src/isa/index.ts';
import type { Random } from '../../src/util/index.ts';

const chance = (r: Random, percent: number): boolean => r.below(100) < percent;

const EDGES = [0n, 1n << 7n, 1n << 8n, 1n << 15n, 1n << 16n, 1n << 31n, 1n << 32n, 1n << 33n, 1n << 62n, 1n << 63n];

/** A 64-bit number, often near a power of two, of either sign. */
function number64(r: Random): bigint {
  const kind = r.below(10);
  if (kind < 2) return BigInt(r.below(17) - 8);
  if (kind < 6) {
    const edge = r.pick(EDGES) + BigInt(r.below(7) - 3);
    return BigInt.asIntN(64, chance(r, 50) ? edge : -edge);
  }
  const bits = 1 + r.below(64);
  const random = BigInt.asUintN(bits, (BigInt(r.u32()) << 32n) | BigInt(r.u32()));
  return BigInt.asIntN(64, chance(r, 70) ? random : -random);
}

const number32 = (r: Random): number => Number(BigInt.asIntN(32, number64(r)));

const FRAME = 10;
const BINARY = [ALU.ADD, ALU.SUB, ALU.MUL, ALU.AND, ALU.OR, ALU.XOR, ALU.LSH, ALU.RSH, ALU.ARSH];
const COMPARE = [
  JMP.JEQ,
  JMP.JNE,
  JMP.JGT,
  JMP.JGE,
  JMP.JLT,
  JMP.JLE,
  JMP.JSGT,
  JMP.JSGE,
  JMP.JSLT,
  JMP.JSLE,
  JMP.JSET,
];

class Builder {
  readonly insns: Instruction[] = [];
  readonly jumps: number[] = [];
  readonly r: Random;
  constructor(r: Random) {
    this.r = r;
  }
  emit(opcode: number, dst = 0, src = 0, off = 0, imm = 0): void {
    this.insns.push({ opcode, dst, src, off, imm });
  }
  /** One of the four numbers in play; r5 is for constants. */
  reg(): number {
    return this.r.below(4);
  }
  load(dst: number): void {
    const { r } = this;
    const signed = chance(r, 30);
    const size = signed
      ? r.pick([SIZE.B, SIZE.H, SIZE.W])
      : r.pick([SIZE.B, SIZE.H, SIZE.W, SIZE.DW, SIZE.DW, SIZE.DW]);
    this.emit(CLASS.LDX | size | (signed ? MODE.MEMSX : MODE.MEM), dst, FRAME, -8);
  }
  constant(dst: number): void {
    const value = number64(this.r);
    this.emit(LD_IMM64, dst, 0, 0, Number(BigInt.asIntN(32, value)));
    this.emit(0, 0, 0, 0, Number(value >> 32n));
  }
  branch(dst = this.reg()): void {
    const { r } = this;
    const cls = chance(r, 40) ? CLASS.JMP32 : CLASS.JMP;
    const op = r.pick(COMPARE);
    const kind = r.below(10);
    if (kind < 3) this.constant(5);
    this.jumps.push(this.insns.length);
    if (kind < 3 && chance(r, 20)) this.emit(cls | op | SRC.X, 5, dst);
    else if (kind < 3) this.emit(cls | op | SRC.X, dst, 5);
    else if (kind < 6) this.emit(cls | op | SRC.X, dst, chance(r, 10) ? dst : this.other(dst));
    else this.emit(cls | op | SRC.K, dst, 0, 0, number32(r));
  }
  other(than: number): number {
    return (than + 1 + this.r.below(3)) % 4;
  }
  arithmetic(dst = this.reg(), src = this.other(dst)): void {
    const { r } = this;
    const cls = chance(r, 40) ? CLASS.ALU : CLASS.ALU64;
    const op = r.pick(BINARY);
    const shift = op === ALU.LSH || op === ALU.RSH || op === ALU.ARSH;
    if (shift && chance(r, 85))
      return this.emit(
        cls | op | SRC.K,
        dst,
        0,
        0,
        chance(r, 25) && cls === CLASS.ALU64 ? 32 : r.below(cls === CLASS.ALU ? 32 : 64),
      );
    if (shift) return this.emit(cls | op | SRC.X, dst, src);
    const kind = r.below(10);
    if (kind < 4) return this.emit(cls | op | SRC.X, dst, chance(r, 5) ? dst : src);
    if (kind < 6) {
      this.constant(5);
      return this.emit(cls | op | SRC.X, dst, 5);
    }
    this.emit(cls | op | SRC.K, dst, 0, 0, number32(r));
  }
  /** Multiples of a great power of two, above a small number and not above a 32-bit one: a path that cannot be. */
  contradiction(): void {
    const { r } = this;
    const dst = this.reg();
    const limit = this.other(dst);
    this.emit(CLASS.LDX | SIZE.DW | MODE.MEM, dst, FRAME, -8);
    this.emit(CLASS.LDX | SIZE.W | MODE.MEM, limit, FRAME, -8);
    this.emit(CLASS.ALU64 | ALU.LSH | SRC.K, dst, 0, 0, 33 + r.below(16));
    this.jumps.push(this.insns.length);
    this.emit(CLASS.JMP | JMP.JSLT | SRC.K, dst, 0, 0, 1 + r.below(70000));
    this.jumps.push(this.insns.length);
    this.emit(CLASS.JMP | (chance(r, 50) ? JMP.JGT : JMP.JSGT) | SRC.X, dst, limit);
    for (let i = 0; i < 3; i++) {
      const reg = chance(r, 50) ? dst : limit;
      const kind = r.below(4);
      if (kind === 0) this.branch(reg);
      else if (kind === 1) this.arithmetic(reg);
      else if (kind === 2) this.arithmetic(limit, dst);
      else this.convert(this.other(reg), reg);
    }
  }
  /** A register made 0 or -1 by its sign, combined with a number. */
  spreadSign(): void {
    const { r } = this;
    const dst = this.reg();
    const wide = chance(r, 50);
    if (chance(r, 30)) this.load(dst);
    this.emit((wide ? CLASS.ALU64 : CLASS.ALU) | ALU.ARSH | SRC.K, dst, 0, 0, wide ? 63 : 31);
    const cls = chance(r, 50) ? CLASS.ALU : CLASS.ALU64;
    const op = r.pick([ALU.AND, ALU.OR, ALU.XOR, ALU.AND, ALU.OR, ALU.ADD]);
    if (chance(r, 40)) return this.emit(cls | op | SRC.K, dst, 0, 0, number32(r));
    if (chance(r, 60)) this.constant(5);
    this.emit(cls | op | SRC.X, dst, chance(r, 60) ? 5 : this.other(dst));
  }
  /** Copies of every kind; what is copied is changed at once, which unlinks it. */
  convert(dst = this.reg(), src = this.other(dst)): void {
    const { r } = this;
    const kind = r.below(12);
    if (kind < 2) this.emit(CLASS.ALU | ALU.MOV | SRC.X, dst, src);
    else if (kind < 3) this.emit(CLASS.ALU64 | ALU.MOV | SRC.X, dst, src);
    else if (kind < 5) this.emit(CLASS.ALU64 | ALU.MOV | SRC.X, dst, src, r.pick([8, 16, 32]));
    else if (kind < 6) this.emit(CLASS.ALU | ALU.MOV | SRC.X, dst, src, r.pick([8, 16]));
    else if (kind < 7) return this.spreadSign();
    else if (kind < 9) return this.emit((chance(r, 50) ? CLASS.ALU : CLASS.ALU64) | ALU.NEG, dst);
    else if (kind < 10 && chance(r, 50)) {
      const div = r.pick([ALU.DIV, ALU.MOD]);
      return this.emit((chance(r, 50) ? CLASS.ALU : CLASS.ALU64) | div | SRC.K, dst, 0, r.below(2), r.below(100) + 1);
    } else if (kind < 10) {
      const cls = r.pick([CLASS.ALU, CLASS.ALU | SRC.X, CLASS.ALU64]);
      return this.emit(cls | ALU.END, dst, 0, 0, r.pick([16, 32, 64]));
    } else {
      const spill = r.pick([SIZE.DW, SIZE.DW, SIZE.DW, SIZE.W, SIZE.H, SIZE.B]);
      const fill = spill === SIZE.DW ? r.pick([SIZE.DW, SIZE.W, SIZE.H, SIZE.B]) : spill;
      this.emit(CLASS.STX | MODE.MEM | spill, FRAME, src, -16);
      this.emit(CLASS.LDX | MODE.MEM | fill, dst, FRAME, -16);
    }
    this.emit(CLASS.ALU64 | ALU.MUL | SRC.K, dst, 0, 0, 1);
  }
  /** A number of a few scattered bits, then compared inside its gaps: jumps that cannot be, unseen by ranges. */
  gap(): void {
    const { r } = this;
    const dst = this.reg();
    this.emit((chance(r, 50) ? CLASS.ALU : CLASS.ALU64) | ALU.AND | SRC.K, dst, 0, 0, number32(r) & number32(r));
    if (chance(r, 40)) this.emit(CLASS.ALU64 | ALU.LSH | SRC.K, dst, 0, 0, r.below(64));
    if (chance(r, 40))
      this.emit((chance(r, 50) ? CLASS.ALU : CLASS.ALU64) | ALU.OR | SRC.K, dst, 0, 0, number32(r) & number32(r));
    for (let i = 0; i < 3; i++) this.branch(dst);
  }
  /** Each jump its own exit, after some steps that bring to light what a printed constant hides. */
  finish(): Instruction[] {
    this.emit(CLASS.ALU64 | ALU.MOV | SRC.K, 0);
    this.emit(CLASS.JMP | JMP.EXIT);
    for (const at of this.jumps) {
      this.insns[at] = { ...this.insns[at], off: this.insns.length - at - 1 };
      for (let i = this.r.below(3); i > 0; i--) this.arithmetic();
      this.emit(CLASS.ALU64 | ALU.MOV | SRC.K, 0);
      this.emit(CLASS.JMP | JMP.EXIT);
    }
    return this.insns;
  }
}

/** A program of about `length` steps. */
export function randomProgram(r: Random, length: number): Instruction[] {
  const b = new Builder(r);
  for (let reg = 0; reg < 4; reg++) b.load(reg);
  b.constant(5);
  for (let i = 0; i < length; i++) {
    const kind = r.below(100);
    if (kind < 10) b.load(b.reg());
    else if (kind < 12) b.constant(b.reg());
    else if (kind < 54) b.branch();
    else if (kind < 57) b.gap();
    else if (kind < 58) b.contradiction();
    else if (kind < 88) b.arithmetic();
    else b.convert();
  }
  return b.finish();
}
