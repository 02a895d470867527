/**
 * Arithmetic (RFC 9669 section 4.1) in WebAssembly. Both count shifts modulo the width. Division by zero gives
 * 0, modulo zero leaves the dividend, and the most negative number divided by -1 is itself, where WebAssembly traps.
 */
import { ALU, CLASS } from '../../isa/index.ts';
import { OP, TYPE } from '../../wasm/index.ts';
import type { Op } from '../../wasm/index.ts';
import { CANONICAL } from '../compile.ts';
import { writeByteOrder } from './byte-order.ts';
import type { FunctionWriter } from './function-writer.ts';

type Pair = readonly [op32: Op, op64: Op];

/** Operations that are one instruction. */
const SIMPLE: Readonly<Record<number, Pair>> = {
  [ALU.ADD]: [OP.i32_add, OP.i64_add],
  [ALU.SUB]: [OP.i32_sub, OP.i64_sub],
  [ALU.MUL]: [OP.i32_mul, OP.i64_mul],
  [ALU.OR]: [OP.i32_or, OP.i64_or],
  [ALU.AND]: [OP.i32_and, OP.i64_and],
  [ALU.XOR]: [OP.i32_xor, OP.i64_xor],
  [ALU.LSH]: [OP.i32_shl, OP.i64_shl],
  [ALU.RSH]: [OP.i32_shr_u, OP.i64_shr_u],
  [ALU.ARSH]: [OP.i32_shr_s, OP.i64_shr_s],
};

interface Division {
  readonly op: Pair;
  readonly modulo: boolean;
  readonly signed: boolean;
}

/** By canonical opcode without its class. */
const DIVISIONS: Readonly<Record<number, Division>> = {
  0x30: { op: [OP.i32_div_u, OP.i64_div_u], modulo: false, signed: false },
  0x38: { op: [OP.i32_div_s, OP.i64_div_s], modulo: false, signed: true },
  0x90: { op: [OP.i32_rem_u, OP.i64_rem_u], modulo: true, signed: false },
  0x98: { op: [OP.i32_rem_s, OP.i64_rem_s], modulo: true, signed: true },
};

/** One instruction of class ALU or ALU64. */
export function writeAlu(f: FunctionWriter, at: number): void {
  const op = f.program.op[at];
  const wide = (op & 7) === CLASS.ALU64;
  const code = op & 0xf0;
  if (op === CANONICAL.MOVSX64 || op === CANONICAL.MOVSX32) return signExtend(f, at, wide);
  const division = DIVISIONS[op & 0xf8];
  if (division !== undefined) return divide(f, at, wide, division);
  switch (code) {
    case ALU.END:
      return writeByteOrder(f, at);
    case ALU.MOV:
      return wide ? move64(f, at) : move32(f, at);
    case ALU.NEG:
      return negate(f, at, wide && !f.facts?.lowWords.has(at));
  }
  if (wide && !f.facts?.lowWords.has(at)) {
    f.dst64(at);
    f.src64(at);
    f.op(SIMPLE[code][1]);
    f.setDst64(at);
  } else {
    f.dst32(at);
    f.src32(at);
    f.op(SIMPLE[code][0]);
    f.setDst32(at);
  }
}

const [SHIFT_LEFT, SHIFT_RIGHT, SHIFT_SIGNED] = [ALU.LSH, ALU.RSH, ALU.ARSH].map((code) => CLASS.ALU64 | code);

/**
 * `r <<= 32; r >>= 32` and `r <<= 32; r s>>= 32`, with which older compilers extend 32 bits to 64, as one extension.
 * @param last the first slot that is not of the same block any more
 * @returns whether the two instructions from `at` on were such
 */
export function writeExtension(f: FunctionWriter, at: number, last: number): boolean {
  const { op, dst } = f.program;
  const next = at + 1;
  if (op[at] !== SHIFT_LEFT || next >= last || dst[next] !== dst[at]) return false;
  if (op[next] !== SHIFT_RIGHT && op[next] !== SHIFT_SIGNED) return false;
  if (f.constant(at)?.low !== 32 || f.constant(next)?.low !== 32) return false;
  f.dst64(at);
  if (op[next] === SHIFT_SIGNED) {
    f.op(OP.i64_extend32_s);
  } else {
    f.op(OP.i32_wrap_i64);
    f.op(OP.i64_extend_i32_u);
  }
  f.setDst64(at);
  return true;
}

function move64(f: FunctionWriter, at: number): void {
  f.src64(at);
  f.setDst64(at);
}

function move32(f: FunctionWriter, at: number): void {
  const constant = f.constant(at);
  if (constant !== undefined) {
    f.code.i64(constant.low, 0);
    return f.setDst64(at);
  }
  f.src32(at);
  f.setDst32(at);
}

function negate(f: FunctionWriter, at: number, wide: boolean): void {
  if (wide) {
    f.code.i64(0, 0);
    f.dst64(at);
    f.op(OP.i64_sub);
    f.setDst64(at);
  } else {
    f.code.i32(0);
    f.dst32(at);
    f.op(OP.i32_sub);
    f.setDst32(at);
  }
}

/** `off` says from how many bits. */
function signExtend(f: FunctionWriter, at: number, wide: boolean): void {
  const bits = f.program.off[at];
  if (wide) {
    f.src64(at);
    f.op(bits === 8 ? OP.i64_extend8_s : bits === 16 ? OP.i64_extend16_s : OP.i64_extend32_s);
    f.setDst64(at);
  } else {
    f.src32(at);
    if (bits < 32) f.op(bits === 8 ? OP.i32_extend8_s : OP.i32_extend16_s);
    f.setDst32(at);
  }
}

function divide(f: FunctionWriter, at: number, wide: boolean, division: Division): void {
  const constant = f.constant(at);
  const isZero = constant !== undefined && constant.low === 0; // a constant is a sign-extended 32-bit number
  const isMinusOne = constant !== undefined && constant.low === -1;
  const { signed, modulo, op } = division;
  // Signed, WebAssembly's remainder by -1 is 0, but its quotient may trap.
  const guarded = constant === undefined || isZero || (isMinusOne && signed && !modulo);
  const type = wide ? TYPE.I64 : TYPE.I32;
  const plain = (): void => {
    dst(f, at, wide);
    src(f, at, wide);
    f.op(op[wide ? 1 : 0]);
  };
  if (!guarded) {
    plain();
    return setDst(f, at, wide);
  }
  src(f, at, wide);
  f.op(wide ? OP.i64_eqz : OP.i32_eqz);
  f.code.if(type);
  if (modulo) dst(f, at, wide);
  else zero(f, wide);
  f.code.else();
  if (signed && !modulo) {
    src(f, at, wide);
    if (wide) f.code.i64(-1, -1);
    else f.code.i32(-1);
    f.op(wide ? OP.i64_eq : OP.i32_eq);
    f.code.if(type);
    zero(f, wide);
    dst(f, at, wide);
    f.op(wide ? OP.i64_sub : OP.i32_sub);
    f.code.else();
    plain();
    f.code.end();
  } else {
    plain();
  }
  f.code.end();
  setDst(f, at, wide);
}

function dst(f: FunctionWriter, at: number, wide: boolean): void {
  if (wide) f.dst64(at);
  else f.dst32(at);
}

function src(f: FunctionWriter, at: number, wide: boolean): void {
  if (wide) f.src64(at);
  else f.src32(at);
}

function zero(f: FunctionWriter, wide: boolean): void {
  if (wide) f.code.i64(0, 0);
  else f.code.i32(0);
}

function setDst(f: FunctionWriter, at: number, wide: boolean): void {
  if (wide) f.setDst64(at);
  else f.setDst32(at);
}
