/**
 * The opcode table, indexed: which form an instruction has, which of its fields are used, and what is wrong with it.
 * Checks one instruction alone; jump targets, register contents and the order of slots are the verifier's business.
 */
import { LD_IMM64 } from './constants.ts';
import type { Instruction } from './instruction.ts';
import { OPCODE_TABLE, type ConformanceGroup, type FixedFields } from './table.ts';

export type Field = 'dst' | 'src' | 'off' | 'imm';

/** One row of the opcode table with what follows from it. */
export interface Form {
  readonly opcode: number;
  readonly mnemonic: string;
  readonly group: ConformanceGroup;
  /** The kernel's text; the table's head explains the words. */
  readonly syntax: string;
  readonly fixed: FixedFields;
  /** Fields that carry an operand. The others hold their fixed value, or 0. */
  readonly operands: ReadonlySet<Field>;
  /** Slots taken: 2 for `ld_imm64`. */
  readonly slots: 1 | 2;
  /** Whether the second slot carries an operand. */
  readonly usesHigh: boolean;
}

/** Words of a syntax and the fields they show. */
const WORD_FIELDS: readonly [RegExp, Field][] = [
  [/\b[rw]D\b/, 'dst'],
  [/\b[rw]S\b/, 'src'],
  [/OFF\b|\bKFUNC\b/, 'off'],
  [/IMM(64)?\b|\bHEX\b|\bLO\b|\bHELPER\b|\bKFUNC\b/, 'imm'],
];

/** All forms, in the table's order. */
export const FORMS: readonly Form[] = OPCODE_TABLE.map(([opcode, mnemonic, group, syntax, fixed = {}]) => ({
  opcode,
  mnemonic,
  group,
  syntax,
  fixed,
  operands: new Set(WORD_FIELDS.filter(([word]) => word.test(syntax)).map(([, field]) => field)),
  slots: opcode === LD_IMM64 ? 2 : 1,
  usesHigh: /\bHIGH\b|\bIMM64\b/.test(syntax),
}));

const byOpcode: readonly Form[][] = Array.from({ length: 256 }, () => []);
for (const form of FORMS) byOpcode[form.opcode].push(form);
for (const forms of byOpcode) forms.sort((a, b) => Object.keys(b.fixed).length - Object.keys(a.fixed).length);

/** Forms of an opcode, those with more fixed fields first; empty for an opcode that does not exist. */
export function formsOf(opcode: number): readonly Form[] {
  return byOpcode[opcode & 255];
}

/**
 * The form of an instruction: the row of its opcode whose fixed fields all match, or else the opcode's row without
 * any. Undefined when there is neither. Reserved fields are not looked at.
 */
export function formOf(insn: Instruction): Form | undefined {
  const forms = byOpcode[insn.opcode & 255];
  for (let i = 0; i < forms.length; i++) {
    const { src, off, imm } = forms[i].fixed;
    if (
      (src === undefined || src === insn.src) &&
      (off === undefined || off === insn.off) &&
      (imm === undefined || imm === insn.imm)
    ) {
      return forms[i];
    }
  }
  return undefined;
}

/** The conformance group of an instruction; undefined when it is no instruction. */
export function groupOf(insn: Instruction): ConformanceGroup | undefined {
  return formOf(insn)?.group;
}

const hex2 = (n: number): string => n.toString(16).padStart(2, '0');

/**
 * What is wrong with an instruction, as a sentence; undefined when it is well formed.
 * @param next the following slot, looked at only by `ld_imm64`.
 */
export function validate(insn: Instruction, next?: Instruction): string | undefined {
  const form = formOf(insn);
  if (!form) {
    return formsOf(insn.opcode).length
      ? `opcode 0x${hex2(insn.opcode)} has no form with src ${insn.src}, off ${insn.off}, imm ${insn.imm}`
      : `unknown opcode 0x${hex2(insn.opcode)}`;
  }
  for (const field of ['dst', 'src', 'off', 'imm'] as const) {
    if (form.operands.has(field)) {
      if ((field === 'dst' || field === 'src') && insn[field] > 10) return `there is no register r${insn[field]}`;
    } else if (insn[field] !== (field === 'dst' ? 0 : (form.fixed[field] ?? 0))) {
      return `${field} is reserved in ${form.mnemonic} and must be 0, not ${insn[field]}`;
    }
  }
  return form.slots === 2 ? validateSecondSlot(form, next) : undefined;
}

function validateSecondSlot(form: Form, next: Instruction | undefined): string | undefined {
  if (!next) return `${form.mnemonic} lacks its second slot`;
  if (next.opcode || next.dst || next.src || next.off) return `second slot of ${form.mnemonic} holds more than imm`;
  if (next.imm && !form.usesHigh) return `second imm is reserved in ${form.mnemonic} and must be 0, not ${next.imm}`;
  return undefined;
}

/** What is wrong with the first bad instruction of a program, and its slot; undefined when all are well formed. */
export function validateProgram(insns: readonly Instruction[]): { insn: number; problem: string } | undefined {
  for (let i = 0; i < insns.length; i++) {
    const problem = validate(insns[i], insns[i + 1]);
    if (problem) return { insn: i, problem };
    if (insns[i].opcode === LD_IMM64) i++;
  }
  return undefined;
}
