/**
 * The language of bpf_asm (Documentation/networking/filter.rst): a statement a line, `label:` before one, comments from `;`
 * to the end of the line and between slashes and stars.
 */
import { FormatError } from '../errors/index.ts';
import { CLASSIC_FORMS } from './constants.ts';
import type { ClassicInstruction } from './instruction.ts';
import { formFor, parseOperand } from './operand.ts';
import type { ParsedOperand } from './operand.ts';

interface Statement {
  readonly word: string;
  readonly operand: string;
  readonly line: number;
}

const JUMPS: ReadonlySet<string> = new Set(
  CLASSIC_FORMS.filter(({ operand }) => operand === 'ifK').map(({ mnemonic }) => mnemonic),
);
/** Jumps that lead away when the comparison does not hold. */
const INVERSE: Readonly<Record<string, string>> = { jneq: 'jeq', jne: 'jeq', jle: 'jgt', jlt: 'jge' };

export function parseAssembly(text: string, file: string | undefined): ClassicInstruction[] {
  const { statements, labels } = split(text, file);
  return statements.map(({ word, operand, line }, at) => {
    const where = { file, line };
    const target = (name: string, most: number): number => {
      const to = labels.get(name);
      if (to === undefined) throw new FormatError(name ? `no such label: ${name}` : `${word} lacks a label`, where);
      const skip = to - at - 1;
      if (skip < 0 || skip > most) throw new FormatError(`${name} is out of reach: ${skip} instructions`, where);
      return skip;
    };
    if (word === 'jmp' || word === 'ja') return { code: 0x05, jt: 0, jf: 0, k: target(operand, 0xffff_ffff) };
    const value = (part: string): ParsedOperand => {
      const parsed = parseOperand(part);
      if (!parsed) throw new FormatError(`no operand: ${part}`, where);
      return parsed;
    };
    const inverse = Object.hasOwn(INVERSE, word);
    if (!inverse && !JUMPS.has(word)) {
      const parsed = value(operand);
      return { code: formFor(word, parsed, where).code, jt: 0, jf: 0, k: parsed.k };
    }
    const [compared, first = '', second, ...more] = operand.split(',').map((part) => part.trim());
    if (more.length || (inverse && second !== undefined)) throw new FormatError(`too many labels for ${word}`, where);
    const parsed = value(compared);
    const { code } = formFor(inverse ? INVERSE[word] : word, parsed, where);
    const away = target(first, 255);
    const other = second === undefined ? 0 : target(second, 255);
    return { code, jt: inverse ? 0 : away, jf: inverse ? away : other, k: parsed.k };
  });
}

function split(text: string, file: string | undefined): { statements: Statement[]; labels: Map<string, number> } {
  const statements: Statement[] = [];
  const labels = new Map<string, number>();
  const blank = (comment: string): string => comment.replace(/[^\n]/g, ' ');
  const lines = text.replace(/\/\*[^]*?\*\//g, blank).split('\n');
  lines.forEach((whole, i) => {
    const line = i + 1;
    let rest = whole.replace(/;.*/, '').trim();
    for (let found; (found = /^([a-z_]\w*)\s*:\s*(.*)$/i.exec(rest)); rest = found[2]) {
      if (labels.has(found[1])) throw new FormatError(`label ${found[1]} is there twice`, { file, line });
      labels.set(found[1], statements.length);
    }
    if (rest === '') return;
    const found = /^([a-z]+)(?:\s+(.*))?$/i.exec(rest);
    if (!found) throw new FormatError(`not an instruction: ${rest}`, { file, line });
    statements.push({ word: found[1].toLowerCase(), operand: found[2] ?? '', line });
  });
  if (statements.length === 0) throw new FormatError('there is no program in it', { file });
  return { statements, labels };
}
