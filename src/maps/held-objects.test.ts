/** Objects in the slots of a map: held once, let go of once, whatever the slots say. */
import { expect, it } from 'vitest';
import { ERRNO, InternalError } from '../errors/index.ts';
import { AddressSpace, MAP_HEADER, Rcu } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import { createMap } from './index.ts';
import type { BpfMap, MapDeps, SlotObject } from './index.ts';

const u32 = (n: number): Uint8Array => Uint8Array.of(n, n >>> 8, n >>> 16, n >>> 24);

/** How often the object behind each descriptor is held. */
class Objects {
  readonly holds = new Map<number, number>();

  acquire(fd: number): SlotObject | number {
    if (fd < 0) return -ERRNO.EBADF;
    const count = (by: number): void => void this.holds.set(fd, (this.holds.get(fd) ?? 0) + by);
    count(1);
    return { id: fd + 100, word: fd + 1000, release: () => count(-1) };
  }
}

function world(type: number): { map: BpfMap; deps: MapDeps; objects: Objects; memory: AddressSpace; rcu: Rcu } {
  const [memory, rcu, objects] = [new AddressSpace(), new Rcu(), new Objects()];
  const deps = { memory, rcu, cpus: 1, random: () => 1, hasDevice: () => true, slots: objects };
  const info = { type, keySize: 4, valueSize: 4, maxEntries: 64, flags: 0, extra: 0, name: 'm' };
  const map = createMap(info, deps);
  if (typeof map === 'number') throw new Error(`create: ${map}`);
  return { map, deps, objects, memory, rcu };
}

it.each([
  ['array of maps', MAP_TYPE.ARRAY_OF_MAPS],
  ['hash of maps', MAP_TYPE.HASH_OF_MAPS],
  ['program array', MAP_TYPE.PROG_ARRAY],
])('%s', (_, type) => {
  const { map, objects, rcu } = world(type);
  const held = (fd: number): number => objects.holds.get(fd) ?? 0;
  const put = (slot: number, fd: number): number => map.sysUpdate(u32(slot), u32(fd), 0);
  const idAt = (slot: number): number => {
    const value = new Uint8Array(4);
    const result = map.sysLookup(u32(slot), value);
    return result < 0 ? result : new DataView(value.buffer).getUint32(0, true);
  };
  for (let slot = 0; slot < 50; slot++) expect(put(slot, 7)).toBe(0);
  expect(put(50, 8)).toBe(0);
  expect([held(7), held(8), idAt(49), idAt(50), idAt(51)]).toEqual([1, 1, 107, 108, -ERRNO.ENOENT]);

  // The last slot of an object: it is held as long as a program runs.
  rcu.enter();
  expect(put(50, 7)).toBe(0);
  expect([held(7), held(8), idAt(50)]).toEqual([1, 1, 107]);
  rcu.exit();
  expect([held(7), held(8)]).toEqual([1, 0]);

  // Back again before the program has ended: held anew.
  expect(put(50, 8)).toBe(0);
  rcu.enter();
  expect(map.sysDelete(u32(50))).toBe(0);
  expect(put(51, 8)).toBe(0);
  rcu.exit();
  expect([held(8), idAt(50), idAt(51)]).toEqual([1, -ERRNO.ENOENT, 108]);

  for (let slot = 0; slot < 49; slot++) expect(map.sysDelete(u32(slot))).toBe(0);
  expect([held(7), idAt(49)]).toEqual([1, 107]);
  expect(put(49, -1)).toBe(-ERRNO.EBADF);
  map.destroy();
  expect([held(7), held(8)]).toEqual([0, 0]);
});

it('a word that stands for nothing is an error, and what the slot held is held until the end', () => {
  const { map, objects, memory } = world(MAP_TYPE.ARRAY_OF_MAPS);
  map.sysUpdate(u32(3), u32(7), 0);
  const slots = memory.view.getUint32(map.address + MAP_HEADER.VALUES, true);
  memory.view.setUint32(slots + 4 * 3, 0xdeadbeef, true);
  expect(() => map.sysLookup(u32(3), new Uint8Array(4))).toThrow(InternalError);
  expect(map.sysUpdate(u32(3), u32(9), 0)).toBe(0);
  expect([...objects.holds]).toEqual([
    [7, 1],
    [9, 1],
  ]);
  map.destroy();
  expect([...objects.holds.values()]).toEqual([0, 0]);
});
