/** Small regions of kind `map` share pages, and programs may touch nothing of them. */
import { expect, it } from 'vitest';
import type { Region } from './index.ts';
import { AddressSpace, PAGE } from './index.ts';

const header = (space: AddressSpace, size: number): Region => {
  const region = space.allocate(size, { kind: 'map', name: 'header' });
  if (region === undefined) throw new Error('no memory');
  return region;
};

it('small headers share pages, zeroed, apart, out of reach', () => {
  const space = new AddressSpace();
  const empty = space.used;
  const small = Array.from({ length: 100 }, () => header(space, 100));
  expect(new Set(small.map(({ base }) => Math.floor(base / PAGE))).size).toBe(4); // 32 to a page
  expect(new Set(small.map(({ base }) => base)).size).toBe(100);
  expect(space.used - empty).toBe(100 * 128);
  for (const { base, size, reserved } of small) {
    expect([base % 128, size, reserved]).toEqual([0, 100, 128]);
    expect(space.bytes.subarray(base, base + reserved).every((byte) => byte === 0)).toBe(true);
    expect(space.check(base, 1, false)).toBeUndefined();
    space.bytes.fill(0xff, base, base + reserved);
  }
  space.free(small[7]);
  space.free(small[7]); // once only
  expect(space.used - empty).toBe(99 * 128);
  const again = header(space, 128);
  expect(again.base).toBe(small[7].base);
  expect(space.bytes[again.base]).toBe(0);
  expect(space.bytes[small[8].base]).toBe(0xff);
  for (const region of [...small.filter((_, i) => i !== 7), again]) space.free(region);
  expect(space.used).toBe(empty);
  expect(small.every(({ base }) => space.regionAt(base) === undefined)).toBe(true);
});

it('larger ones, and what programs may touch, have pages of their own', () => {
  const space = new AddressSpace();
  const sizes = [129, 512, 600, 1025, 2049, PAGE + 1];
  expect(sizes.map((size) => header(space, size).reserved)).toEqual([256, 512, 640, 1280, PAGE, 2 * PAGE]);
  const plain = space.allocate(8, { kind: 'mem', name: 'plain' });
  expect([plain?.reserved, (plain?.base ?? 1) % PAGE]).toEqual([PAGE, 0]);
  expect(new AddressSpace(65536).allocate(8, { kind: 'map', name: 'no room' })).toBeUndefined();
});
