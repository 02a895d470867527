/**
 * `format` files, in tracefs's words: written for tracepoints of this process, and read back from any kernel's. What is read
 * prints the same bytes again.
 */
import { FormatError } from '../errors/index.ts';
import { COMMON_FIELDS } from './fields.ts';
import type { Field } from './fields.ts';
import type { Tracepoint } from './tracepoint.ts';

/** A field as `format` lists it. */
export interface FormatField {
  /** What stands before the name: `unsigned short`, `const char *`, `__data_loc char[]`. */
  readonly type: string;
  readonly name: string;
  /** Entries of an array; 0 for `[]`, whose length only the record knows; undefined: no array. */
  readonly entries: number | undefined;
  /** Bytes from the start of the record. */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

export interface EventFormat {
  readonly name: string;
  readonly id: number;
  readonly common: readonly FormatField[];
  readonly fields: readonly FormatField[];
  /** The C text that prints a record; it may have several lines. */
  readonly printFmt: string;
}

/** What the `format` file of a tracepoint says. */
export function formatOf({ name, id, fields }: Tracepoint): EventFormat {
  return { name, id, common: COMMON_FIELDS.map(listed), fields: fields.map(listed), printFmt: printFmt(fields) };
}

function listed({ ctype, name, kind, offset, size, signed }: Field): FormatField {
  return { type: ctype, name, entries: kind === 'text' ? size : undefined, offset, size, signed };
}

/** `"id=%llu country=%s", REC->id, REC->country` */
function printFmt(fields: readonly Field[]): string {
  const text = fields.map((field) => `${field.name}=${conversion(field)}`).join(' ');
  return [`"${text}"`, ...fields.map(({ name }) => `REC->${name}`)].join(', ');
}

function conversion({ kind, size, signed }: Field): string {
  if (kind === 'text') return '%s';
  if (kind === 'bool') return '%d';
  return (size === 8 ? '%ll' : '%') + (signed ? 'd' : 'u');
}

/** The text of a tracepoint's `format` file. */
export function formatText(tracepoint: Tracepoint): string {
  return printFormat(formatOf(tracepoint));
}

/** The file's text. */
export function printFormat({ name, id, common, fields, printFmt }: EventFormat): string {
  const lines = (list: readonly FormatField[]): string => list.map((field) => `${fieldLine(field)}\n`).join('');
  return `name: ${name}\nID: ${id}\nformat:\n${lines(common)}\n${lines(fields)}\nprint fmt: ${printFmt}\n`;
}

function fieldLine({ type, name, entries, offset, size, signed }: FormatField): string {
  const brackets = entries === undefined ? '' : `[${entries || ''}]`;
  return `\tfield:${type} ${name}${brackets};\toffset:${offset};\tsize:${size};\tsigned:${signed ? 1 : 0};`;
}

const FIELD = /^\tfield:(.+) ([A-Za-z_]\w*)(?:\[(\d*)\])?;\toffset:(\d+);\tsize:(\d+);\tsigned:([01]);$/;

/**
 * Read a `format` file.
 * @param file for messages
 * @throws FormatError with the line
 */
export function parseFormat(text: string, file = ''): EventFormat {
  const lines = text.split('\n');
  let at = 0;
  const fail = (problem: string): never => {
    throw new FormatError(problem, { file, line: at + 1 });
  };
  const rest = (start: string): string => {
    const line = lines[at] ?? '';
    if (!line.startsWith(start)) fail(`expected '${start}'`);
    at++;
    return line.slice(start.length);
  };
  const list = (): FormatField[] => {
    const fields: FormatField[] = [];
    for (; at < lines.length && lines[at] !== ''; at++) fields.push(parseField(lines[at]) ?? fail('no field'));
    at++;
    return fields;
  };
  const name = rest('name: ');
  const id = rest('ID: ');
  if (!/^\d{1,9}$/.test(id)) {
    at--;
    fail('an ID is a number');
  }
  if (rest('format:') !== '') fail("nothing follows 'format:'");
  const common = list();
  const fields = list();
  const printed = [rest('print fmt: '), ...lines.slice(at)].join('\n');
  return { name, id: Number(id), common, fields, printFmt: printed.replace(/\n$/, '') };
}

function parseField(line: string): FormatField | undefined {
  const match = FIELD.exec(line);
  if (match === null) return undefined;
  const [, type, name, entries, offset, size, signed] = match;
  return {
    type,
    name,
    entries: entries === undefined ? undefined : Number(entries),
    offset: Number(offset),
    size: Number(size),
    signed: signed === '1',
  };
}
