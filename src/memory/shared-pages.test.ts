/** Small regions of maps share pages: headers with headers, values with values of which programs may do the same. */
import { expect, it } from 'vitest';
import type { Region } from './index.ts';
import { AddressSpace, PAGE } from './index.ts';

const header = (space: AddressSpace, size: number): Region => {
  const region = space.allocate(size, { kind: 'map', name: 'header', writable: false, contains: () => false });
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
    expect([base % 64, size, reserved]).toEqual([0, 100, 128]);
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

it('takes whole granules, and pages where it is large or asked to', () => {
  const space = new AddressSpace();
  const sizes = [129, 512, 600, 1025, 2049, PAGE + 1, 12288, 12289];
  const reserved = [192, 512, 640, 1088, 2112, PAGE + 64, 3 * PAGE, 4 * PAGE];
  expect(sizes.map((size) => header(space, size).reserved)).toEqual(reserved);
  const plain = space.allocate(8, { kind: 'mem', name: 'plain' });
  const mapped = space.allocate(8, { kind: 'map-value', name: 'mapped', ownPages: true });
  for (const region of [plain, mapped]) expect([region?.reserved, (region?.base ?? 1) % PAGE]).toEqual([PAGE, 0]);
  expect(new AddressSpace(65536).allocate(8, { kind: 'map', name: 'no room' })).toBeUndefined();
});

it('values share pages and not their bounds', () => {
  const space = new AddressSpace();
  const values = (writable: boolean): Region =>
    space.allocate(24, { kind: 'map-value', name: 'values', writable }) as Region;
  const [a, b, constant] = [values(true), values(true), values(false)];
  expect(b.base - a.base).toBe(64);
  expect(Math.floor(constant.base / PAGE)).not.toBe(Math.floor(a.base / PAGE));
  expect(space.check(a.base + 16, 8, true)).toBe(a);
  expect(space.check(a.base + 20, 8, false)).toBeUndefined();
  expect(space.check(a.base + 32, 8, false)).toBeUndefined();
  expect(space.check(b.base, 8, true)).toBe(b);
  expect([space.check(constant.base, 8, false), space.check(constant.base, 8, true)]).toEqual([constant, undefined]);
  space.free(b);
  expect(space.check(b.base, 8, false)).toBeUndefined();
  // What a wrong program wrote where nobody lives is gone when somebody moves in.
  space.bytes.fill(0xff, b.base, b.base + 64);
  expect(space.view.getBigUint64(values(true).base, true)).toBe(0n);
});

it('where they are to be apart, what is open to programs has pages of its own', () => {
  const space = new AddressSpace(undefined, true);
  const values = (options: Partial<Parameters<AddressSpace['allocate']>[1]> = {}): Region =>
    space.allocate(24, { kind: 'map-value', name: 'values', ...options }) as Region;
  const padded = { contains: () => true, padded: true };
  const regions = [values(), values(), values({ writable: false }), values(padded), values(padded)];
  const table = space.pageTable() as number;
  for (const { base, reserved } of regions) {
    expect([base % PAGE, reserved]).toEqual([0, PAGE]);
    // The page behind is nobody's.
    expect(space.regionAt(base + PAGE)).toBeUndefined();
    expect(space.bytes[table + base / PAGE + 1]).toBe(0);
  }
  // What is checked exactly shares pages all the same.
  const [a, b] = [values({ contains: () => true }), values({ contains: () => true })];
  expect([b.base - a.base, a.reserved]).toEqual([64, 64]);
  expect(header(space, 100).reserved).toBe(128);
});

it('the table of pages opens what programs may touch, before and after it is asked for', () => {
  const space = new AddressSpace();
  const make = (kind: 'map' | 'map-value', writable: boolean): Region =>
    space.allocate(8, { kind, name: 'x', writable, contains: kind === 'map' ? () => false : undefined }) as Region;
  const regions = [make('map-value', true), make('map', false)];
  const table = space.pageTable() as number;
  regions.push(make('map-value', false));
  expect(regions.map(({ base }) => space.bytes[table + Math.floor(base / PAGE)])).toEqual([3, 0, 1]);
  for (const region of regions) space.free(region);
  expect(regions.map(({ base }) => space.bytes[table + Math.floor(base / PAGE)])).toEqual([0, 0, 0]);
});
