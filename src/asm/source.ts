/**
 * What both assemblers share: lines, numbers in range, jump targets and labels. Everything wrong with a text is a
 * FormatError with file and line.
 */
import { FormatError } from '../errors/index.ts';
import type { Instruction } from '../isa/index.ts';

/** Where a problem is. */
export interface Place {
  readonly file?: string;
  readonly section?: string;
  /** From 1. */
  readonly line: number;
}

export function fail(problem: string, place: Place): never {
  throw new FormatError(problem, place);
}

/** Names of labels, maps and functions, as a part of a pattern and as a whole. */
export const NAME_PATTERN = '[A-Za-z_.$][\\w.$]*';
export const NAME = new RegExp(`^${NAME_PATTERN}$`);
const LABEL = new RegExp(`^(${NAME_PATTERN}):\\s*`);

/** Long enough for any 64-bit number, short enough to be read in no time. */
const NUMBER = /^([+-]*)(0x[0-9a-f]{1,32}|\d{1,32})$/i;

/** The value of a number: any signs, then decimal or 0x. Undefined when it is none. */
export function parseNumber(text: string): bigint | undefined {
  const match = NUMBER.exec(text);
  if (!match) return undefined;
  const minus = match[1].split('-').length - 1;
  return minus & 1 ? -BigInt(match[2]) : BigInt(match[2]);
}

/** A number of `bits`: signed, or the same bits as unsigned (`0xffffffff` is -1). */
export function toSigned(value: bigint, bits: number, what: string, place: Place): number {
  if (BigInt.asUintN(bits, value) === value) return Number(BigInt.asIntN(bits, value));
  return toSignExtended(value, bits, what, place);
}

/** A number whose `bits`, sign-extended to 64, are the number: `0xffffffffffffff00` is -256, `0xffffffff` is refused. */
export function toSignExtended(value: bigint, bits: number, what: string, place: Place): number {
  const signed = BigInt.asIntN(bits, value);
  if (signed === value || BigInt.asUintN(64, signed) === value) return Number(signed);
  return fail(`${what} ${value} does not fit ${bits} bits`, place);
}

/** A number in a signed range only: offsets, where a large positive one is a mistake. */
export function toOffset(value: bigint, bits: number, what: string, place: Place): number {
  if (BigInt.asIntN(bits, value) !== value) fail(`${what} ${value} does not fit ${bits} signed bits`, place);
  return Number(value);
}

/** Fields of an instruction under construction. */
export type Draft = { -readonly [K in keyof Instruction]: Instruction[K] };

export const draft = (opcode: number): Draft => ({ opcode, dst: 0, src: 0, off: 0, imm: 0 });

/**
 * Put a number into the field that a word of the opcode table's syntaxes stands for.
 * @param convert how a 32-bit immediate is read
 */
export function setNumber(
  insn: Draft,
  high: Draft,
  word: string,
  value: bigint,
  place: Place,
  convert: typeof toSigned = toSigned,
): void {
  switch (word) {
    case 'OFF':
    case 'pcOFF':
      insn.off = toOffset(value, 16, 'offset', place);
      break;
    case 'pcIMM':
      insn.imm = toOffset(value, 32, 'distance', place);
      break;
    case 'HIGH':
      high.imm = toSigned(value, 32, 'offset', place);
      break;
    case 'HI':
    case 'LO':
      if (value < 0n || value > 0xffffn) fail(`address space ${value} does not fit 16 bits`, place);
      insn.imm |= Number(value) << (word === 'HI' ? 16 : 0);
      break;
    case 'IMM64':
      if (value < -(1n << 63n) || value >= 1n << 64n) fail(`${value} does not fit 64 bits`, place);
      insn.imm = Number(BigInt.asIntN(32, value));
      high.imm = Number(BigInt.asIntN(32, value >> 32n));
      break;
    default:
      insn.imm = convert(value, 32, 'immediate', place);
  }
}

/** The slots of a program and the labels that its jumps still wait for. */
export class Program {
  readonly insns: Draft[] = [];
  readonly labels = new Map<string, number>();
  readonly #waiting: { insn: number; label: string; field: 'off' | 'imm'; place: Place }[] = [];

  /** Define the labels that a line begins with. @returns the rest of the line */
  takeLabels(line: string, place: Place): string {
    let rest = line;
    for (let match; (match = LABEL.exec(rest)); rest = rest.slice(match[0].length)) {
      if (this.labels.has(match[1])) fail(`label ${match[1]} is defined twice`, place);
      this.labels.set(match[1], this.here);
    }
    return rest;
  }

  /** Slot of the next instruction. */
  get here(): number {
    return this.insns.length;
  }

  /** Point `field` of slot `insn` at a label, once all labels are known. */
  pointAt(insn: number, field: 'off' | 'imm', label: string, place: Place): void {
    this.#waiting.push({ insn, label, field, place });
  }

  finish(): Instruction[] {
    for (const { insn, label, field, place } of this.#waiting) {
      const slot = this.labels.get(label) ?? fail(`there is no label ${label}`, place);
      const distance = BigInt(slot - insn - 1);
      this.insns[insn][field] = toOffset(distance, field === 'off' ? 16 : 32, `the way to label ${label},`, place);
    }
    return this.insns;
  }
}
