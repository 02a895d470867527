/**
 * The context of an event as source text, so that programs are written against real names: a C struct that clang lays out as
 * the record is, and a TypeScript interface.
 */
import { COMMON_FIELDS } from './fields.ts';
import type { Field, FieldType } from './fields.ts';
import type { Tracepoint } from './tracepoint.ts';

/** Types of <linux/types.h> and of vmlinux.h, by those of `format`. */
const C_TYPES: Readonly<Record<string, string>> = {
  'unsigned short': '__u16',
  'unsigned char': '__u8',
  int: '__s32',
  bool: '_Bool',
  char: 'char',
};

/** Words of C that are no names. */
const KEYWORDS = new Set(
  (
    'auto break case char const continue default do double else enum extern float for goto if inline int long register ' +
    'restrict return short signed sizeof static struct switch typedef union unsigned void volatile while'
  ).split(' '),
);

/** Column of the comments. */
const COMMENT = 40;

/** The C struct, and how programs of each kind begin. Names that are words of C get a `_`. */
export function headerText(tracepoint: Tracepoint): string {
  const { system, name, fields } = tracepoint;
  const struct = `${system}_${name}`;
  const args = fields.slice(0, 12).map((field, i) => ` *   args[${i}]: ${argument(field)}\n`);
  return `/* ${system}:${name}; needs <linux/types.h> or vmlinux.h. */
struct ${struct} {
	/* Not for programs. */
${COMMON_FIELDS.map(member).join('')}
${fields.map(member).join('')}};

/*
 * SEC("tracepoint/${system}/${name}")
 * int program(struct ${struct} *event)
 *
 * SEC("raw_tracepoint/${system}/${name}")
 * int program(struct bpf_raw_tracepoint_args *event)
${args.join('')} */
`;
}

function member({ name, ctype, kind, offset, size }: Field): string {
  const brackets = kind === 'text' ? `[${size}]` : '';
  const text = `\t${C_TYPES[ctype] ?? `__${ctype}`} ${cName(name)}${brackets};`;
  return `${text.padEnd(COMMENT)}/* offset ${offset}, size ${size} */\n`;
}

const cName = (name: string): string => (KEYWORDS.has(name) ? `${name}_` : name);

const argument = ({ name, kind, ctype, size }: Field): string =>
  kind === 'text' ? `address of ${name}, ${size} bytes` : `${name}, ${ctype}`;

/** The TypeScript interface of what `emit` takes. */
export function typesText({ system, name, types, fields }: Tracepoint): string {
  const pascal = `${system}_${name}`.replace(/(?:^|_+)([A-Za-z0-9])/g, (_, first: string) => first.toUpperCase());
  const lines = fields.map(({ name: field, offset }) => {
    return `  /** ${types[field]} at offset ${offset} */\n  readonly ${field}: ${valueType(types[field])};\n`;
  });
  return `/** ${system}:${name} */\nexport interface ${pascal} {\n${lines.join('')}}\n`;
}

function valueType(type: FieldType): string {
  if (type === 'bool') return 'boolean';
  if (type.startsWith('char')) return 'string';
  return type === 'u64' || type === 's64' ? 'number | bigint' : 'number';
}
