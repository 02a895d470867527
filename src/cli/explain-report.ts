/** What `skep explain` prints. */
import { errnoName } from '../errors/index.ts';
import type { ProgramSpec } from '../loader/index.ts';
import { PROG_TYPE_NAMES } from '../uapi/index.ts';
import type { ExplainedStep, Explanation } from '../verifier/index.ts';
import { thousands } from './table.ts';

/** Widest column of instructions: longer ones push what is known to the right. */
const MAX_TEXT = 46;
/** Where the last two paragraphs are wrapped. */
const WIDTH = 100;

interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
}

const ansi =
  (code: number) =>
  (text: string): string =>
    `\x1b[${code}m${text}\x1b[0m`;
const plain = (text: string): string => text;
const COLOURS: Paint = { bold: ansi(1), dim: ansi(2), red: ansi(31), green: ansi(32) };
const PLAIN: Paint = { bold: plain, dim: plain, red: plain, green: plain };

const typeOf = (program: ProgramSpec): string => PROG_TYPE_NAMES[program.type] ?? `type ${program.type}`;

const headOf = (file: string, program: ProgramSpec): string => `${file}: ${program.name} (${typeOf(program)})`;

/** A program that never reached the verifier. */
export const setupText = (file: string, program: ProgramSpec, message: string): string =>
  `${headOf(file, program)}: not set up\n  ${message}\n`;

export function explanationText(file: string, program: ProgramSpec, found: Explanation, colours: boolean): string {
  const paint = colours ? COLOURS : PLAIN;
  const head = paint.bold(headOf(file, program));
  if (found.verdict === 'accept') return `${head}: ${paint.green('accepted')}\n${statistics(found)}`;
  const word = found.verdict === 'reject' ? `refused, ${errnoName(found.errno)}` : 'unsupported by skep';
  const lines = found.lines.length ? found.lines : [found.message || 'Linux gives no reason'];
  const parts = [
    `${head}: ${paint.red(word)}\n${lines.map((line) => `  ${line}\n`).join('')}`,
    path(found.steps, paint),
    paragraph('cause', found.cause, paint) + paragraph('remedy', found.remedy, paint),
  ];
  return parts.filter(Boolean).join('\n');
}

function statistics({ stats }: Explanation): string {
  if (!stats) return '';
  const { insns, totalStates, peakStates, stackDepth } = stats;
  const states = `${thousands(totalStates)} states, ${thousands(peakStates)} at once`;
  return `  ${thousands(insns)} instructions walked, ${states}, ${stackDepth} bytes of stack\n`;
}

/** The steps under their lines of source. */
function path(steps: readonly ExplainedStep[], paint: Paint): string {
  const width = Math.max(0, ...steps.map(({ insn }) => String(insn).length));
  const text = Math.min(MAX_TEXT, Math.max(0, ...steps.map(({ instruction }) => instruction.length)));
  const shown = new Map<string, string>();
  let out = '';
  let before = '';
  for (const step of steps) {
    const { source } = step;
    const here = source ? `${source.file}:${source.line}` : '';
    if (source && here !== before) out += `  ${paint.dim(here)}  ${paint.bold(source.text)}\n`;
    if (here) before = here;
    const notes = notesOf(step, shown);
    const refused = step.role === 'refused';
    const mark = refused ? paint.red('>') : ' ';
    const code = `${String(step.insn).padStart(width)}: ${step.instruction.padEnd(notes ? text : 0)}`;
    out += `  ${mark} ${refused ? paint.red(code) : code}${notes && `  ${notes}`}\n`;
  }
  return out;
}

/** What is known behind a step; of the refused one only what was not said before. */
function notesOf(step: ExplainedStep, shown: Map<string, string>): string {
  const notes: string[] = [];
  if (step.times > 1) notes.push(`${step.times} times, the last time`);
  if (step.jumped !== undefined) notes.push(step.jumped ? 'jumps' : 'goes on');
  if (step.role === 'tested') return `${notes.join(' ')}: nothing new`;
  const fresh = step.known.filter(({ place, value }) => step.role !== 'refused' || shown.get(place) !== value);
  for (const { place, value } of step.known) shown.set(place, value);
  const known = fresh.map(
    ({ place, value }) => `${place} ${value === 'not written' ? 'is not written' : `= ${value}`}`,
  );
  if (known.length) notes.push(known.join(', '));
  return notes.join(step.jumped !== undefined && known.length ? ': ' : ' ');
}

function paragraph(name: string, text: string, paint: Paint): string {
  if (!text) return '';
  const indent = ' '.repeat(10);
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line && indent.length + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return `  ${paint.bold(name.padEnd(8))}${lines.join(`\n${indent}`)}\n`;
}

/** The explanation with the program it is of, as `--json` prints it. */
export function explanationJson(file: string, program: ProgramSpec, found: Explanation): Record<string, unknown> {
  const { name, section } = program;
  return { file, program: name, section, type: typeOf(program), ...found };
}
