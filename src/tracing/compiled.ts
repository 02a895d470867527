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

/** Members of an object as a list. @param names of fields, which are names in JavaScript too */
export function compilePick(
  names: readonly string[],
): ((values: Readonly<Record<string, unknown>>) => unknown[]) | undefined {
  return compile('values', `return [${names.map((name) => `values.${name}`).join()}]`);
}

/** What the code of a writer calls for all that is no plain number. */
export type WriteOther = (index: number, value: unknown) => void;

interface Memory {
  readonly view: DataView;
}

/**
 * A function that writes a list of values, one for each field.
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
): ((values: readonly unknown[]) => void) | undefined {
  const lines = fields.map(({ offset, size, kind }, i) => {
    if (kind === 'text') return `text(${i}, values[${i}]);`;
    if (kind !== 'number') return `other(${i}, values[${i}]);`;
    const at = base + offset;
    const write = size === 8 ? `wide(view, ${at}, v${i})` : `view.setInt${8 * size}(${at}, v${i}, true)`;
    return `const v${i} = values[${i}]; if (typeof v${i} === 'number') ${write}; else other(${i}, v${i});`;
  });
  const make = compile<(...used: unknown[]) => (values: readonly unknown[]) => void>(
    'memory, wide, text, other',
    `return (values) => { const { view } = memory; ${lines.join('\n')} };`,
  );
  return make?.(memory, wide, text, other);
}
