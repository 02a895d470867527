/**
 * The canonical opcodes (see src/vm/compile.ts) that the JIT translates. A program with another one is left to the
 * interpreter: an operation that the interpreter learns is not guessed at here.
 */
import { ALU, CLASS, FORMS, JMP, SRC } from '../../isa/index.ts';
import { CANONICAL } from '../compile.ts';

/** Of a helper. */
export const CALL_HELPER = CLASS.JMP | JMP.CALL;
/** Of the helper whose number is in a register. */
export const CALL_REGISTER = CALL_HELPER | SRC.X;

/** What an opcode of the instruction set becomes. */
function canonical(opcode: number): number {
  const cls = opcode & 7;
  if (cls === CLASS.ST) return opcode | CLASS.STX;
  if (cls < CLASS.ALU || (opcode & 0xf0) === ALU.END || opcode === CALL_REGISTER) return opcode;
  return opcode & ~SRC.X;
}

export const KNOWN_OPCODES: ReadonlySet<number> = new Set([
  ...FORMS.map(({ opcode }) => canonical(opcode)),
  CANONICAL.SDIV64,
  CANONICAL.SMOD64,
  CANONICAL.MOVSX64,
  CANONICAL.SDIV32,
  CANONICAL.SMOD32,
  CANONICAL.MOVSX32,
  CANONICAL.CALL_LOCAL,
  CANONICAL.TAIL_CALL,
  CANONICAL.NEVER,
  CANONICAL.INVALID,
]);
