/** Walks over maps whose elements come and go meanwhile. */
import { describe, expect, it } from 'vitest';
import { InternalError } from '../errors/index.ts';
import { AddressSpace, HASH_ELEM, MAP_HEADER, Rcu } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import type { BpfMap } from './index.ts';
import { MapCore, createMap, elementsOf } from './index.ts';

const space = new AddressSpace();
const rcu = new Rcu();
const SCRATCH = space.allocate(64, { kind: 'mem', name: 'scratch' })?.base ?? 0;

function hash(maxEntries: number): BpfMap {
  const info = { type: MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries, flags: 0, extra: 0, name: 'm' };
  const deps = { memory: space, rcu, cpus: 1, random: () => 0x12345678, hasDevice: () => true };
  const map = createMap(info, deps);
  if (typeof map === 'number') throw new Error(`create: ${map}`);
  return map;
}

const keyAt = (key: number): number => {
  space.view.setUint32(SCRATCH, key, true);
  return SCRATCH;
};
const insert = (map: BpfMap, key: number): number => map.updateElem(keyAt(key), SCRATCH + 8, 0, 0);

describe('elements of a hash', () => {
  it('come once each, also those that are deleted when they are reached', () => {
    const map = hash(64);
    for (let key = 0; key < 64; key++) expect(insert(map, key)).toBe(0);
    const seen: number[] = [];
    for (const { key } of elementsOf(map, { space, cpu: 0 }) ?? []) {
      seen.push(space.view.getUint32(key, true));
      expect(map.deleteElem(key)).toBe(0);
    }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  it('may be many more than there is room for, when they move on from chain to chain', () => {
    const entries = 8;
    const map = hash(entries);
    const field = (name: keyof typeof MAP_HEADER): number => space.view.getUint32(map.address + MAP_HEADER[name], true);
    const { hash_bytes } = MapCore.of({ memory: space, rcu }).functions;
    const bucketOf = (key: number): number => hash_bytes(keyAt(key), 4, field('SEED')) & field('BUCKET_MASK');
    let next = 0;
    const insertInto = (bucket: number): void => {
      while (bucketOf(next) !== bucket) next++;
      expect(insert(map, next++)).toBe(0);
    };
    for (let i = 0; i < entries; i++) insertInto(0);
    let seen = 0;
    for (const { key } of elementsOf(map, { space, cpu: 0 }) ?? []) {
      seen++;
      const bucket = bucketOf(space.view.getUint32(key, true));
      map.deleteElem(key);
      if (bucket < field('BUCKET_MASK')) insertInto(bucket + 1);
    }
    expect(seen).toBe(entries * (field('BUCKET_MASK') + 1));
    expect(seen).toBeGreaterThan(2 * entries + 1);
  });

  it('in a circle are an error', () => {
    const map = hash(4);
    insert(map, 1);
    const [{ value }] = elementsOf(map, { space, cpu: 0 }) ?? [];
    const elem = value - space.view.getUint32(map.address + MAP_HEADER.VALUE_OFFSET, true);
    space.view.setUint32(elem + HASH_ELEM.NEXT, elem, true);
    expect(() => [...(elementsOf(map, { space, cpu: 0 }) ?? [])]).toThrow(InternalError);
  });
});
