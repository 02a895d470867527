/** Walks over maps whose elements come and go meanwhile, in JavaScript and compiled. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { InternalError } from '../errors/index.ts';
import { AddressSpace, HASH_ELEM, MAP_HEADER, Rcu } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import { JitMachine, compile } from '../vm/index.ts';
import type { BpfMap } from './index.ts';
import { MapCore, createMap, elementsOf } from './index.ts';

const space = new AddressSpace();
const rcu = new Rcu();
const SCRATCH = space.allocate(64, { kind: 'mem', name: 'scratch' })?.base ?? 0;

function create(type: number, maxEntries: number): BpfMap {
  const info = { type, keySize: 4, valueSize: 8, maxEntries, flags: 0, extra: 0, name: 'm' };
  const deps = { memory: space, rcu, cpus: 1, random: () => 0x12345678, hasDevice: () => true };
  const map = createMap(info, deps);
  if (typeof map === 'number') throw new Error(`create: ${map}`);
  return map;
}

const hash = (maxEntries: number): BpfMap => create(MAP_TYPE.HASH, maxEntries);

const keyAt = (key: number): number => {
  space.view.setUint32(SCRATCH, key, true);
  return SCRATCH;
};
const insert = (map: BpfMap, key: number): number => map.updateElem(keyAt(key), SCRATCH + 8, 0, 0);

/** A hash whose only element leads to itself. */
function inCircle(): BpfMap {
  const map = hash(4);
  insert(map, 1);
  const [{ value }] = elementsOf(map, { space, cpu: 0 }) ?? [];
  const elem = value - space.view.getUint32(map.address + MAP_HEADER.VALUE_OFFSET, true);
  space.view.setUint32(elem + HASH_ELEM.NEXT, elem, true);
  return map;
}

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
    const map = inCircle();
    expect(() => [...(elementsOf(map, { space, cpu: 0 }) ?? [])]).toThrow(InternalError);
  });
});

/** What a compiled program makes of the keys and values of a map, whose function stops at a value; its r0. */
function compiled(map: BpfMap, stopAt: number): { calls: number; digest: number } {
  const core = MapCore.of({ memory: space, rcu }).linked;
  const machine = new JitMachine({ space, packet: undefined }, undefined, { core: () => core, cpu: () => 0 });
  const text = `r3 = r10
r3 += -8
r4 = 0
*(u64 *)(r10 - 8) = r4
r1 = ${map.address} ll
r2 = subprog[each]
call 164
r0 <<= 32
r1 = *(u64 *)(r10 - 8)
r0 |= r1
exit
each:
r5 = *(u64 *)(r4 + 0)
r5 *= 31
r6 = *(u32 *)(r2 + 0)
r5 ^= r6
r6 = *(u64 *)(r3 + 0)
r5 += r6
w5 = w5
*(u64 *)(r4 + 0) = r5
r0 = 0
if r6 != ${stopAt} goto +1
r0 = 1
exit`;
  const program = compile(assemble(text).insns, {
    helpers: () => () => {
      throw new Error('a walk was left to the helper');
    },
  });
  const request = { mode: 'verified', mapLoads: new Set([4]) } as const;
  const result = machine.compile(program, request);
  if (!result.ok) throw new Error(result.unsupported);
  machine.run(result, 0);
  const [digest, calls] = machine.result;
  return { calls, digest: digest >>> 0 };
}

describe('compiled walks', () => {
  const KINDS = ['ARRAY', 'PERCPU_ARRAY', 'HASH', 'PERCPU_HASH', 'LRU_HASH', 'LRU_PERCPU_HASH'] as const;
  for (const kind of KINDS)
    it(`go through ${kind} in the same order`, () => {
      const map = create(MAP_TYPE[kind], 40);
      for (let key = 0; key < 40; key += 2) {
        space.view.setUint32(SCRATCH + 8, 1000 + key, true);
        insert(map, key);
      }
      for (const stopAt of [-1, 1006]) {
        let [calls, digest] = [0, 0];
        for (const { key, value } of elementsOf(map, { space, cpu: 0 }) ?? []) {
          const number = space.view.getUint32(value, true);
          digest = ((Math.imul(digest, 31) ^ space.view.getUint32(key, true)) + number) >>> 0;
          calls++;
          if (number === stopAt) break;
        }
        expect(calls).toBeGreaterThan(0);
        expect(compiled(map, stopAt)).toEqual({ calls, digest });
      }
    });

  it('end where a chain does not', () => {
    const map = inCircle();
    expect(() => compiled(map, -1)).toThrow(/the memory of the map at 0x\w+ is corrupt: a chain without an end/);
  });
});
