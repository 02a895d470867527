/** What an application sees of tracepoints: definitions, values of any kind, hooks. */
import { expect, expectTypeOf, it } from 'vitest';
import { layoutRecord } from './fields.ts';
import type { Fields } from './fields.ts';
import { TracepointRegistry } from './registry.ts';

const registry = () => new TracepointRegistry();

/** A tracepoint, and what its listener has got. */
function listened() {
  const point = registry().define('shop', 'order', { id: 'u64', total: 'u32', country: 'char[2]' });
  const got: unknown[][] = [];
  const stop = point.listen({ event: (...values) => void got.push(values.slice(0, 3)) });
  return { point, got, stop };
}

it('lays records out naturally aligned', () => {
  const fields: Fields = { a: 'u8', b: 'u32', c: 'bool', d: 's16', e: 'char[3]', f: 'u64', g: 'char[5]' };
  const { fields: laid, size } = layoutRecord(fields);
  expect(laid.map(({ offset, size, signed }) => [offset, size, signed])).toEqual([
    [8, 1, false], [12, 4, false], [16, 1, false], [18, 2, true], [20, 3, false], [24, 8, false], [32, 5, false],
  ]); // prettier-ignore
  expect(size).toBe(37);
});

it('gives ids that stay, and knows a definition again', () => {
  const tree = registry();
  const one = tree.define('shop', 'order', { id: 'u64' });
  expect([one.id, tree.define('shop', 'refund', {}).id]).toEqual([1, 2]);
  expect(tree.define('shop', 'order', { id: 'u64' })).toBe(one);
  expect(() => tree.define('shop', 'order', { id: 'u32' })).toThrow(/EEXIST.*shop:order has other fields/);
  expect(tree.find('shop/order')).toBe(one);
});

it.each([
  [{ 'a b': 'u8' }, 'field "a b"'],
  [{ '1a': 'u8' }, 'field "1a"'],
  [{ common_pid: 'u8' }, 'common_'],
  [{ a: 'u128' }, 'no type "u128"'],
  [{ a: 'toString' }, 'no type'],
  [{ a: undefined }, 'no type undefined'],
  [{ a: 'char[0]' }, 'no type "char[0]"'],
  [{ a: 'char[5000]' }, 'no type "char[5000]"'],
  [{ a: 'char[4096]', b: 'char[4096]' }, 'a record of 8200 bytes'],
])('refuses the fields %j', (fields, why) => {
  expect(() => registry().define('shop', 'order', fields as never)).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
  expect(() => registry().define('shop', 'order', fields as never)).toThrow(why);
});

it('types values by their fields', () => {
  const { point } = listened();
  expectTypeOf(point.emit).parameter(0).toEqualTypeOf<{
    readonly id: number | bigint;
    readonly total: number;
    readonly country: string;
  }>();
  expectTypeOf(point.emitter('country', 'id')).parameters.toEqualTypeOf<[string, number | bigint]>();
});

it('tells values in the order of the record, whatever order they come in', () => {
  const { point, got } = listened();
  point.emit({ country: 'DE', total: 2, id: 1 });
  point.emitter('id', 'total', 'country')(1, 2, 'FR');
  point.emitter('country', 'id')('IT', 3n);
  expect(got).toEqual([[1, 2, 'DE'], [1, 2, 'FR'], [3n, undefined, 'IT']]); // prettier-ignore
  expect(() => point.emitter('nosuch' as 'id')).toThrow('order has no field nosuch');
});

it('throws nothing into the application', () => {
  const { point, got } = listened();
  const thrower = {
    id: 1,
    get total(): number {
      throw new Error('getter');
    },
    country: 'DE',
  };
  const proxy = new Proxy({}, { get: () => { throw new Error('proxy'); } }); // prettier-ignore
  for (const values of [thrower, proxy, undefined, null, 7, 'text']) point.emit(values as never);
  const nothing = [undefined, undefined, undefined];
  expect(got).toEqual([[1, undefined, 'DE'], nothing, nothing, nothing, nothing, nothing]);
});

it('is off until somebody listens, and tells its sources', () => {
  const tree = registry();
  const point = tree.define('a', 'b', { c: 'u8' });
  const told: string[] = [];
  const unhook = point.hook({ enabled: () => told.push('on'), disabled: () => told.push('off') });
  const listener = { event: () => void told.push('event') };
  const first = point.listen(listener);
  const second = point.listen({ event: () => {} });
  point.emit({ c: 1 });
  first();
  first();
  expect([point.enabled, point.listeners]).toEqual([true, 1]);
  second();
  point.emit({ c: 1 });
  expect(told).toEqual(['on', 'event', 'off']);
  const third = point.listen(listener);
  unhook();
  third();
  expect(told).toEqual(['on', 'event', 'off', 'on', 'off']);
});

it('attaches nothing where a source cannot start, and ends in any case', () => {
  const point = registry().define('a', 'b', {});
  const told: string[] = [];
  point.hook({
    enabled: () => {
      throw new Error('no such channel');
    },
    disabled: () => {
      throw new Error('nor this');
    },
  });
  point.hook({ disabled: () => told.push('off') });
  expect(() => point.listen({ event: () => {} })).toThrow('no such channel');
  expect([point.enabled, point.listeners, told]).toEqual([false, 0, ['off']]);
});

it('keeps the names of files', () => {
  expect(() => registry().define('enable', 'b', {})).toThrow('enable is a file beside the events');
  expect(() => registry().define('a', 'filter', {})).toThrow('filter is a file beside the events');
});

it('loses what listeners throw, and tells the others', () => {
  const { point, got } = listened();
  point.listen({
    event: () => {
      throw new Error('listener');
    },
  });
  point.listen({ event: (a) => void got.push([a]) });
  point.emit({ id: 1, total: 2, country: 'DE' });
  expect(got).toEqual([[1, 2, 'DE'], [1]]);
});
