/**
 * Matches a line of text against the syntaxes of the opcode table: the line with its operands taken out is looked up,
 * and the operands go into the fields that the syntax names in the same order.
 */
import { accessSize, CALL, CLASS, FORMS, type Form } from '../isa/index.ts';
import { draft, fail, parseNumber, setNumber, toSigned, toSignExtended, type Draft, type Place } from './source.ts';

const OPERAND = /\b[rw]\d+\b|[+-]+(?:0x[0-9a-f]+|\d+)\b|(?<!\w)(?:0x[0-9a-f]+|\d+)\b/gi;
const REGISTER = /^[rw]\d+$/;

/** A line with its operands taken out: equal for all instructions of one syntax. */
function skeleton(text: string): string {
  return compact(text).replace(OPERAND, (word) => (REGISTER.test(word) ? word[0] : 'N'));
}

/** No white space except between words. */
const compact = (text: string): string => text.replace(/\s+/g, ' ').replace(/(?<!\w) | (?!\w)/g, '');

/** A form's syntax as operands in the order of its text; a literal stands for itself. */
export interface Pattern {
  readonly form: Form;
  readonly words: readonly string[];
}

const WORD = /\b[rw][DS]\b|\bpcOFF\b|\bpcIMM\b|\bOFF\b|\bIMM64\b|\bIMM\b|\bHEX\b|\bHIGH\b|\bHI\b|\bLO\b/g;
const patterns = new Map<string, Pattern[]>();
for (const form of FORMS) {
  if (form.opcode === CALL) continue;
  const sample = form.syntax.replace(WORD, (word) => {
    if (word.endsWith('D') || word.endsWith('S')) return `${word[0]}1`;
    return word.startsWith('pc') ? 'pc+1' : word === 'OFF' ? '+1' : '1';
  });
  const words = form.syntax.match(new RegExp(`${WORD.source}|\\br0\\b|(?<=\\[)0(?=\\])`, 'g')) ?? [];
  const key = skeleton(sample);
  patterns.set(key, [...(patterns.get(key) ?? []), { form, words }]);
}

/** The forms a line may be: as it is, or with the `w` registers that LLVM writes in 32-bit memory accesses. */
export function findPatterns(text: string): Pattern[] | undefined {
  const key = skeleton(text);
  const direct = patterns.get(key);
  if (direct) return direct;
  return key.includes('*)(') ? patterns.get(key.replace(/\bw\b/g, 'r')) : undefined;
}

export function registerNumber(word: string, place: Place): number {
  const number = Number(word.slice(1));
  return number <= 10 ? number : fail(`there is no register ${word}`, place);
}

/** The slots of a line that matches a pattern. */
export function fill({ form, words }: Pattern, text: string, place: Place): Draft[] {
  const insn = draft(form.opcode);
  Object.assign(insn, form.fixed);
  const high = draft(0);
  const operands = compact(text).match(OPERAND) ?? [];
  // HEX shows the 32 bits; IMM of a 64-bit operation is what it becomes, sign-extended.
  const convert = isWide(form.opcode) ? toSignExtended : toSigned;
  const seen = new Map<string, string>();
  words.forEach((word, i) => {
    const operand = operands[i];
    const before = seen.get(word);
    if (before !== undefined && before !== operand) fail(`${before} and ${operand} must be the same`, place);
    seen.set(word, operand);
    if (word === 'r0' || word === '0') {
      if (operand.replace('w', 'r') !== word) fail(`${operand} must be ${word}`, place);
    } else if (REGISTER.test(operand)) {
      insn[word.endsWith('D') ? 'dst' : 'src'] = registerNumber(operand, place);
    } else {
      const value = parseNumber(operand) ?? fail(`${operand} is not a number`, place);
      setNumber(insn, high, word, value, place, word === 'IMM' ? convert : toSigned);
    }
  });
  return form.slots === 2 ? [insn, high] : [insn];
}

/** Whether an opcode extends its immediate to 64 bits. */
const isWide = (opcode: number): boolean =>
  (opcode & 7) === CLASS.ALU64 || ((opcode & 7) === CLASS.ST && accessSize(opcode) === 8);
