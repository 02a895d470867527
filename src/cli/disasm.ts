/** `skep disasm`: instructions to the text of the kernel's verifier log. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatInsn, type FormatOptions } from '../asm/index.ts';
import { FormatError } from '../errors/index.ts';
import { LD_IMM64, SLOT, decode, type Instruction } from '../isa/index.ts';
import type { ProgramSpec, SourceLine } from '../loader/index.ts';
import { UsageError, type Command, type Io } from './command.ts';
import { inputName, readInput } from './input.ts';

const help = `usage: skep disasm FILE|HEX|- [options]

Prints the instructions of an object file's programs, of raw bytes, or of hexadecimal text, in the words of the
kernel's verifier log. Maps, functions and helpers are named, and skep asm takes the text back.

  --program NAME       only this program of an object
  --section NAME       only the programs of this section of an object
  --no-source          leave out the C source lines that an object carries
  --raw                the file is raw bytes, whatever it looks like

examples:
  skep disasm filter.o --program count
  skep disasm b7000000 2a000000 95000000 00000000
  skep asm filter.bpf | skep disasm -
`;

const options = {
  program: { type: 'string' },
  section: { type: 'string' },
  'no-source': { type: 'boolean' },
  raw: { type: 'boolean' },
} as const;

interface Wanted {
  readonly program?: string;
  readonly section?: string;
  readonly source: boolean;
}

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (!positionals.length) throw new UsageError('skep disasm takes a file or hexadecimal digits');
  const { program, section, raw = false } = values;
  const [path] = positionals;
  if (positionals.length > 1 || (path !== '-' && !existsSync(path) && isHex(path))) {
    io.out(listing(fromHex(positionals.join(' '), 'arguments')));
    return 0;
  }
  const bytes = await readInput(path, io);
  const file = inputName(path);
  if (!raw && isElf(bytes)) {
    io.out(await disassembleObject(bytes, file, { program, section, source: !values['no-source'] }));
    return 0;
  }
  if (program !== undefined || section !== undefined) throw new UsageError(`${file} is no object: it has no programs`);
  const text = raw ? undefined : new TextDecoder('latin1').decode(bytes);
  io.out(listing(text !== undefined && isHex(text) ? fromHex(text, file) : fromBytes(bytes, file)));
  return 0;
}

const isElf = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(0, 4)) === '\x7fELF';
const isHex = (text: string): boolean => /^\s*(0x)?[0-9a-f]{2}[0-9a-fx\s,]*$/i.test(text);

function fromHex(text: string, file: string): Instruction[] {
  const digits = text.replace(/0x|[\s,]/gi, '');
  const bad = digits.search(/[^0-9a-f]/i);
  if (bad >= 0) throw new FormatError(`"${digits[bad]}" is no hexadecimal digit`, { file });
  if (digits.length % 2) throw new FormatError(`${digits.length} digits are not whole bytes`, { file });
  return fromBytes(Buffer.from(digits, 'hex'), file);
}

function fromBytes(bytes: Uint8Array, file: string): Instruction[] {
  if (!bytes.length) throw new FormatError('there are no instructions in it', { file });
  const extra = bytes.length % SLOT;
  if (extra) {
    const offset = bytes.length - extra;
    throw new FormatError(`the last instruction has ${extra} bytes instead of ${SLOT}`, { file, offset });
  }
  return decode(bytes);
}

/** A program without names. */
function listing(insns: readonly Instruction[]): string {
  return Array.from(firstSlots(insns), (at) => line(insns, at, { raw: true })).join('');
}

function* firstSlots(insns: readonly Instruction[]): Generator<number> {
  for (let at = 0; at < insns.length; at += insns[at].opcode === LD_IMM64 ? 2 : 1) yield at;
}

const line = (insns: readonly Instruction[], at: number, names: FormatOptions): string =>
  `${String(at).padStart(4)}: ${formatInsn(insns, at, names)}\n`;

async function disassembleObject(bytes: Uint8Array, file: string, wanted: Wanted): Promise<string> {
  const { loadCollectionSpec } = await import('../loader/index.ts');
  const programs = Object.values(loadCollectionSpec(bytes, { file }).programs);
  const chosen = programs.filter(({ name, section }) => {
    return name === (wanted.program ?? name) && section === (wanted.section ?? section);
  });
  if (!chosen.length) {
    const names = programs.map(({ name, section }) => `${name} (${section})`).join(', ');
    throw new UsageError(names ? `${file} has no such program, but ${names}` : `${file} has no programs`);
  }
  return chosen.map((program) => disassembleProgram(program, wanted.source)).join('\n');
}

function disassembleProgram(program: ProgramSpec, source: boolean): string {
  const { insns, functions, references, lines, name, section } = program;
  const maps = new Map(references.map(({ insn, map, valueOffset }) => [insn, mapOperand(map, valueOffset)]));
  const labels = new Map(functions.map(({ start, name }) => [start, name]));
  const sourceLines = source ? sourceBySlot(lines) : new Map<number, string>();
  const names: FormatOptions = {
    raw: true,
    ldImm64: (_insn, _high, at) => maps.get(at),
    subprogName: (target) => labels.get(target),
  };
  let out = `; program ${name}, section ${section}\n`;
  for (const at of firstSlots(insns)) {
    if (labels.has(at)) out += `${labels.get(at)}:\n`;
    if (sourceLines.has(at)) out += `; ${sourceLines.get(at)}\n`;
    out += line(insns, at, names);
  }
  return out;
}

/** Where the source goes on to another line; compilers also note places without a line. */
function sourceBySlot(lines: readonly SourceLine[]): Map<number, string> {
  const out = new Map<number, string>();
  let before = '';
  for (const { insn, text, file, line } of lines) {
    const here = `${text} @ ${file}:${line}`;
    if (line && here !== before) out.set(insn, here);
    before = here;
  }
  return out;
}

/** As the assembler takes it. */
const mapOperand = (map: string, offset: number | undefined): string =>
  offset === undefined ? `map[${map}]` : `map[${map}][0]+${offset}`;

export const command: Command = { help, run };
