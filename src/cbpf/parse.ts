/**
 * Reads classic programs: what tcpdump prints with -d, -dd and -ddd, the language of bpf_asm, and what bpf_asm prints. Which
 * of them a text is in shows in its first character. What is read need not be a program that Linux takes.
 */
import { FormatError } from '../errors/index.ts';
import { parseAssembly } from './assembly.ts';
import { classicForm } from './constants.ts';
import type { ClassicInstruction } from './instruction.ts';
import { formFor, parseNumber, parseOperand } from './operand.ts';

interface Where {
  readonly file?: string;
}

/** @throws FormatError with the line */
export function parseClassic(text: string, { file }: Where = {}): ClassicInstruction[] {
  const first = text.trimStart();
  if (first === '') throw new FormatError('there is no program in it', { file });
  if (first.startsWith('(')) return parseLines(text, file, parseListing);
  if (first.startsWith('{')) return parseLines(text, file, parseInitializer);
  if (/^\d/.test(first)) return parseDecimal(text, file);
  return parseAssembly(text, file);
}

type LineParser = (line: string, at: number, where: { file?: string; line: number }) => ClassicInstruction;

/** One instruction a line; empty lines do not count. */
function parseLines(text: string, file: string | undefined, parse: LineParser): ClassicInstruction[] {
  const insns: ClassicInstruction[] = [];
  text.split('\n').forEach((line, i) => {
    if (line.trim() !== '') insns.push(parse(line.trim(), insns.length, { file, line: i + 1 }));
  });
  return insns;
}

const LISTING = /^\((\d+)\)\s+(\w+)\s*(.*?)(?:\s+jt (\d+)\s+jf (\d+))?$/;

/** A line of tcpdump -d. */
const parseListing: LineParser = (line, at, where) => {
  const found = LISTING.exec(line);
  if (!found) throw new FormatError(`not a line of tcpdump -d: ${line}`, where);
  const [, index, word, rest, jt, jf] = found;
  if (Number(index) !== at) throw new FormatError(`instruction ${Number(index)} where ${at} is due`, where);
  // Linux takes no jump backwards, but tcpdump's compiler makes some.
  if (word === 'ja' && /^-?\d{1,10}$/.test(rest)) return { code: 0x05, jt: 0, jf: 0, k: (Number(rest) - at - 1) >>> 0 };
  const operand = parseOperand(word === 'ret' && rest === '' ? 'a' : rest);
  if (!operand) throw new FormatError(`no operand: ${rest}`, where);
  const form = formFor(word, operand, where);
  const branches = form.operand === 'ifK' || form.operand === 'ifX';
  if (branches !== (jt !== undefined))
    throw new FormatError(`${word} ${branches ? 'lacks' : 'has no'} jt and jf`, where);
  const target = (text: string): number => (branches ? skip(text, at, where) : 0);
  return { code: form.code, jt: target(jt), jf: target(jf), k: operand.k };
};

/** Instructions between one and its target. */
function skip(target: string, at: number, where: { file?: string; line: number }): number {
  const distance = Number(target) - at - 1;
  if (/^\d+$/.test(target) && distance >= 0 && distance <= 255) return distance;
  throw new FormatError(`instruction ${at} cannot jump to ${target}`, where);
}

/** A line of tcpdump -dd, or of bpf_asm -c. */
const parseInitializer: LineParser = (line, _at, where) => {
  const found = /^\{([^{}]*)\},?$/.exec(line);
  if (!found) throw new FormatError(`not a line of tcpdump -dd: ${line}`, where);
  return fromNumbers(found[1].split(','), where);
};

/** tcpdump -ddd, or the line of bpf_asm: how many instructions, then four numbers each, between commas or ends of lines. */
function parseDecimal(text: string, file: string | undefined): ClassicInstruction[] {
  const items: { numbers: string[]; line: number }[] = [];
  text.split('\n').forEach((line, i) => {
    for (const item of line.split(',')) {
      const numbers = item.trim().split(/\s+/);
      if (numbers[0] !== '') items.push({ numbers, line: i + 1 });
    }
  });
  const [head, ...rest] = items;
  const count = head.numbers.length === 1 ? parseNumber(head.numbers[0]) : undefined;
  if (count === undefined) throw new FormatError('the number of instructions is due', { file, line: head.line });
  const insns = rest.map(({ numbers, line }) => fromNumbers(numbers, { file, line }));
  if (insns.length !== count)
    throw new FormatError(`${count} instructions announced, ${insns.length} there`, { file, line: head.line });
  return insns;
}

const LIMITS = [0xffff, 0xff, 0xff, 0xffff_ffff];

function fromNumbers(texts: readonly string[], where: { file?: string; line: number }): ClassicInstruction {
  const numbers = texts.map((text) => parseNumber(text.trim()));
  const good = numbers.length === LIMITS.length && numbers.every((n, i) => n !== undefined && n <= LIMITS[i]);
  if (!good) throw new FormatError(`code, jt, jf and k are due, not ${texts.join(' ').trim()}`, where);
  const [code, jt, jf, k] = numbers as number[];
  return { code, jt, jf, k };
}

/** Whether an instruction loses something when printed as tcpdump -d does: a code without words, or fields not shown. */
export function losesInListing({ code, jt, jf, k }: ClassicInstruction): boolean {
  const operand = classicForm(code)?.operand;
  if (operand === undefined) return true;
  if (operand === 'ifK') return false;
  if (operand === 'ifX') return k !== 0;
  const shown = operand !== '' && operand !== 'x' && operand !== 'a' && operand !== 'len';
  return jt !== 0 || jf !== 0 || (!shown && k !== 0);
}
