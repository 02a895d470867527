import { expect, it } from 'vitest';
import { StringTable } from './string-table.ts';

const table = (text: string) => new StringTable(new TextEncoder().encode(text));

it('reads strings at any offset', () => {
  const strings = table('\0map\0größe\0');
  expect([0, 1, 2, 5].map((at) => strings.get(at))).toEqual(['', 'map', 'ap', 'größe']);
});

it('gives undefined outside and for a string without an end', () => {
  const strings = table('\0open');
  expect([-1, 1, 5, 6, 2 ** 32].map((at) => strings.get(at))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

it('reads no string longer than 65,535 bytes', () => {
  expect(table(`${'x'.repeat(65535)}\0`).get(0)).toHaveLength(65535);
  expect(table(`${'x'.repeat(65536)}\0`).get(0)).toBeUndefined();
});

it('stops reading a table whose every suffix is asked for', () => {
  const strings = table(`${'x'.repeat(60000)}\0`);
  const read = Array.from({ length: 200 }, (_, at) => strings.get(at));
  expect(read[0]).toBeDefined();
  expect(read.at(-1)).toBeUndefined();
});

it('turns what is not UTF-8 into U+FFFD', () => {
  expect(new StringTable(Uint8Array.of(0x61, 0xff, 0)).get(0)).toBe('a\ufffd');
});
