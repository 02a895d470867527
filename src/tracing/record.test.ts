/** Values of JavaScript in fields of C: what is written for every kind of value. */
import { expect, it } from 'vitest';
import { AddressSpace } from '../memory/index.ts';
import { layoutRecord } from './fields.ts';
import type { FieldType } from './fields.ts';
import { RecordWriter } from './record.ts';

/** The bytes of a field after values were written one after the other; and how many were of no type for it. */
function written(type: FieldType, ...values: unknown[]): [hex: string, mistyped: number] {
  const space = new AddressSpace();
  const layout = layoutRecord({ before: 'u8', it: type, after: 'u8' });
  const region = space.allocate(layout.size, { kind: 'ctx', name: 'record', writable: false });
  if (region === undefined) throw new Error('no memory');
  const writer = new RecordWriter(space, region.base, layout);
  for (const value of values) writer.write(255, value, 255, 0, 0, 0, 0, 0, undefined);
  const [before, field, after] = layout.fields;
  expect([space.bytes[region.base + before.offset], space.bytes[region.base + after.offset]]).toEqual([255, 255]);
  const at = region.base + field.offset;
  return [Buffer.from(space.bytes.subarray(at, at + field.size)).toString('hex'), writer.mistyped];
}

const number = (type: FieldType, value: unknown): string => written(type, value)[0];

it('converts numbers as C does', () => {
  expect([1.9, -1, 256, 2 ** 32 + 3, NaN, Infinity, true].map((value) => number('u8', value))).toEqual(
    ['01', 'ff', '00', '03', '00', '00', '01'], // prettier-ignore
  );
  expect([-1, 65_537, 70_000n].map((value) => number('s16', value))).toEqual(['ffff', '0100', '7011']);
  expect([-1, 2 ** 31, 2 ** 53 - 1, -1n].map((value) => number('u32', value))).toEqual(
    ['ffffffff', '00000080', 'ffffffff', 'ffffffff'], // prettier-ignore
  );
});

it('fills 64 bits from numbers and bigints alike', () => {
  for (const value of [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53), 2 ** 60, 2 ** 63]) {
    expect(number('u64', value), String(value)).toBe(number('u64', BigInt(value)));
    expect(number('s64', value + (value < 2 ** 50 && value > 0 ? 0.5 : 0))).toBe(number('s64', BigInt(value)));
  }
  expect([NaN, -Infinity, -0.5, 2n ** 64n + 1n].map((value) => number('u64', value))).toEqual(
    ['0000000000000000', '0000000000000000', '0000000000000000', '0100000000000000'], // prettier-ignore
  );
});

it('makes a bool of whether the value is not 0', () => {
  const values = [true, false, 0, -0, 256, 0.1, NaN, 0n, 2n ** 64n];
  expect(values.map((value) => number('bool', value)).join(' ')).toBe('01 00 00 00 01 01 01 00 01');
});

it('counts what is no value of the field, and writes zeros', () => {
  const trap = new Proxy({}, { get: () => expect.unreachable() });
  const loud = { valueOf: () => expect.unreachable(), toString: () => expect.unreachable() };
  for (const value of [undefined, null, Symbol('s'), trap, loud, () => 1, [7]]) {
    expect(written('u32', 7, value)).toEqual(['00000000', 1]);
    expect(written('bool', true, value)).toEqual(['00', 1]);
    expect(written('char[4]', 'abc', value)).toEqual(['00000000', 1]);
  }
  expect(written('u64', '7')).toEqual(['0000000000000000', 1]);
  expect(written('char[4]', 7)).toEqual(['00000000', 1]);
});

it('keeps a text that fits, and cuts a longer one before a NUL', () => {
  const text = (value: string): string => Buffer.from(written('char[4]', value)[0], 'hex').toString('latin1');
  expect(['', 'ab', 'abcd', 'abcde'].map(text)).toEqual(['\0\0\0\0', 'ab\0\0', 'abcd', 'abc\0']);
  expect(written('char[2]', 'DE')).toEqual(['4445', 0]);
});

it('leaves nothing of the text before', () => {
  expect(written('char[6]', 'abcdef', 'x', 'yz')[0]).toBe(Buffer.from('yz\0\0\0\0').toString('hex'));
  expect(written('char[6]', 'größer', 'é')[0]).toBe(Buffer.from('é\0\0\0\0').toString('hex'));
});

it('cuts UTF-8 between characters, and replaces half pairs', () => {
  const utf8 = (type: FieldType, value: string): string => Buffer.from(written(type, value)[0], 'hex').toString();
  expect(utf8('char[4]', 'aéé')).toBe('aé\0');
  expect(utf8('char[5]', 'aéé')).toBe('aéé');
  expect(utf8('char[8]', '€€€')).toBe('€€\0\0');
  expect(utf8('char[8]', '😀😀')).toBe('😀😀');
  expect(utf8('char[7]', '😀😀')).toBe('😀\0\0\0');
  expect(utf8('char[8]', 'a\ud83db')).toBe('a\ufffdb\0\0\0');
  expect(utf8('char[4]', '\udc00')).toBe('\ufffd\0');
});
