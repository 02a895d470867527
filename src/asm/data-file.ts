/**
 * Conformance files (`.data`), the form that bpf_conformance, uBPF and rbpf share: sections that start with `-- name`,
 * `#` comments to the end of the line.
 *
 *     -- asm      the program in the dialect of conformance.ts
 *     -- raw      the program as 64-bit hexadecimal slots; where both are, they must encode equal
 *     -- mem      the program's memory as hexadecimal digits, any white space
 *     -- result   the expected r0, hexadecimal (0x) or decimal, 64 bits
 *     -- error    the program must fail; the text may say how
 *     -- no ...   an option: what the file needs or must be left out of
 *
 * Other sections are documentation. A file without a program, with two sections of one name, or with neither result
 * nor error is refused.
 */
import { SLOT, decode, encode, type Instruction } from '../isa/index.ts';
import { assembleConformance } from './conformance.ts';
import { fail, parseNumber } from './source.ts';

export interface DataFile {
  /** Source text of `-- asm`. */
  readonly asm?: string;
  /** Slots of `-- raw`. */
  readonly raw?: Instruction[];
  /** The program, from whichever is there. */
  readonly insns: Instruction[];
  readonly mem?: Uint8Array;
  /** Expected r0, 0 to 2^64-1. */
  readonly result?: bigint;
  /** Set when the program must fail: the text of the section, often empty. */
  readonly error?: string;
  /** Names of the sections that are options, such as `no register offset`. */
  readonly options: ReadonlySet<string>;
  /** Text of every section by name, comments included. */
  readonly sections: ReadonlyMap<string, string>;
}

interface Section {
  readonly name: string;
  /** Line of the heading, from 1. */
  readonly line: number;
  readonly lines: string[];
}

function splitSections(text: string, file: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  let section: Section | undefined;
  text.split(/\r?\n/).forEach((line, i) => {
    const heading = /^--\s+(\S.*?)\s*$/.exec(line);
    if (heading) {
      const name = heading[1].replace(/\s*#.*$/, '').toLowerCase();
      if (sections.has(name)) fail(`section ${name} is there twice`, { file, line: i + 1 });
      sections.set(name, (section = { name, line: i + 1, lines: [] }));
    } else if (section) section.lines.push(line);
    else if (withoutComment(line)) fail('text before the first section', { file, line: i + 1 });
  });
  return sections;
}

const withoutComment = (line: string): string => line.replace(/#.*$/, '').trim();

/** Words of a section with the line each is on. */
function* words({ line, lines }: Section): Generator<[string, number]> {
  for (const [i, text] of lines.entries()) {
    for (const word of withoutComment(text).split(/\s+/)) if (word) yield [word, line + 1 + i];
  }
}

function parseRaw(section: Section, file: string): Instruction[] {
  const slots: bigint[] = [];
  for (const [word, line] of words(section)) {
    const digits = word.replace(/^0x/i, '').replace(/,$/, '');
    if (!/^[0-9a-f]{1,16}$/i.test(digits))
      fail(`"${word}" is not a 64-bit hexadecimal slot`, { file, section: 'raw', line });
    slots.push(BigInt(`0x${digits}`));
  }
  const bytes = new Uint8Array(slots.length * SLOT);
  const view = new DataView(bytes.buffer);
  slots.forEach((slot, i) => view.setBigUint64(i * SLOT, slot, true));
  return decode(bytes);
}

function parseMem(section: Section, file: string): Uint8Array {
  let digits = '';
  for (const [word, line] of words(section)) {
    const part = word.replace(/^0x/i, '');
    if (!/^[0-9a-f]+$/i.test(part)) fail(`"${word}" is not hexadecimal`, { file, section: 'mem', line });
    digits += part;
  }
  if (digits.length & 1)
    fail(`${digits.length} digits are not whole bytes`, { file, section: 'mem', line: section.line });
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

function parseResult(section: Section, file: string): bigint {
  const [first, second] = words(section);
  if (!first || second) fail('expected one number', { file, section: 'result', line: section.line });
  const [word, line] = first;
  const value = parseNumber(word) ?? parseNumber(`0x${word}`);
  if (value === undefined || value < -(1n << 63n) || value >= 1n << 64n) {
    fail(`"${word}" is not a 64-bit number`, { file, section: 'result', line });
  }
  return BigInt.asUintN(64, value);
}

function checkEqual(asm: readonly Instruction[], raw: readonly Instruction[], section: Section, file: string): void {
  const [a, b] = [encode(asm), encode(raw)];
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at < 0 && a.length === b.length) return;
  const slot = at < 0 ? asm.length : Math.floor(at / SLOT);
  fail(`asm and raw differ at slot ${slot}`, { file, section: 'raw', line: section.line });
}

/**
 * Parse a conformance file.
 * @param file its name, for errors
 * @throws FormatError with file and line
 */
export function parseDataFile(text: string, file = ''): DataFile {
  const sections = splitSections(text, file);
  const asmSection = sections.get('asm');
  const rawSection = sections.get('raw');
  const mem = sections.get('mem');
  const result = sections.get('result');
  const error = sections.get('error') ?? sections.get('error pattern');
  const asm = asmSection?.lines.join('\n');
  const raw = rawSection && parseRaw(rawSection, file);
  const fromAsm = asmSection && assembleConformance(asm ?? '', { file, firstLine: asmSection.line + 1 }).insns;
  if (fromAsm && raw && rawSection) checkEqual(fromAsm, raw, rawSection, file);
  const insns = fromAsm ?? raw ?? fail('there is neither an asm nor a raw section', { file, line: 1 });
  if (!result && !error) fail('there is neither a result nor an error section', { file, line: 1 });
  return {
    asm,
    raw,
    insns,
    mem: mem && parseMem(mem, file),
    result: result && parseResult(result, file),
    error: error && error.lines.map(withoutComment).join('\n').trim(),
    options: new Set([...sections.keys()].filter((name) => name.startsWith('no '))),
    sections: new Map(Array.from(sections.values(), ({ name, lines }) => [name, lines.join('\n')])),
  };
}
