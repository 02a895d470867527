/** `skep asm`: text to instructions. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { assemble, assembleConformance, parseDataFile, type MapRef } from '../asm/index.ts';
import { FormatError } from '../errors/index.ts';
import { SLOT, encode, validateProgram, type Instruction } from '../isa/index.ts';
import { UsageError, type Command, type Io } from './command.ts';
import { inputName, readInput } from './input.ts';

const help = `usage: skep asm [FILE|-] [options]

Assembles the text that the kernel's verifier log and skep disasm print, with labels and names of maps and helpers,
and prints the instructions as hexadecimal, one 8-byte slot a line.

  --conformance        the text is in the dialect of conformance files, or a whole .data file
  --hex                hexadecimal on standard output (the default)
  -o, --output FILE    write raw bytes instead

examples:
  echo 'r0 = 42
        exit' | skep asm
  skep asm filter.bpf -o filter.bin
  skep asm --conformance test/conformance/base32/ja.data | skep disasm -
`;

const options = {
  conformance: { type: 'boolean' },
  hex: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
} as const;

interface Result {
  readonly insns: readonly Instruction[];
  readonly mapRefs: readonly MapRef[];
}

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [path = '-', ...rest] = positionals;
  if (rest.length) throw new UsageError('skep asm takes one file');
  if (values.hex && values.output !== undefined) throw new UsageError('--hex and --output exclude each other');
  const file = inputName(path);
  const text = new TextDecoder().decode(await readInput(path, io));
  const { insns, mapRefs } = values.conformance ? conformance(text, file) : assemble(text, { file });
  if (!insns.length) throw new FormatError('there are no instructions in it', { file });
  const bytes = encode(insns);
  if (values.output === undefined) io.out(toHex(bytes));
  else await writeFile(values.output, bytes);
  for (const { insn, name } of mapRefs) io.err(`slot ${insn}: put the descriptor of map ${name} into imm\n`);
  const bad = validateProgram(insns);
  if (bad) io.err(`warning: slot ${bad.insn}: ${bad.problem}\n`);
  return 0;
}

/** A program in the dialect, or a file with sections. */
function conformance(text: string, file: string): Result {
  const insns = /^-- /m.test(text) ? parseDataFile(text, file).insns : assembleConformance(text, { file }).insns;
  return { insns, mapRefs: [] };
}

function toHex(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at += SLOT) {
    out += `${Buffer.from(bytes.subarray(at, at + SLOT)).toString('hex')}\n`;
  }
  return out;
}

export const command: Command = { help, run };
