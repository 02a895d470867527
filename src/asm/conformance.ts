/**
 * Assembler of the dialect that conformance files are written in (bpf_conformance, uBPF, rbpf): a mnemonic of the
 * opcode table, then operands: `stxdw [%r1+8], %r2`, `jsgt32 %r1, -1, label`, `lock fetch add [%r10-8], %r3`.
 *
 * `%` before a register and the suffix 64 may be there or not; `swap16` is `bswap16`, `stxxaddw` is `lock add32`;
 * a jump goes to a label or `+n`; `call %r2` is `callx %r2`, `call name` is `call local name`. Immediates are decimal or
 * hexadecimal, signed or the same bits unsigned. `#`, `;` and `//` start a comment.
 */
import { ATOMIC, CLASS, FORMS, JMP, MODE, type Form, type Instruction } from '../isa/index.ts';
import { draft, fail, NAME, parseNumber, Program, setNumber, toOffset, type Draft, type Place } from './source.ts';

/** What stands at a place of the operand list: a register, memory at a register, a number, a jump's target. */
type Slot = 'D' | 'S' | '[D]' | '[S]' | 'IMM' | 'IMM64' | 'HIGH' | 'HI' | 'LO' | 'pcOFF' | 'pcIMM';

/** The operands of a form in the dialect's order. */
function slotsOf({ opcode, syntax, fixed, operands }: Form): Slot[] {
  const value: Slot = operands.has('imm') ? 'IMM' : 'S';
  const target: Slot = syntax.includes('pcIMM') ? 'pcIMM' : 'pcOFF';
  switch (opcode & 7) {
    case CLASS.LD:
      if ((opcode & 0xe0) === MODE.ABS) return ['IMM'];
      if ((opcode & 0xe0) === MODE.IND) return ['S', 'IMM'];
      if (syntax.includes('pcIMM')) return ['D', 'pcIMM'];
      return syntax.includes('IMM64') ? ['D', 'IMM64'] : syntax.includes('HIGH') ? ['D', 'IMM', 'HIGH'] : ['D', 'IMM'];
    case CLASS.LDX:
      return ['D', '[S]'];
    case CLASS.ST:
      return ['[D]', 'IMM'];
    case CLASS.STX:
      return fixed.imm === ATOMIC.LOAD_ACQ ? ['D', '[S]'] : ['[D]', 'S'];
    case CLASS.JMP:
    case CLASS.JMP32:
      if (!operands.size) return [];
      if ((opcode & 0xf0) === JMP.CALL)
        return syntax.includes('pcIMM') ? ['pcIMM'] : operands.has('dst') ? ['D'] : ['IMM'];
      return operands.has('dst') ? ['D', value, target] : [target];
    default:
      if (syntax.includes('HI')) return ['D', 'S', 'HI', 'LO'];
      return operands.has('imm') || operands.has('src') ? ['D', value] : ['D'];
  }
}

interface Shape {
  readonly form: Form;
  readonly slots: readonly Slot[];
}

const shapes = new Map<string, Shape[]>();
for (const form of FORMS) {
  shapes.set(form.mnemonic, [...(shapes.get(form.mnemonic) ?? []), { form, slots: slotsOf(form) }]);
}

const ALIASES: Readonly<Record<string, string>> = {
  swap16: 'bswap16',
  swap32: 'bswap32',
  swap64: 'bswap64',
  stxxaddw: 'lock add32',
  stxxadddw: 'lock add',
  xaddw: 'lock add32',
  xadddw: 'lock add',
  goto: 'ja',
  gotol: 'ja32',
};

/** The table's mnemonic for what a file writes, or undefined. */
function mnemonicOf(written: string): string | undefined {
  const name = written
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/^lock fetch (xchg|cmpxchg)/, 'lock $1');
  if (shapes.has(name)) return name;
  return ALIASES[name] ?? (name.endsWith('64') && shapes.has(name.slice(0, -2)) ? name.slice(0, -2) : undefined);
}

type Operand =
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'memory'; readonly register: number; readonly off: bigint }
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'name'; readonly name: string };

const REGISTER = '%?(?:[rw](\\d+)|(fp))';
const registerPattern = new RegExp(`^${REGISTER}$`, 'i');
const memoryPattern = new RegExp(`^\\[\\s*${REGISTER}\\s*(?:([+-].*))?\\]$`, 'i');

function registerNumber(digits: string | undefined, text: string, place: Place): number {
  const number = digits === undefined ? 10 : Number(digits);
  return number <= 10 ? number : fail(`there is no register ${text}`, place);
}

function parseOperand(text: string, place: Place): Operand {
  const register = registerPattern.exec(text);
  if (register) return { kind: 'register', register: registerNumber(register[1], text, place) };
  const memory = memoryPattern.exec(text);
  if (memory) {
    const off = memory[3] === undefined ? 0n : parseNumber(memory[3].replace(/\s+/g, ''));
    if (off === undefined) fail(`"${memory[3]}" is no offset`, place);
    return { kind: 'memory', register: registerNumber(memory[1], text, place), off };
  }
  const value = parseNumber(text);
  if (value !== undefined) return { kind: 'number', value };
  if (NAME.test(text)) return { kind: 'name', name: text };
  return fail(`"${text}" is no operand`, place);
}

function fits(slot: Slot, { kind }: Operand): boolean {
  if (slot === 'D' || slot === 'S') return kind === 'register';
  if (slot === '[D]' || slot === '[S]') return kind === 'memory';
  return kind === 'number' || (kind === 'name' && slot.startsWith('pc'));
}

class Dialect {
  readonly #program = new Program();

  line(source: string, place: Place): void {
    const text = this.#program.takeLabels(source.replace(/(#|;|\/\/).*$/, '').trim(), place);
    if (text) this.#instruction(text, place);
  }

  finish(): { insns: Instruction[]; labels: ReadonlyMap<string, number> } {
    return { insns: this.#program.finish(), labels: this.#program.labels };
  }

  #instruction(text: string, place: Place): void {
    const [, written, rest] = /^(lock(?:\s+fetch)?\s+\w+|call\s+local|\w+)\s*(.*)$/i.exec(text) ?? ['', text, ''];
    const operands = rest ? rest.split(',').map((operand) => parseOperand(operand.trim(), place)) : [];
    const mnemonic = /^call\b/i.test(written) ? callKind(written, operands[0]) : mnemonicOf(written);
    const candidates = mnemonic ? shapes.get(mnemonic) : undefined;
    if (!candidates) fail(`there is no instruction ${written}`, place);
    const shape = candidates.find(({ slots }) => {
      return slots.length === operands.length && slots.every((slot, i) => fits(slot, operands[i]));
    });
    if (!shape) {
      const wanted = candidates.map(({ slots }) => slots.join(', ') || 'no operands').join(' or ');
      fail(`${written} takes ${wanted}, not "${rest}"`, place);
    }
    this.#emit(shape, operands, place);
  }

  #emit({ form, slots }: Shape, operands: readonly Operand[], place: Place): void {
    const insn: Draft = Object.assign(draft(form.opcode), form.fixed);
    const high = draft(0);
    slots.forEach((slot, i) => this.#set(insn, high, slot, operands[i], place));
    this.#program.insns.push(insn);
    if (form.slots === 2) this.#program.insns.push(high);
  }

  #set(insn: Draft, high: Draft, slot: Slot, operand: Operand, place: Place): void {
    switch (operand.kind) {
      case 'register':
        insn[slot === 'D' ? 'dst' : 'src'] = operand.register;
        break;
      case 'memory':
        insn[slot === '[D]' ? 'dst' : 'src'] = operand.register;
        insn.off = toOffset(operand.off, 16, 'offset', place);
        break;
      case 'name':
        this.#program.pointAt(this.#program.here, slot === 'pcOFF' ? 'off' : 'imm', operand.name, place);
        break;
      case 'number':
        setNumber(insn, high, slot, operand.value, place);
    }
  }
}

/** `call 5`, `call %r1`, `call local f` and `call f` are three instructions. */
function callKind(written: string, operand: Operand | undefined): string {
  if (/local/i.test(written) || operand?.kind === 'name') return 'call_local';
  return operand?.kind === 'register' ? 'callx' : written.toLowerCase();
}

export interface ConformanceOptions {
  readonly file?: string;
  /** Line of the text's first line in the file, from 1. */
  readonly firstLine?: number;
}

/**
 * Assemble a program in the dialect of conformance files.
 * @throws FormatError with file and line
 */
export function assembleConformance(
  text: string,
  { file, firstLine = 1 }: ConformanceOptions = {},
): { insns: Instruction[]; labels: ReadonlyMap<string, number> } {
  const parser = new Dialect();
  text.split(/\r?\n/).forEach((line, i) => parser.line(line, { file, line: firstLine + i }));
  return parser.finish();
}
