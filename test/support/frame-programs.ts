/**
 * Random programs around the stack frame: slots that are used whole, slots that are used in parts, addresses of the frame in
 * registers, lost in branches, handed to helpers and sub-programs, stored. Every access is inside the frame, so that they
 * run without checks, and at the end the frame is written to the memory that r1 points to.
 */
import { CLASS, MODE, SIZE, SRC, type Instruction } from '../../src/isa/index.ts';
import type { Random } from '../../src/util/index.ts';
import { arithmetic, insn, number64 } from './random-programs.ts';

const FRAME = 10;
/** Holds the memory's address. */
const MEMORY = 9;
/** Always an address of the frame, but for arithmetic on copies of it. */
const POINTER = 8;
/** Doublewords of the frame in play. */
const CELLS = 8;
/** Registers that compute. */
const REGISTERS = 6;
/** Bytes of memory that the frame and the registers are written to. */
export const FRAME_MEMORY = 8 * (CELLS + REGISTERS);

const BYTES = { [SIZE.B]: 1, [SIZE.H]: 2, [SIZE.W]: 4, [SIZE.DW]: 8 } as const;
type Size = keyof typeof BYTES;

/** @param helper number of one that writes 8 bytes at the address in r1 */
export function frameProgram(r: Random, length: number, helper: number): Instruction[] {
  const sizes = Array.from({ length: CELLS }, () => r.pick([SIZE.DW, SIZE.DW, SIZE.W, SIZE.H, SIZE.B]) as Size);
  const out: Instruction[] = [insn(0xbf, MEMORY, 1), ...pointTo(r)];
  for (let n = 0; n < REGISTERS; n++) out.push(insn(0x79, n, MEMORY, 8 * n));
  const escapes = r.below(3);
  const end = out.length + length;
  while (out.length < end) out.push(...statement(r, sizes, escapes, helper));
  for (let n = 0; n < REGISTERS; n++) out.push(insn(0x7b, MEMORY, n, 8 * n));
  sizes.forEach((size, cell) => {
    for (let at = 0; at < 8; at += BYTES[size])
      out.push(
        insn(CLASS.LDX | size | MODE.MEM, 0, FRAME, -8 * (cell + 1) + at),
        insn(CLASS.STX | size | MODE.MEM, MEMORY, 0, 8 * (REGISTERS + cell) + at),
      );
  });
  out.push(insn(0xb7), insn(0x95));
  // calls of the sub-program go behind the last exit
  const target = out.length;
  const all = out.map((it, at) => (it.opcode === 0x85 && it.src === 1 ? { ...it, imm: target - at - 1 } : it));
  return [...all, insn(0x79, 0, 1, 0), insn(0x7b, 1, 2), insn(0x7a, 10, 0, -8, 77), insn(0x95)];
}

/** POINTER = the address of some cell */
function pointTo(r: Random): Instruction[] {
  return [insn(0xbf, POINTER, FRAME), insn(0x07, POINTER, 0, 0, -8 * (1 + r.below(CELLS)))];
}

/** @param escapes how much becomes of addresses: 0 nothing, 1 helpers and branches, 2 everything */
function statement(r: Random, sizes: readonly Size[], escapes: number, helper: number): Instruction[] {
  const kind = r.below(escapes === 0 ? 80 : escapes === 1 ? 92 : 100);
  if (kind < 30) {
    const it = arithmetic(r);
    return it.dst < REGISTERS && (it.src < REGISTERS || !(it.opcode & SRC.X)) ? [it] : [];
  }
  if (kind < 75) return [access(r, sizes)];
  if (kind < 80) {
    const skipped = access(r, sizes);
    return [insn(0x15 | (r.below(2) << 6), r.below(REGISTERS), 0, 1, Number(BigInt.asIntN(32, number64(r)))), skipped];
  }
  if (kind < 86)
    return [...pointTo(r).toSpliced(0, 0, insn(0x1d, r.below(REGISTERS), r.below(REGISTERS), r.below(2) * 2))];
  if (kind < 88)
    return [...pointTo(r), insn(0x7b, POINTER, r.below(REGISTERS)), insn(0x79, r.below(REGISTERS), POINTER)];
  if (kind < 92) {
    const clobbered = [1, 2, 3, 4, 5].map((n) => insn(0xb7, n, 0, 0, n));
    return [
      insn(0xbf, 1, FRAME),
      insn(0x07, 1, 0, 0, -8 * (1 + r.below(CELLS))),
      insn(0x85, 0, 0, 0, helper),
      ...clobbered,
    ];
  }
  if (kind < 95)
    return [insn(0xbf, 1, POINTER), insn(0x85, 0, 1), ...[1, 2, 3, 4, 5].map((n) => insn(0xb7, n, 0, 0, n))];
  if (kind < 97) return [insn(0x7b, FRAME, POINTER, -8), insn(0x79, POINTER, FRAME, -8)];
  // an address whose offset is computed
  return [
    ...[insn(0xbf, 5, 0), insn(0x57, 5, 0, 0, 0x38), insn(0xbf, POINTER, FRAME), insn(0x1f, POINTER, 5)],
    ...[insn(0x07, POINTER, 0, 0, -8), insn(0x7b, POINTER, 0)],
  ];
}

/** Of a cell's piece, mostly in the cell's own size. */
function access(r: Random, sizes: readonly Size[]): Instruction {
  const cell = r.below(CELLS);
  const size = r.below(20) === 0 ? (r.pick([SIZE.B, SIZE.H, SIZE.W, SIZE.DW]) as Size) : sizes[cell];
  const off = -8 * (cell + 1) + BYTES[size] * r.below(8 / BYTES[size]);
  const register = r.below(REGISTERS);
  switch (r.below(5)) {
    case 0:
      return insn(CLASS.STX | size | MODE.MEM, FRAME, register, off);
    case 1:
      return insn(CLASS.ST | size | MODE.MEM, FRAME, 0, off, Number(BigInt.asIntN(32, number64(r))));
    case 2:
      if (size !== SIZE.DW) return insn(CLASS.LDX | size | MODE.MEMSX, register, FRAME, off);
      return insn(0xdb, FRAME, register, off, r.pick([0, 1, 0xe1]));
  }
  return insn(CLASS.LDX | size | MODE.MEM, register, FRAME, off);
}
