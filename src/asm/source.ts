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

/** Names of labels, maps and functions. */
export const NAME = /^[A-Za-z_.$][\w.$]*$/;

const NUMBER = /^([+-]*)(0x[0-9a-f]+|\d+)$/i;

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

/** The slots of a program and the labels that its jumps still wait for. */
export class Program {
  readonly insns: Draft[] = [];
  readonly labels = new Map<string, number>();
  readonly #waiting: { insn: number; label: string; field: 'off' | 'imm'; place: Place }[] = [];

  label(name: string, place: Place): void {
    if (this.labels.has(name)) fail(`label ${name} is defined twice`, place);
    this.labels.set(name, this.insns.length);
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
