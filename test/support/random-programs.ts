/**
 * Random programs that compute: all arithmetic, jumps forward, loads, stores and atomic operations on the stack. Inputs
 * come from a map's value and all registers and the stack go back to it, so that a verifier knows nothing and everything
 * is compared. They are valid for Linux's verifier.
 */
import { ALU, ATOMIC, CLASS, JMP, LD_IMM64, MODE, SIZE, SRC, type Instruction } from '../../src/isa/index.ts';
import { PSEUDO } from '../../src/uapi/index.ts';
import type { Random } from '../../src/util/index.ts';

const chance = (r: Random, percent: number): boolean => r.below(100) < percent;

const EDGES = [0n, 1n << 7n, 1n << 8n, 1n << 15n, 1n << 16n, 1n << 31n, 1n << 32n, 1n << 53n, 1n << 62n, 1n << 63n];

/** A 64-bit number, often near a power of two, of either sign. */
export function number64(r: Random): bigint {
  const sign = chance(r, 50) ? 1n : -1n;
  if (chance(r, 60)) return BigInt.asIntN(64, sign * (r.pick(EDGES) + BigInt(r.below(7) - 3)));
  return BigInt.asIntN(
    64,
    sign * BigInt.asUintN(1 + r.below(64), (BigInt(r.below(2 ** 32)) << 32n) | BigInt(r.below(2 ** 32))),
  );
}

/** Registers that compute; r9 holds the map's value, r10 the frame. */
const REGISTERS = 9;
const FRAME = 10;
const VALUE = 9;
/** Stack doublewords in play. */
const SLOTS = 4;
/** Bytes of the map's value: inputs on entry, registers then stack on exit. */
export const VALUE_SIZE = 8 * (REGISTERS + SLOTS);

const SIZES = [SIZE.B, SIZE.H, SIZE.W, SIZE.DW] as const;
const BYTES = { [SIZE.B]: 1, [SIZE.H]: 2, [SIZE.W]: 4, [SIZE.DW]: 8 } as const;
const BINARY = [
  ALU.ADD,
  ALU.SUB,
  ALU.MUL,
  ALU.DIV,
  ALU.MOD,
  ALU.OR,
  ALU.AND,
  ALU.XOR,
  ALU.LSH,
  ALU.RSH,
  ALU.ARSH,
  ALU.MOV,
];
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
const ATOMICS = [ATOMIC.ADD, ATOMIC.OR, ATOMIC.AND, ATOMIC.XOR, ATOMIC.XCHG & ~1, ATOMIC.CMPXCHG & ~1];
const MAX_JUMPS = 8;

export const insn = (opcode: number, dst = 0, src = 0, off = 0, imm = 0): Instruction => ({
  opcode,
  dst,
  src,
  off,
  imm,
});

/** A program of about `length` random instructions. @param mapFd of an array whose value is VALUE_SIZE bytes */
export function randomProgram(r: Random, length: number, mapFd: number): Instruction[] {
  const out: Instruction[] = [insn(LD_IMM64, VALUE, PSEUDO.MAP_VALUE, 0, mapFd), insn(0)];
  for (let n = 0; n < SLOTS; n++) {
    out.push(insn(0x79, 0, VALUE, 8 * (REGISTERS + n)), insn(0x7b, FRAME, 0, -8 * (n + 1)));
  }
  for (let n = 0; n < REGISTERS; n++) out.push(insn(0x79, n, VALUE, 8 * n));
  const end = out.length + length;
  let jumps = 0;
  while (out.length < end) {
    const kind = r.below(10);
    if (kind < 6) out.push(arithmetic(r));
    else if (kind < 9) out.push(memory(r));
    else if (jumps++ < MAX_JUMPS) out.push(jump(r, Math.min(4, end - out.length - 1)));
  }
  for (let n = 0; n < REGISTERS; n++) out.push(insn(0x7b, VALUE, n, 8 * n));
  for (let n = 0; n < SLOTS; n++) {
    out.push(insn(0x79, 0, FRAME, -8 * (n + 1)), insn(0x7b, VALUE, 0, 8 * (REGISTERS + n)));
  }
  return [...out, insn(0xb7), insn(0x95)];
}

export function arithmetic(r: Random): Instruction {
  const cls = r.pick([CLASS.ALU, CLASS.ALU64]);
  const dst = r.below(REGISTERS);
  const kind = r.below(20);
  if (kind === 0) return insn(cls | ALU.NEG, dst);
  if (kind === 1) return insn(CLASS.ALU | ALU.END | r.pick([SRC.K, SRC.X]), dst, 0, 0, r.pick([16, 32, 64]));
  if (kind === 2) return insn(CLASS.ALU64 | ALU.END, dst, 0, 0, r.pick([16, 32, 64]));
  if (kind === 3) {
    const widths = cls === CLASS.ALU64 ? [8, 16, 32] : [8, 16];
    return insn(cls | ALU.MOV | SRC.X, dst, r.below(REGISTERS), r.pick(widths));
  }
  const code = r.pick(BINARY);
  const divides = code === ALU.DIV || code === ALU.MOD;
  const off = divides && chance(r, 50) ? 1 : 0;
  if (chance(r, 50)) return insn(cls | code | SRC.X, dst, r.below(REGISTERS), off);
  const shifts = code === ALU.LSH || code === ALU.RSH || code === ALU.ARSH;
  const imm = Number(BigInt.asIntN(32, number64(r)));
  if (shifts) return insn(cls | code, dst, 0, 0, imm & (cls === CLASS.ALU64 ? 63 : 31));
  return insn(cls | code, dst, 0, off, divides && imm === 0 ? 1 : imm);
}

function memory(r: Random): Instruction {
  const slot = -8 * (1 + r.below(SLOTS));
  const size = r.pick(SIZES);
  const off = slot + BYTES[size] * r.below(8 / BYTES[size]);
  const register = r.below(REGISTERS);
  switch (r.below(4)) {
    case 0:
      return insn(CLASS.STX | size | MODE.MEM, FRAME, register, off);
    case 1:
      return insn(CLASS.ST | size | MODE.MEM, FRAME, 0, off, Number(BigInt.asIntN(32, number64(r))));
    case 2:
      if (size !== SIZE.DW && chance(r, 50)) return insn(CLASS.LDX | size | MODE.MEMSX, register, FRAME, off);
      return insn(CLASS.LDX | size | MODE.MEM, register, FRAME, off);
    default:
      return atomic(r, FRAME, register, slot);
  }
}

export function atomic(r: Random, base: number, register: number, off: number): Instruction {
  const width = r.pick([SIZE.W, SIZE.DW]);
  const kind = r.pick(ATOMICS);
  const fetch = kind >= (ATOMIC.XCHG & ~1) || chance(r, 50) ? ATOMIC.FETCH : 0;
  return insn(CLASS.STX | width | MODE.ATOMIC, base, register, off, kind | fetch);
}

function jump(r: Random, furthest: number): Instruction {
  const off = r.below(Math.max(1, furthest));
  const cls = r.pick([CLASS.JMP, CLASS.JMP32]);
  const dst = r.below(REGISTERS);
  if (chance(r, 50)) return insn(cls | r.pick(COMPARE) | SRC.X, dst, r.below(REGISTERS), off);
  return insn(cls | r.pick(COMPARE), dst, 0, off, Number(BigInt.asIntN(32, number64(r))));
}

/** A random value for the map. */
export function randomValue(r: Random): Uint8Array {
  const value = new DataView(new ArrayBuffer(VALUE_SIZE));
  for (let at = 0; at < VALUE_SIZE; at += 8) value.setBigInt64(at, number64(r), true);
  return new Uint8Array(value.buffer);
}
