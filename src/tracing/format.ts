/** The text of an event's `format` file, as tracefs words it. */
import { COMMON_FIELDS } from './fields.ts';
import type { Field } from './fields.ts';
import type { Tracepoint } from './tracepoint.ts';

/** The contents of `events/<system>/<event>/format`. */
export function formatText({ name, id, fields }: Tracepoint): string {
  const lines = (list: readonly Field[]): string => list.map((field) => `${fieldLine(field)}\n`).join('');
  return `name: ${name}\nID: ${id}\nformat:\n${lines(COMMON_FIELDS)}\n${lines(fields)}\nprint fmt: ${printFormat(fields)}\n`;
}

function fieldLine({ name, ctype, offset, size, signed, kind }: Field): string {
  const brackets = kind === 'text' ? `[${size}]` : '';
  return `\tfield:${ctype} ${name}${brackets};\toffset:${offset};\tsize:${size};\tsigned:${signed ? 1 : 0};`;
}

/** `"id=%llu country=%s", REC->id, REC->country` */
function printFormat(fields: readonly Field[]): string {
  const text = fields.map((field) => `${field.name}=${conversion(field)}`).join(' ');
  return [`"${text}"`, ...fields.map(({ name }) => `REC->${name}`)].join(', ');
}

function conversion({ kind, size, signed }: Field): string {
  if (kind === 'text') return '%s';
  if (kind === 'bool') return '%d';
  return (size === 8 ? '%ll' : '%') + (signed ? 'd' : 'u');
}
