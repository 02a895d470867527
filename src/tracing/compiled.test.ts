/** Code made from text does what the general code does, which is there where none may be made. */
import { afterEach, expect, it, vi } from 'vitest';
import { AddressSpace } from '../memory/index.ts';
import { layoutRecord } from './fields.ts';
import type { Fields } from './fields.ts';
import { RecordWriter } from './record.ts';
import { Tracepoint } from './tracepoint.ts';

const FIELDS = {
  a: 'u8',
  b: 's16',
  c: 'u32',
  d: 'u64',
  e: 's64',
  flag: 'bool',
  class: 'char[5]',
  constructor: 'u16',
  ['__proto__']: 'u8', // prettier-ignore
} as Fields;
const VALUES: readonly unknown[] = [
  ...[
    0,
    -0,
    1,
    -1,
    1.9,
    -1.9,
    255,
    2 ** 31,
    2 ** 32 + 5,
    -(2 ** 40),
    2 ** 53,
    2 ** 63,
    1e300,
    NaN,
    Infinity,
    -Infinity,
  ],
  ...[5n, -1n, 2n ** 64n, true, false, 'text', 'ü😀', '', null, undefined, {}, [7], Symbol('s'), () => 1],
];

afterEach(() => void vi.unstubAllGlobals());

function written(values: readonly unknown[][]): Uint8Array[] {
  const space = new AddressSpace();
  const layout = layoutRecord(FIELDS);
  const region = space.allocate(layout.size, { kind: 'ctx', name: 'record', writable: false });
  if (region === undefined) throw new Error('no memory');
  const writer = new RecordWriter(space, region.base, layout);
  return values.map((list) => {
    const [a, b, c, d, e, f, g, h, ...others] = list;
    writer.write(a, b, c, d, e, f, g, h, others);
    return space.bytes.slice(region.base, region.base + layout.size);
  });
}

function forbidCode(): void {
  vi.stubGlobal('Function', function () {
    throw new EvalError('Code generation from strings disallowed for this context');
  });
}

it('writes the same bytes', () => {
  const lists = VALUES.map((_, i) => Object.keys(FIELDS).map((_, k) => VALUES[(i + k) % VALUES.length]));
  const compiled = written(lists);
  forbidCode();
  expect(written(lists)).toEqual(compiled);
});

it('reads the same members', () => {
  const heard = (): unknown[][] => {
    const tracepoint = new Tracepoint('test', 'names', 1, FIELDS, layoutRecord(FIELDS));
    const lists: unknown[][] = [];
    tracepoint.listen({
      event: (...[a, b, c, d, e, f, g, h, others]) => void lists.push([a, b, c, d, e, f, g, h, ...(others ?? [])]),
    });
    const throws = { a: 1, get c(): number { throw new Error('no'); }, d: 4 }; // prettier-ignore
    for (const values of [
      { a: 1, class: 'x', constructor: 7 },
      throws,
      {},
      Object.create({ b: 2 }),
      null,
      undefined,
      7,
    ])
      tracepoint.emit(values as never);
    return lists;
  };
  const compiled = heard();
  expect(compiled[0].slice(0, 3)).toEqual([1, undefined, undefined]);
  expect(compiled[1].slice(0, 4)).toEqual([1, undefined, undefined, 4]);
  forbidCode();
  expect(heard()).toEqual(compiled);
});
