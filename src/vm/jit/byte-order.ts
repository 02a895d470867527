/**
 * Byte order (RFC 9669 section 4.2) in WebAssembly, which has no instruction for it: words are swapped by rotating, 64 bits by
 * a vector that is shuffled. The memory is little-endian.
 */
import { ALU, CLASS, MODE, SIZE } from '../../isa/index.ts';
import { Code, ModuleWriter, OP, TYPE, VECTOR } from '../../wasm/index.ts';
import type { FunctionWriter } from './function-writer.ts';

const LOAD = CLASS.LDX | MODE.MEM | SIZE.DW;
const TO_BIG = CLASS.ALU | ALU.END | 0x08;
const SWAP = CLASS.ALU64 | ALU.END;
const SHIFT_RIGHT = CLASS.ALU64 | ALU.RSH;

/** `le`, `be` and `bswap` of 16, 32 and 64 bits. The memory is little-endian. */
export function writeByteOrder(f: FunctionWriter, at: number): void {
  const op = f.program.op[at];
  const bits = f.program.imm[at];
  const keeps = op === (CLASS.ALU | ALU.END);
  if (bits === 64) {
    if (keeps) return;
    f.dst64(at);
    swap64(f);
    return f.setDst64(at);
  }
  f.dst32(at);
  if (keeps) {
    if (bits === 16) {
      f.code.i32(0xffff);
      f.op(OP.i32_and);
    }
  } else if (bits === 16) {
    swap16(f, f.facts?.halves.has(at));
  } else {
    swap32(f);
  }
  f.setDst32(at);
}

/**
 * Swap the bytes of the low half of the i32 on the stack, and clear the high half.
 * @param isHalf whether it is clear already
 */
export function swap16(f: FunctionWriter, isHalf = false): void {
  const { code } = f;
  const value = f.scratch(TYPE.I32);
  const mask = (bits: number): void => {
    code.i32(bits);
    f.op(OP.i32_and);
  };
  code.tee(value);
  code.i32(8);
  f.op(OP.i32_shr_u);
  if (!isHalf) mask(0xff);
  code.get(value);
  code.i32(8);
  f.op(OP.i32_shl);
  mask(0xff00);
  f.op(OP.i32_or);
}

/** Swap the bytes of the i32 on the stack. */
export function swap32(f: FunctionWriter): void {
  const { code } = f;
  const value = f.scratch(TYPE.I32);
  code.tee(value);
  code.i32(8);
  f.op(OP.i32_rotl);
  code.i32(0x00ff00ff);
  f.op(OP.i32_and);
  code.get(value);
  code.i32(8);
  f.op(OP.i32_rotr);
  code.i32(0xff00ff00);
  f.op(OP.i32_and);
  f.op(OP.i32_or);
}

/** Rotating by so many bits brings two bytes of eight to their new places: the words of the mask that keeps them. */
const ROTATIONS: readonly (readonly [bits: number, low: number, high: number])[] = [
  [8, 0x000000ff, 0x000000ff],
  [24, 0x0000ff00, 0x0000ff00],
  [40, 0x00ff0000, 0x00ff0000],
  [56, 0xff000000, 0xff000000],
];

/** Swap the bytes of the i64 on the stack: four rotations that do not wait for each other. */
export function swap64(f: FunctionWriter): void {
  const { code } = f;
  const value = f.scratch(TYPE.I64);
  code.set(value);
  ROTATIONS.forEach(([bits, low, high], i) => {
    code.get(value);
    code.i64(bits, 0);
    f.op(OP.i64_rotl);
    code.i64(low | 0, high | 0);
    f.op(OP.i64_and);
    if (i % 2 === 1) f.op(OP.i64_or);
  });
  f.op(OP.i64_or);
}

/**
 * A swap of 64 bits of which at most the upper half is kept, shifted down: compilers write `ntohs(x) >> 3` so. That is a swap of
 * 32 or 16 bits.
 * @param last the first slot that is not of the same block any more
 * @returns whether the two instructions from `at` on were such
 */
export function writeSwappedShift(f: FunctionWriter, at: number, last: number): boolean {
  const { op, dst } = f.program;
  const next = at + 1;
  if (!isSwap64(f, at) || next >= last || op[next] !== SHIFT_RIGHT || dst[next] !== dst[at]) return false;
  const bits = f.constant(next)?.low ?? 0;
  if (bits < 32 || bits > 63) return false;
  f.dst32(at);
  if (bits >= 48) swap16(f, f.facts?.halves.has(at));
  else swap32(f);
  f.code.i32(bits & 15);
  f.op(OP.i32_shr_u);
  f.setDst32(next);
  return true;
}

function isSwap64({ program: { op, imm } }: FunctionWriter, at: number): boolean {
  return (op[at] === TO_BIG || op[at] === SWAP) && imm[at] === 64;
}

const BYTES_BACKWARDS = [7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** The low lane of the vector on the stack with its bytes swapped, as an i64. */
function swapLane({ code }: FunctionWriter): void {
  code.vector(VECTOR.v128_const, ...BYTES_BACKWARDS);
  code.vector(VECTOR.i8x16_swizzle);
  code.vector(VECTOR.i64x2_extract_lane, 0);
}

/**
 * A load of 8 bytes whose order is changed at once, as a vector.
 * @param last the first slot that is not of the same block any more
 * @returns whether the two instructions from `at` on were such
 */
export function writeSwappedLoad(f: FunctionWriter, at: number, last: number): boolean {
  const { op, dst, src, off } = f.program;
  const next = at + 1;
  if (op[at] !== LOAD || next >= last || dst[next] !== dst[at] || f.promoted(at) !== undefined) return false;
  if (!isSwap64(f, next)) return false;
  if (f.options.mode !== 'verified' || !hasVectors()) return false;
  f.getRegister(src[at] >> 1);
  f.op(OP.i32_wrap_i64);
  if (off[at] < 0) {
    f.code.i32(off[at]);
    f.op(OP.i32_add);
  }
  f.code.vector(VECTOR.v128_load64_zero, Math.max(0, off[at]));
  swapLane(f);
  f.setDst64(at);
  return true;
}

let vectors: boolean | undefined;

/** Whether this engine and processor have vectors: all do since 2023, processors of 2008 do not. */
function hasVectors(): boolean {
  if (vectors !== undefined) return vectors;
  const module = new ModuleWriter();
  const fn = module.function(module.type([], [TYPE.I64]));
  const code = new Code(0);
  code.i64(0, 0);
  code.vector(VECTOR.i64x2_splat);
  code.vector(VECTOR.i64x2_extract_lane, 0);
  module.body(fn, code);
  return (vectors = WebAssembly.validate(module.encode()));
}
