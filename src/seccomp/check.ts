/**
 * Whether seccomp(2) would take a classic program. It refuses, with EINVAL, what the check of sockets refuses, and beyond
 * that: loads other than of a whole aligned word of `struct seccomp_data`, packet loads relative to X or of a header, and
 * remainders. Which codes and offsets these are was asked of Linux 6.18.
 */
import { checkClassic, classicForm } from '../cbpf/index.ts';
import type { ClassicInstruction, ClassicProblem } from '../cbpf/index.ts';
import { BpfError, ERRNO } from '../errors/index.ts';
import { ALU, CLASS, SIZE } from '../isa/index.ts';
import { SECCOMP_DATA_SIZE } from './data.ts';

/** What is wrong with a filter; undefined when Linux takes it. */
export function checkSeccomp(insns: readonly ClassicInstruction[]): ClassicProblem | undefined {
  const bad = checkClassic(insns);
  if (bad) return bad;
  for (let insn = 0; insn < insns.length; insn++) {
    const problem = checkOne(insns[insn]);
    if (problem !== undefined) return { insn, problem };
  }
  return undefined;
}

/** Throws what seccomp(2) would answer to the filter. @throws BpfError EINVAL */
export function assertSeccomp(insns: readonly ClassicInstruction[], name = ''): void {
  const bad = checkSeccomp(insns);
  if (!bad) return;
  const place = [name, bad.insn < 0 ? '' : `instruction ${bad.insn}`].filter((part) => part !== '').join(', ');
  throw new BpfError(-ERRNO.EINVAL, 'SECCOMP_SET_MODE_FILTER', place === '' ? bad.problem : `${place}: ${bad.problem}`);
}

function checkOne({ code, k }: ClassicInstruction): string | undefined {
  const operand = classicForm(code)?.operand;
  if (operand === 'abs') {
    if ((code & 0x18) !== SIZE.W) return 'only whole words are loaded';
    if (k >= SECCOMP_DATA_SIZE)
      return `there is nothing at ${k | 0}: struct seccomp_data has ${SECCOMP_DATA_SIZE} bytes`;
    return k % 4 === 0 ? undefined : `${k} is no multiple of 4`;
  }
  if (operand === 'ind' || operand === 'msh') return 'there is no packet to load from';
  if ((code & 7) === CLASS.ALU && (code & 0xf0) === ALU.MOD) return 'seccomp has no mod';
  return undefined;
}
