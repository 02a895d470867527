/**
 * The text of a module that `ModuleWriter` has written, in the WebAssembly text format (core specification 6): one
 * instruction a line, indices as they are, functions that are imported or exported with their names. It reads what this
 * folder writes and no more.
 */
import { ACCESS, CONTROL, OP, TYPE, VECTOR } from './opcodes.ts';

const SECTION_NAMES = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  global: 6,
  export: 7,
  element: 9,
  code: 10,
} as const;
const TYPE_NAMES = new Map<number, string>(Object.entries(TYPE).map(([name, code]) => [code, name.toLowerCase()]));
const EMPTY_BLOCK = 0x40;
const FUNCTION = 0;

/** `i32_load8_u` as the text format has it. */
function textName(name: string): string {
  return /^([if]\d+(x\d+)?|v128)_/.test(name) ? name.replace('_', '.') : name;
}

/** What follows an opcode. */
type Operand = 'none' | 'block' | 'index' | 'table' | 'access' | 'i32' | 'i64' | 'indirect' | 'bulk' | 'vector';

const OPERANDS: Readonly<Partial<Record<keyof typeof CONTROL, Operand>>> = {
  block: 'block',
  loop: 'block',
  if: 'block',
  else: 'none',
  end: 'none',
  br_table: 'table',
  call_indirect: 'indirect',
  return_call_indirect: 'indirect',
  i32_const: 'i32',
  i64_const: 'i64',
  bulk: 'bulk',
  vector: 'vector',
};
/** Names of control instructions whose first `_` is a dot. */
const DOTTED = /^(local|global|i32|i64)_/;

interface Form {
  readonly name: string;
  readonly operand: Operand;
}

const FORMS = new Map<number, Form>([
  ...Object.entries(OP).map(([name, code]): [number, Form] => [code, { name: textName(name), operand: 'none' }]),
  ...Object.entries(ACCESS).map(([name, code]): [number, Form] => [code, { name: textName(name), operand: 'access' }]),
  ...Object.entries(CONTROL).map(([name, code]): [number, Form] => [
    code,
    { name: name.replace(DOTTED, '$1.'), operand: OPERANDS[name as keyof typeof CONTROL] ?? 'index' },
  ]),
]);
const BULK: Readonly<Record<number, readonly [name: string, bytes: number]>> = {
  10: ['memory.copy', 2],
  11: ['memory.fill', 1],
};

const VECTORS = new Map<number, { readonly name: string; readonly bytes: number | undefined }>(
  Object.entries(VECTOR).map(([name, { code, bytes }]) => [code, { name: textName(name), bytes }]),
);

class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  u8(): number {
    return this.#bytes[this.at++];
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** A signed number of at most 64 bits, in decimal. */
  signed(): string {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return String(BigInt.asIntN(Number(shift) + 7, value));
    }
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.#bytes.subarray(this.at - length, this.at));
  }

  list<T>(item: (index: number) => T): T[] {
    const count = this.u32();
    return Array.from({ length: count }, (_, i) => item(i));
  }
}

interface Parts {
  readonly types: string[];
  readonly lines: string[];
  /** Type of each function that is not imported. */
  functions: number[];
  imported: number;
  /** `(export …)` by function. */
  readonly exports: Map<number, string>;
}

/** @returns lines, each with a newline at its end */
export function printModule(bytes: Uint8Array): string {
  const parts: Parts = { types: [], lines: [], functions: [], imported: 0, exports: new Map() };
  for (let at = 8; at < bytes.length;) {
    const reader = new Reader(bytes, at);
    const id = reader.u8();
    const size = reader.u32();
    at = reader.at + size;
    printSection(id, reader, parts);
  }
  return `(module\n${parts.lines.map((line) => `  ${line}\n`).join('')})\n`;
}

function printSection(id: number, r: Reader, parts: Parts): void {
  const { types, lines, exports } = parts;
  switch (id) {
    case SECTION_NAMES.type:
      types.push(...r.list(() => functionType(r)));
      return void types.forEach((type, i) => lines.push(`(type (;${i};) (func${type}))`));
    case SECTION_NAMES.import:
      return void r.list(() => lines.push(`(import "${r.name()}" "${r.name()}" ${importKind(r, parts)})`));
    case SECTION_NAMES.function:
      parts.functions = r.list(() => r.u32());
      return;
    case SECTION_NAMES.global:
      return void r.list((i) => {
        const type = valueType(r);
        r.at += 4; // mutable, and a constant of 0
        lines.push(`(global (;${i};) (mut ${type}) (${type}.const 0))`);
      });
    case SECTION_NAMES.export:
      return void r.list(() => {
        const name = r.name();
        if (r.u8() === FUNCTION) exports.set(r.u32(), ` (export "${name}")`);
      });
    case SECTION_NAMES.code:
      return void r.list((i) => printFunction(r, i, parts));
  }
}

function valueType(r: Reader): string {
  const code = r.u8();
  return TYPE_NAMES.get(code) ?? `0x${code.toString(16)}`;
}

function functionType(r: Reader): string {
  r.u8();
  const [params, results] = [r.list(() => valueType(r)), r.list(() => valueType(r))];
  const part = (word: string, types: string[]): string => (types.length ? ` (${word} ${types.join(' ')})` : '');
  return part('param', params) + part('result', results);
}

function importKind(r: Reader, parts: Parts): string {
  switch (r.u8()) {
    case FUNCTION:
      return `(func (;${parts.imported++};) (type ${r.u32()}))`;
    case 1:
      r.u8();
      r.u8();
      return `(table ${r.u32()} funcref)`;
    default:
      r.u8();
      return `(memory ${r.u32()})`;
  }
}

function printFunction(r: Reader, i: number, { lines, functions, imported, types, exports }: Parts): void {
  const size = r.u32();
  const end = r.at + size;
  const locals = r.list(() => {
    const count = r.u32();
    return Array.from({ length: count }, () => '').fill(valueType(r));
  });
  const index = imported + i;
  lines.push(`(func (;${index};)${exports.get(index) ?? ''} (type ${functions[i]})${types[functions[i]]}`);
  if (locals.length > 0) lines.push(`  (local ${locals.flat().join(' ')})`);
  let depth = 1;
  while (r.at < end - 1) {
    const { name, operand } = formOf(r);
    if (name === 'end' || name === 'else') depth--;
    lines.push(`${'  '.repeat(depth)}${operand}`);
    if (['block', 'loop', 'if', 'else'].includes(name)) depth++;
  }
  r.at = end;
  lines.push(')');
}

/** An instruction's name, and its text with operands. */
function formOf(r: Reader): { name: string; operand: string } {
  const code = r.u8();
  const form = FORMS.get(code);
  if (form === undefined) return { name: '', operand: `;; 0x${code.toString(16)}` };
  if (form.operand === 'vector') return vectorForm(r);
  if (form.operand !== 'bulk') return { name: form.name, operand: form.name + operandText(r, form.operand) };
  const [name, bytes] = BULK[r.u32()] ?? ['bulk', 0];
  r.at += bytes;
  return { name, operand: name };
}

function vectorForm(r: Reader): { name: string; operand: string } {
  const { name, bytes } = VECTORS.get(r.u32()) ?? { name: 'vector', bytes: 0 };
  if (bytes === undefined) return { name, operand: name + operandText(r, 'access') };
  const shape = bytes === 16 ? ['i8x16'] : [];
  return { name, operand: [name, ...shape, ...Array.from({ length: bytes }, () => r.u8())].join(' ') };
}

function operandText(r: Reader, operand: Operand): string {
  switch (operand) {
    case 'index':
      return ` ${r.u32()}`;
    case 'i32':
    case 'i64':
      return ` ${r.signed()}`;
    case 'table':
      return ` ${[...r.list(() => r.u32()), r.u32()].join(' ')}`;
    case 'indirect': {
      const type = r.u32();
      r.u8();
      return ` (type ${type})`;
    }
    case 'block': {
      const type = r.u8();
      return type === EMPTY_BLOCK ? '' : ` (result ${TYPE_NAMES.get(type)})`;
    }
    case 'access': {
      r.u8();
      const offset = r.u32();
      return offset === 0 ? '' : ` offset=${offset}`;
    }
  }
  return '';
}
