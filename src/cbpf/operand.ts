/** The operand of a classic instruction as tcpdump and bpf_asm write it, and the instruction that it makes with its word. */
import { FormatError } from '../errors/index.ts';
import { AD_OFF, CLASSIC_FORMS } from './constants.ts';
import type { ClassicForm, Operand } from './constants.ts';
import { ANCILLARY_NAMES } from './format.ts';

export interface ParsedOperand {
  /** Operands of forms that this text may stand for. */
  readonly kinds: readonly Operand[];
  /** Unsigned 32 bits. */
  readonly k: number;
}

const NUMBER = '(-?(?:0x[0-9a-f]+|0b[01]+|\\d+))';

/** Texts with a number in them, and what they stand for; `ifK` and `ifX` are the values that a comparison takes. */
const WITH_NUMBER: readonly (readonly [RegExp, readonly Operand[]])[] = (
  [
    [`#${NUMBER}`, ['imm', 'dec', 'hex', 'ifK']],
    [`\\[${NUMBER}\\]`, ['abs']],
    [`\\[%?x\\+${NUMBER}\\]`, ['ind']],
    [`m\\[${NUMBER}\\]`, ['mem']],
    [`4\\*\\(\\[${NUMBER}\\]&0xf\\)`, ['msh']],
  ] as const
).map(([text, kinds]) => [new RegExp(`^${text}$`), kinds]);

const WITHOUT_NUMBER: Readonly<Record<string, readonly Operand[]>> = {
  '': [''],
  x: ['x', 'ifX'],
  '%x': ['x', 'ifX'],
  a: ['a'],
  '%a': ['a'],
  len: ['len'],
  pktlen: ['len'],
};

const ancillary = new Map(
  ANCILLARY_NAMES.flatMap(([offset, ...names]) => names.map((name) => [name, (AD_OFF + offset) >>> 0] as const)),
);

/** @returns undefined where the text is no operand */
export function parseOperand(text: string): ParsedOperand | undefined {
  const dense = text.replace(/\s+/g, '').toLowerCase();
  for (const [pattern, kinds] of WITH_NUMBER) {
    const found = pattern.exec(dense);
    const k = found && parseNumber(found[1]);
    if (typeof k === 'number') return { kinds, k };
  }
  const word = dense.replace(/^#/, '');
  if (Object.hasOwn(WITHOUT_NUMBER, word)) return { kinds: WITHOUT_NUMBER[word], k: 0 };
  const k = ancillary.get(word.replace(/^\[(.*)\]$/, '$1'));
  return k === undefined ? undefined : { kinds: ['abs'], k };
}

/** C's notation, and 0b; 32 bits, signed or not. @returns undefined where it is too large or no number */
export function parseNumber(text: string): number | undefined {
  const negative = text.startsWith('-');
  const digits = negative ? text.slice(1) : text;
  const octal = /^0\d+$/.test(digits);
  if (octal && !/^[0-7]+$/.test(digits)) return undefined;
  const value = Number(octal ? `0o${digits.slice(1)}` : digits);
  if (!Number.isInteger(value) || value > (negative ? 0x8000_0000 : 0xffff_ffff)) return undefined;
  return (negative ? -value : value) >>> 0;
}

/** Words for which the table has another. */
const ALIASES: Readonly<Record<string, string>> = { ldi: 'ld', ldxi: 'ldx' };

/** The form that a word and an operand make. @throws FormatError */
export function formFor(word: string, operand: ParsedOperand, where: { file?: string; line: number }): ClassicForm {
  const mnemonic = ALIASES[word] ?? (word === 'ldx' && operand.kinds.includes('msh') ? 'ldxb' : word);
  const forms = CLASSIC_FORMS.filter((form) => form.mnemonic === mnemonic);
  if (forms.length === 0) throw new FormatError(`no such instruction: ${word}`, where);
  const form = forms.find((one) => operand.kinds.includes(one.operand));
  if (!form) throw new FormatError(`${word} does not take this operand`, where);
  return form;
}
