/**
 * JavaScript made for one tracepoint: the engine's best code knows the names and places of its fields, which no code for all
 * tracepoints can. Where a page's or a process's policy forbids to make code from text, there is none, and the general code
 * does the same, more slowly.
 */
import type { Field } from './fields.ts';

/** @returns undefined where code must not be made */
function compile<F>(parameters: string, body: string): F | undefined {
  try {
    return new Function(parameters, body) as F;
  } catch {
    return undefined;
  }
}

/** How many values are passed as arguments; those behind them are in a list. */
export const FIRST = 8;

/** Takes the values of a record's fields in their order: of the first eight, and of the others. */
export type TakesValues = (
  a: unknown,
  b: unknown,
  c: unknown,
  d: unknown,
  e: unknown,
  f: unknown,
  g: unknown,
  h: unknown,
  others: readonly unknown[] | undefined,
) => void;

const PARAMETERS = 'a b c d e f g h others'.split(' ');

/** Passes members of an object on. @param names of fields, which are names in JavaScript too */
export function compilePick(
  names: readonly string[],
): ((values: Readonly<Record<string, unknown>>, take: TakesValues) => void) | undefined {
  const members = names.map((name) => `values.${name}`);
  const others = members.splice(FIRST);
  if (others.length > 0) members.push(`[${others.join()}]`);
  return compile('values, take', `take(${members.join()})`);
}

/** What the code of a writer calls for all that is no plain number. */
export type WriteOther = (index: number, value: unknown) => void;

interface Memory {
  readonly view: DataView;
}

/**
 * A function that writes values, one for each field.
 * @param base address of the record in `memory`
 * @param wide writes a number as 64 bits
 */
export function compileWriter(
  fields: readonly Field[],
  base: number,
  memory: Memory,
  wide: (view: DataView, at: number, value: number) => void,
  text: WriteOther,
  other: WriteOther,
): TakesValues | undefined {
  const lines = fields.map(({ offset, size, kind }, i) => {
    const value = i < FIRST ? PARAMETERS[i] : `others[${i - FIRST}]`;
    if (kind === 'text') return `text(${i}, ${value});`;
    if (kind !== 'number') return `other(${i}, ${value});`;
    const at = base + offset;
    const write = size === 8 ? `wide(view, ${at}, v${i})` : `view.setInt${8 * size}(${at}, v${i}, true)`;
    return `const v${i} = ${value}; if (typeof v${i} === 'number') ${write}; else other(${i}, v${i});`;
  });
  const make = compile<(...used: unknown[]) => TakesValues>(
    'memory, wide, text, other',
    `return (${PARAMETERS.join()}) => { const { view } = memory; ${lines.join('\n')} };`,
  );
  return make?.(memory, wide, text, other);
}
