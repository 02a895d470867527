/**
 * Whether Linux would take a classic program: the verdict of SO_ATTACH_FILTER. Rejects a wrong length, unknown codes,
 * jumps out of the program, scratch words out of range or read before written, division by a constant 0, shifts of 32 and
 * more, ancillary loads that do not exist, and a program whose last instruction does not return. Unused fields may hold
 * anything.
 */
import { ERRNO, BpfError } from '../errors/index.ts';
import { ALU, CLASS } from '../isa/index.ts';
import { AD, AD_OFF, MAX_CLASSIC_INSNS, MEM_WORDS, classicForm, isAncillary } from './constants.ts';
import type { ClassicForm } from './constants.ts';
import type { ClassicInstruction } from './instruction.ts';

/** Why a program is refused; Linux itself answers EINVAL to all of them. */
export interface ClassicProblem {
  /** Index of the instruction; -1 where it is the program as a whole. */
  readonly insn: number;
  readonly problem: string;
}

/** What is wrong with a program; undefined when Linux takes it. */
export function checkClassic(insns: readonly ClassicInstruction[]): ClassicProblem | undefined {
  const { length } = insns;
  if (length < 1 || length > MAX_CLASSIC_INSNS)
    return { insn: -1, problem: `a program has 1 to ${MAX_CLASSIC_INSNS} instructions, not ${length}` };
  for (let i = 0; i < length; i++) {
    const problem = checkOne(insns[i], length - i - 1);
    if (problem !== undefined) return { insn: i, problem };
  }
  if (classicForm(insns[length - 1].code)?.mnemonic !== 'ret')
    return { insn: length - 1, problem: 'the last instruction does not return' };
  return checkMemory(insns);
}

/** Throws what a socket would answer to the program. @throws BpfError EINVAL */
export function assertClassic(insns: readonly ClassicInstruction[]): void {
  const bad = checkClassic(insns);
  if (!bad) return;
  const place = bad.insn < 0 ? '' : `instruction ${bad.insn}: `;
  throw new BpfError(-ERRNO.EINVAL, 'SO_ATTACH_FILTER', place + bad.problem);
}

const ANCILLARY: ReadonlySet<number> = new Set(Object.values(AD));

/** @param after instructions that follow */
function checkOne({ code, jt, jf, k }: ClassicInstruction, after: number): string | undefined {
  const form = classicForm(code);
  if (!form) return `unknown code 0x${code.toString(16)}`;
  switch (form.operand) {
    case 'abs':
      return isAncillary(k) && !ANCILLARY.has((k | 0) - AD_OFF) ? `no ancillary load at ${k | 0}` : undefined;
    case 'mem':
      return k >= MEM_WORDS ? `there is no M[${k}], only M[0] to M[${MEM_WORDS - 1}]` : undefined;
    case 'goto':
      return k >= after ? `jump over ${k} instructions, but only ${after} follow` : undefined;
    case 'ifK':
    case 'ifX':
      return jt >= after || jf >= after
        ? `jump over ${Math.max(jt, jf)} instructions, but only ${after} follow`
        : undefined;
    case 'dec':
      return checkConstant(form, k);
    default:
      return undefined;
  }
}

function checkConstant({ code }: ClassicForm, k: number): string | undefined {
  if ((code & 7) !== CLASS.ALU) return undefined;
  const op = code & 0xf0;
  if ((op === ALU.DIV || op === ALU.MOD) && k === 0) return 'division by 0';
  if ((op === ALU.LSH || op === ALU.RSH) && k > 31) return `shift by ${k}, of 32 bits`;
  return undefined;
}

/**
 * Reads of scratch words that nothing wrote. One pass in program order, since jumps only lead forwards: `reached[i]` is
 * what is written on every jump to i. As in Linux, a return does not end what falls through behind it, so that code that
 * nothing reaches is judged as if the return were not there.
 */
function checkMemory(insns: readonly ClassicInstruction[]): ClassicProblem | undefined {
  const ALL = 0xffff;
  const reached = new Uint16Array(insns.length).fill(ALL);
  let written = 0;
  for (let i = 0; i < insns.length; i++) {
    const { code, jt, jf, k } = insns[i];
    written &= reached[i];
    const operand = classicForm(code)?.operand;
    if (operand === 'mem') {
      const store = (code & 7) === CLASS.ST || (code & 7) === CLASS.STX;
      if (store) written |= 1 << k;
      else if (!(written & (1 << k))) return { insn: i, problem: `M[${k}] is read before it is written` };
    } else if (operand === 'goto' || operand === 'ifK' || operand === 'ifX') {
      for (const skip of operand === 'goto' ? [k] : [jt, jf]) reached[i + 1 + skip] &= written;
      written = ALL;
    }
  }
  return undefined;
}
