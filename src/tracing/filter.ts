/**
 * A filter ready to be asked: an expression of tracefs compiled to closures over the record. Numbers are compared as numbers,
 * whatever the field's width; a text ends at its first NUL or with its field.
 */
import { COMMON_FIELDS } from './fields.ts';
import type { Field } from './fields.ts';
import { parseFilter } from './filter-parse.ts';
import type { FilterNode, NumberOperator } from './filter-parse.ts';

/** Whether the record at an address passes. */
export type FilterTest = (view: DataView, record: number) => boolean;

export interface EventFilter {
  /** As it was written. */
  readonly text: string;
  readonly test: FilterTest;
}

/** @throws FilterError */
export function compileFilter(text: string, fields: readonly Field[]): EventFilter {
  const byName = new Map([...COMMON_FIELDS, ...fields].map((field) => [field.name, field]));
  return { text: text.trim(), test: testOf(parseFilter(text, byName)) };
}

function testOf(node: FilterNode): FilterTest {
  switch (node.kind) {
    case 'and':
      return node.nodes.map(testOf).reduce((a, b) => (view, record) => a(view, record) && b(view, record));
    case 'or':
      return node.nodes.map(testOf).reduce((a, b) => (view, record) => a(view, record) || b(view, record));
    case 'not':
      return negate(testOf(node.node));
    case 'number':
      return node.field.size === 8 ? testWide(node) : testNumber(node);
    case 'text':
      return testText(node);
  }
}

const negate =
  (test: FilterTest): FilterTest =>
  (view, record) =>
    !test(view, record);

type NumberNode = FilterNode & { readonly kind: 'number' };

function testNumber({ field, operator, value }: NumberNode): FilterTest {
  const read = reader(field);
  const number = Number(value);
  if (operator === '&') {
    const low = Number(BigInt.asIntN(32, value));
    // A negative number has all the higher bits.
    const high = field.signed && BigInt.asUintN(64, value) >> 32n !== 0n;
    return (view, record) => {
      const found = read(view, record);
      return (found & low) !== 0 || (high && found < 0);
    };
  }
  return compared(operator, (view, record) => read(view, record) - number);
}

/** The same for a field of 64 bits: two words. */
function testWide({ field, operator, value }: NumberNode): FilterTest {
  const { offset, signed } = field;
  const low = Number(BigInt.asUintN(32, value));
  const high = Number(signed ? BigInt.asIntN(64, value) >> 32n : value >> 32n);
  const readHigh = (view: DataView, at: number): number =>
    signed ? view.getInt32(at, true) : view.getUint32(at, true);
  if (operator === '&')
    return (view, record) => {
      const at = record + offset;
      return (view.getUint32(at, true) & low) !== 0 || (view.getUint32(at + 4, true) & high) !== 0;
    };
  return compared(operator, (view, record) => {
    const at = record + offset;
    return readHigh(view, at + 4) - high || view.getUint32(at, true) - low;
  });
}

/** @param order below, at or above 0 as the field is below, at or above the number */
function compared(
  operator: Exclude<NumberOperator, '&'>,
  order: (view: DataView, record: number) => number,
): FilterTest {
  switch (operator) {
    case '==':
      return (view, record) => order(view, record) === 0;
    case '!=':
      return (view, record) => order(view, record) !== 0;
    case '<':
      return (view, record) => order(view, record) < 0;
    case '<=':
      return (view, record) => order(view, record) <= 0;
    case '>':
      return (view, record) => order(view, record) > 0;
    case '>=':
      return (view, record) => order(view, record) >= 0;
  }
}

/** Of at most 32 bits. */
function reader({ offset, size, signed }: Field): (view: DataView, record: number) => number {
  if (size === 1)
    return signed ? (view, record) => view.getInt8(record + offset) : (view, record) => view.getUint8(record + offset);
  if (size === 2)
    return signed
      ? (view, record) => view.getInt16(record + offset, true)
      : (view, record) => view.getUint16(record + offset, true);
  return signed
    ? (view, record) => view.getInt32(record + offset, true)
    : (view, record) => view.getUint32(record + offset, true);
}

function testText({ field, operator, text }: FilterNode & { readonly kind: 'text' }): FilterTest {
  const { offset, size } = field;
  const pattern = new TextEncoder().encode(text);
  if (operator === '~')
    return (view, record) => matchesGlob(view, record + offset, textEnd(view, record + offset, size), pattern);
  const equal: FilterTest = (view, record) => {
    const at = record + offset;
    for (let i = 0; i < pattern.length; i++) if (i === size || view.getUint8(at + i) !== pattern[i]) return false;
    return pattern.length === size || view.getUint8(at + pattern.length) === 0;
  };
  return operator === '==' ? equal : negate(equal);
}

function textEnd(view: DataView, at: number, size: number): number {
  let end = at;
  while (end < at + size && view.getUint8(end) !== 0) end++;
  return end;
}

const STAR = 0x2a;
const ANY = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const ESCAPE = 0x5c;
const NOT = 0x21;
const TO = 0x2d;

/** Whether bytes `at` to `end` match a glob: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before what is meant itself. */
export function matchesGlob(view: DataView, at: number, end: number, pattern: Uint8Array): boolean {
  let p = 0;
  /** Where to try again: behind the last star, one byte further. */
  let star = -1;
  let from = 0;
  while (at < end) {
    const next = p < pattern.length ? matchOne(view.getUint8(at), pattern, p) : 0;
    if (p < pattern.length && pattern[p] === STAR) {
      star = ++p;
      from = at;
    } else if (next > 0) {
      p = next;
      at++;
    } else if (star >= 0) {
      p = star;
      at = ++from;
    } else return false;
  }
  while (p < pattern.length && pattern[p] === STAR) p++;
  return p === pattern.length;
}

/** Where the pattern goes on if the one byte matches at `p`; 0: it does not. */
function matchOne(byte: number, pattern: Uint8Array, p: number): number {
  const char = pattern[p];
  if (char === ANY) return p + 1;
  if (char === ESCAPE && p + 1 < pattern.length) return pattern[p + 1] === byte ? p + 2 : 0;
  if (char !== OPEN) return char === byte ? p + 1 : 0;
  const inverted = pattern[p + 1] === NOT;
  const first = inverted ? p + 2 : p + 1;
  const close = pattern.indexOf(CLOSE, first + 1);
  if (close < 0) return char === byte ? p + 1 : 0;
  let inside = false;
  for (let i = first; i < close; i++) {
    const range = pattern[i + 1] === TO && i + 2 < close;
    inside ||= range ? pattern[i] <= byte && byte <= pattern[i + 2] : pattern[i] === byte;
    if (range) i += 2;
  }
  return inside === inverted ? 0 : close + 1;
}
