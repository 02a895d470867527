/**
 * CO-RE relocations of a program: the kernel's types answer, and the answer goes where the instruction keeps it, as libbpf
 * puts it: the immediate of arithmetic and of `ld_imm64`, the offset of loads and stores. What the kernel does not have
 * becomes a call that no verifier lets pass where it is reached.
 */
import {
  type Btf,
  type CoreAnswer,
  coreAnswer,
  type CoreRelocation,
  coreReloText,
  type KernelBtf,
} from '../btf/index.ts';
import { FormatError, UnsupportedError } from '../errors/index.ts';
import { CALL, CLASS, type Instruction, LD_IMM64, SIZE, SRC } from '../isa/index.ts';

/** The helper that does not exist and that is called in the place of what cannot be: libbpf's number. */
const POISON: Instruction = { opcode: CALL, dst: 0, src: 0, off: 0, imm: 0xbad2310 };

/** Sizes of loads and stores by bytes. */
const SIZES: Readonly<Record<number, number>> = { 1: SIZE.B, 2: SIZE.H, 4: SIZE.W, 8: SIZE.DW };
const SIZE_MASK = 0x18;

/**
 * Answer all relocations of a program in its instructions.
 * @throws UnsupportedError where there are no types of a kernel or they cannot answer, FormatError for an instruction that
 * keeps no answer.
 */
export function relocateCore(
  insns: Instruction[],
  relocations: readonly CoreRelocation[],
  local: Btf | undefined,
  kernel: KernelBtf | undefined,
  program: string,
): void {
  for (const relocation of relocations) {
    if (!local) throw new UnsupportedError(`program ${program}: CO-RE relocations without types`);
    const text = `program ${program}: CO-RE relocation (${coreReloText(local, relocation)})`;
    if (!kernel?.btf) throw new UnsupportedError(`${text}: no types of a kernel`);
    patch(insns, relocation.insn, coreAnswer(local, kernel, relocation), text);
  }
}

function patch(insns: Instruction[], at: number, { value, sizes }: CoreAnswer, text: string): void {
  const insn = insns[at];
  const fail = (): never => {
    throw new FormatError(`${text} of an instruction that keeps no answer`, {});
  };
  if (value === undefined) {
    insns[at] = POISON;
    if (insn.opcode === LD_IMM64) insns[at + 1] = POISON;
    return;
  }
  switch (insn.opcode & 7) {
    case CLASS.LD:
      if (insn.opcode !== LD_IMM64 || insn.src) fail();
      insns[at] = { ...insn, imm: Number(BigInt.asIntN(32, value)) };
      insns[at + 1] = { ...insns[at + 1], imm: Number(BigInt.asIntN(32, value >> 32n)) };
      break;
    case CLASS.ALU:
    case CLASS.ALU64:
      if (insn.opcode & SRC.X) fail();
      insns[at] = { ...insn, imm: Number(BigInt.asIntN(32, value)) };
      break;
    case CLASS.LDX:
    case CLASS.ST:
    case CLASS.STX:
      if (value > 32767n) throw new UnsupportedError(`${text}: offset ${value} is too large for a load`);
      insns[at] = { ...resized(insn, sizes, text), off: Number(value) };
      break;
    default:
      fail();
  }
}

/** The load of a number that is larger or smaller in the kernel. */
function resized(insn: Instruction, sizes: CoreAnswer['sizes'], text: string): Instruction {
  if (!sizes || sizes.local === sizes.target) return insn;
  const size = SIZES[sizes.target];
  if (size === undefined || SIZES[sizes.local] !== (insn.opcode & SIZE_MASK) || sizes.signed) {
    throw new UnsupportedError(`${text}: ${sizes.local} bytes of a field that has ${sizes.target} in the kernel`);
  }
  return { ...insn, opcode: (insn.opcode & ~SIZE_MASK) | size };
}
