/**
 * The bit fields of an opcode byte (RFC 9669 section 3). Everything that encodes, decodes, prints, checks or executes an
 * instruction is written in these terms.
 *
 *     arithmetic, jumps          loads and stores
 *     +----+-+---+               +---+--+---+
 *     |code|s|cls|               |mde|sz|cls|
 *     +----+-+---+               +---+--+---+
 */

/** Instruction class: bits 0-2. */
export const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;
/** Operand source of arithmetic and jumps: bit 3. */
export const SRC = { K: 0x00, X: 0x08 } as const;
/** Access size of loads and stores: bits 3-4. */
export const SIZE = { W: 0x00, H: 0x08, B: 0x10, DW: 0x18 } as const;
/** Mode of loads and stores: bits 5-7. */
export const MODE = { IMM: 0x00, ABS: 0x20, IND: 0x40, MEM: 0x60, MEMSX: 0x80, ATOMIC: 0xc0 } as const;
/** Arithmetic operation: bits 4-7. DIV and MOD are signed when `off` is 1; MOV extends the sign when `off` is 8, 16, 32. */
export const ALU = {
  ADD: 0x00,
  SUB: 0x10,
  MUL: 0x20,
  DIV: 0x30,
  OR: 0x40,
  AND: 0x50,
  LSH: 0x60,
  RSH: 0x70,
  NEG: 0x80,
  MOD: 0x90,
  XOR: 0xa0,
  MOV: 0xb0,
  ARSH: 0xc0,
  END: 0xd0,
} as const;
/** Jump operation: bits 4-7. JCOND is Linux's `may_goto`. */
export const JMP = {
  JA: 0x00,
  JEQ: 0x10,
  JGT: 0x20,
  JGE: 0x30,
  JSET: 0x40,
  JNE: 0x50,
  JSGT: 0x60,
  JSGE: 0x70,
  CALL: 0x80,
  EXIT: 0x90,
  JLT: 0xa0,
  JLE: 0xb0,
  JSLT: 0xc0,
  JSLE: 0xd0,
  JCOND: 0xe0,
} as const;
/** Atomic operation: the immediate of `STX | ATOMIC`. LOAD_ACQ and STORE_REL are Linux 6.15's. */
export const ATOMIC = {
  ADD: 0x00,
  OR: 0x40,
  AND: 0x50,
  XOR: 0xa0,
  FETCH: 0x01,
  XCHG: 0xe1,
  CMPXCHG: 0xf1,
  LOAD_ACQ: 0x100,
  STORE_REL: 0x110,
} as const;

/** Bytes accessed by a load or store, by opcode: 1, 2, 4 or 8. */
export function accessSize(opcode: number): 1 | 2 | 4 | 8 {
  return ([4, 2, 1, 8] as const)[(opcode >> 3) & 3];
}

/** The first slot of the two-slot `ld_imm64`. */
export const LD_IMM64 = CLASS.LD | SIZE.DW | MODE.IMM;
export const EXIT = CLASS.JMP | JMP.EXIT;
export const CALL = CLASS.JMP | JMP.CALL;
