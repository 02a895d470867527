/** Map types against a plain JavaScript Map; element lifetimes; corrupt memory; memory given back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../errors/index.ts';
import { AddressSpace, HASH_ELEM, MAP_HEADER, Rcu, padded } from '../memory/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import type { BpfMap, MapDeps, MapInfo } from './index.ts';
import { MapCore, checkMap, createMap } from './index.ts';

function deps(options: { cpus?: number; limit?: number } = {}): MapDeps {
  const { cpus = 1, limit } = options;
  return { memory: new AddressSpace(limit), rcu: new Rcu(), cpus, random: () => 0x12345678, hasDevice: () => true };
}

function make(deps: MapDeps, type: number, sizes: Partial<MapInfo> = {}): BpfMap {
  const info = { type, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0, extra: 0, name: 'm', ...sizes };
  expect(checkMap(info)).toBe(0);
  const map = createMap(info, deps);
  if (typeof map === 'number') throw new Error(`create: ${map}`);
  return map;
}

/** Bytes that maps hold: all but the map core's own page. */
function used(d: MapDeps): number {
  MapCore.of(d);
  return d.memory.used - 4096;
}

const u32 = (n: number) => new Uint8Array([n, n >>> 8, n >>> 16, n >>> 24]);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** A program's side: bytes at an address of its own. */
function scratch(deps: MapDeps) {
  const region = deps.memory.allocate(4096, { kind: 'mem', name: 'scratch' });
  if (region === undefined) throw new Error('no memory');
  return (bytes: Uint8Array, offset = 0) => {
    deps.memory.bytes.set(bytes, region.base + offset);
    return region.base + offset;
  };
}

const KEYS = 6;
const command = fc.oneof(
  fc.record({ op: fc.constant('update' as const), key: fc.nat(KEYS), seed: fc.nat(255), flags: fc.nat(9) }),
  fc.record({ op: fc.constantFrom('lookup' as const, 'delete' as const, 'take' as const), key: fc.nat(KEYS) }),
  fc.record({ op: fc.constant('walk' as const) }),
  fc.record({ op: fc.constant('enter' as const) }),
  fc.record({ op: fc.constant('exit' as const) }),
);

/** What an update of an array answers, lock flag included. */
function arrayErrno(flags: number, inside: boolean): number {
  if (flags > 6 || flags % 4 === 3) return ERRNO.EINVAL;
  if (!inside) return ERRNO.E2BIG;
  return flags % 2 ? ERRNO.EEXIST : flags >= 4 ? ERRNO.EINVAL : 0;
}

/** What a hash of the same shape answers, in five lines. */
class HashModel {
  readonly values = new Map<string, string>();
  readonly #max: number;
  constructor(max: number) {
    this.#max = max;
  }
  update(key: string, value: string, flags: number): number {
    if (flags > 2) return -ERRNO.EINVAL;
    if (this.values.has(key) && flags === 1) return -ERRNO.EEXIST;
    if (!this.values.has(key) && flags === 2) return -ERRNO.ENOENT;
    if (!this.values.has(key) && this.values.size >= this.#max) return -ERRNO.E2BIG;
    this.values.set(key, value);
    return 0;
  }
}

/** Low word of MurmurHash64A, from its definition. */
function murmur(bytes: Uint8Array, seed: bigint): number {
  const m = 0xc6a4a7935bd1e995n;
  const u64 = (n: bigint) => BigInt.asUintN(64, n);
  const word = (at: number, size: number) =>
    bytes.slice(at, at + size).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let h = u64(seed ^ (BigInt(bytes.length) * m));
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    let k = u64(word(at, 8) * m);
    k = u64((k ^ (k >> 47n)) * m);
    h = u64((h ^ k) * m);
  }
  if (at < bytes.length) h = u64((h ^ word(at, bytes.length - at)) * m);
  h = u64((h ^ (h >> 47n)) * m);
  return Number((h ^ (h >> 47n)) & 0xffffffffn);
}

function walk(map: BpfMap): string[] {
  const keys: string[] = [];
  const next = new Uint8Array(map.info.keySize);
  for (let key: Uint8Array | undefined; map.sysGetNextKey(key, next) === 0; key = next.slice()) keys.push(hex(next));
  return keys;
}

describe.each([
  ['hash', MAP_TYPE.HASH, 0, 1],
  ['hash without pre-allocation', MAP_TYPE.HASH, MAP_FLAG.NO_PREALLOC, 1],
  ['percpu_hash', MAP_TYPE.PERCPU_HASH, 0, 3],
  ['percpu_hash without pre-allocation', MAP_TYPE.PERCPU_HASH, MAP_FLAG.NO_PREALLOC, 2],
])('%s', (_name, type, flags, cpus) => {
  it('answers as a Map does, over random commands', () => {
    const shape = fc.record({ keySize: fc.integer({ min: 1, max: 13 }), valueSize: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(shape, fc.array(command, { maxLength: 80 }), (sizes, commands) => {
        const d = deps({ cpus });
        const map = make(d, type, { ...sizes, maxEntries: 4, flags });
        const model = new HashModel(4);
        const key = (n: number) => Uint8Array.from({ length: sizes.keySize }, (_, i) => (i === 0 ? n : 0xaa));
        let depth = 0;
        for (const c of commands) {
          const out = new Uint8Array(map.userValueSize);
          if (c.op === 'update') {
            const value = out.map((_, i) => c.seed + i);
            expect(map.sysUpdate(key(c.key), value, c.flags)).toBe(model.update(hex(key(c.key)), hex(value), c.flags));
          } else if (c.op === 'walk') {
            expect(walk(map).sort()).toEqual([...model.values.keys()].sort());
          } else if (c.op === 'enter' || c.op === 'exit') {
            if (c.op === 'enter') depth++;
            else if (depth === 0) continue;
            else depth--;
            d.rcu[c.op]();
          } else {
            const name = hex(key(c.key));
            const there = model.values.get(name);
            const want = there === undefined ? -ERRNO.ENOENT : 0;
            if (c.op === 'delete') expect(map.sysDelete(key(c.key))).toBe(want);
            else
              expect(c.op === 'take' ? map.sysLookupAndDelete(key(c.key), out) : map.sysLookup(key(c.key), out)).toBe(
                want,
              );
            if (c.op !== 'delete' && there !== undefined) expect(hex(out)).toBe(there);
            if (c.op !== 'lookup') model.values.delete(name);
          }
        }
      }),
    );
  });

  it('gives all memory back', () => {
    const d = deps({ cpus });
    for (let round = 0; round < 3; round++) {
      const map = make(d, type, { maxEntries: 1000, flags });
      expect(used(d)).toBe(map.memoryBytes);
      for (let i = 0; i < 1000; i++) map.sysUpdate(u32(i), new Uint8Array(map.userValueSize), 0);
      expect(used(d)).toBe(map.memoryBytes);
      map.destroy();
      expect(used(d)).toBe(0);
    }
  });

  it('answers -ENOMEM, and nothing is lost, when the memory is exhausted', () => {
    const d = deps({ cpus, limit: 1 << 20 });
    const info = { type, keySize: 4, valueSize: 1000, maxEntries: 5000, flags, extra: 0, name: 'm' };
    const map = createMap(info, d);
    if (typeof map === 'number') {
      expect(flags).toBe(0);
      expect(map).toBe(-ERRNO.ENOMEM);
    } else {
      let i = 0;
      let answer = 0;
      while ((answer = map.sysUpdate(u32(i), new Uint8Array(map.userValueSize), 0)) === 0) i++;
      expect(answer).toBe(-ERRNO.ENOMEM);
      expect(walk(map)).toHaveLength(i);
      map.destroy();
    }
    expect(used(d)).toBe(0);
  });

  it('keeps a deleted element until the outermost program has ended, then refuses it', () => {
    const d = deps({ cpus });
    const map = make(d, type, { flags });
    const put = scratch(d);
    const [key, value] = [put(u32(7)), put(new Uint8Array(8).fill(9), 64)];
    expect(map.updateElem(key, value, 0, 0)).toBe(0);
    const at = map.lookupElem(key, 0);
    d.rcu.enter();
    d.rcu.enter();
    expect(map.deleteElem(key)).toBe(0);
    expect(map.lookupElem(key, 0)).toBe(0);
    expect(map.updateElem(key, put(new Uint8Array(8).fill(1), 64), 0, 0)).toBe(0);
    d.rcu.exit();
    expect(d.memory.check(at, 8, true)).toBeDefined();
    expect(hex(d.memory.bytes.slice(at, at + 8))).toBe('09'.repeat(8));
    d.rcu.exit();
    expect(d.memory.check(at, 1, false)).toBeUndefined();
    expect(d.memory.check(map.lookupElem(key, 0), 8, true)).toBeDefined();
  });

  it('lets a program touch one CPU value of a live element and nothing else', () => {
    const d = deps({ cpus });
    const map = make(d, type, { valueSize: 12, flags });
    const put = scratch(d);
    const key = put(u32(1));
    map.updateElem(key, put(new Uint8Array(12), 64), 0, 0);
    const at = map.lookupElem(key, cpus - 1);
    expect(d.memory.check(at, 12, true)).toBeDefined();
    expect(d.memory.check(at + 11, 1, true)).toBeDefined();
    for (const [offset, size] of [
      [11, 2],
      [12, 1],
      [0, 13],
      [-1, 1],
      [-4, 8],
    ]) {
      expect(d.memory.check(at + offset, size, false), `${offset}+${size}`).toBeUndefined();
    }
    expect(d.memory.check(map.address, 4, false)).toBeUndefined();
    const readOnly = make(d, type, { flags: flags | MAP_FLAG.RDONLY_PROG });
    readOnly.updateElem(key, put(new Uint8Array(8), 64), 0, 0);
    expect(d.memory.check(readOnly.lookupElem(key, 0), 8, false)).toBeDefined();
    expect(d.memory.check(readOnly.lookupElem(key, 0), 8, true)).toBeUndefined();
  });

  it('names a corrupt link instead of following it', () => {
    const d = deps({ cpus });
    const map = make(d, type, { maxEntries: 1, flags });
    const put = scratch(d);
    map.updateElem(put(u32(1)), put(new Uint8Array(8), 64), 0, 0);
    const bucket = d.memory.view.getUint32(map.address + MAP_HEADER.BUCKETS, true);
    const elem = d.memory.view.getUint32(bucket, true);
    const out = new Uint8Array(map.userValueSize);
    for (const link of [elem, elem + 4, bucket, 1, 0xfffffff0, put(u32(0))]) {
      d.memory.view.setUint32(elem + HASH_ELEM.NEXT, link, true);
      expect(() => map.sysLookup(u32(2), out)).toThrow(/memory of map 'm' is corrupt/);
    }
    d.memory.view.setUint32(bucket, elem + 8, true);
    expect(() => map.sysGetNextKey(undefined, out)).toThrow(/corrupt: a chain leads to/);
    d.memory.view.setUint32(bucket, elem, true);
    d.memory.view.setUint32(elem + HASH_ELEM.NEXT, 0, true);
    d.memory.view.setUint32(map.address + MAP_HEADER.FREE, elem, true);
    map.sysDelete(u32(1));
    d.memory.view.setUint32(map.address + MAP_HEADER.FREE, 12, true);
    expect(() => map.sysUpdate(u32(3), out, 0)).toThrow(/corrupt: the free list leads to/);
  });
});

describe('hash', () => {
  it('replaces the element on update: an old pointer sees the old value', () => {
    const d = deps();
    const map = make(d, MAP_TYPE.HASH, { maxEntries: 1 });
    const put = scratch(d);
    const key = put(u32(1));
    map.updateElem(key, put(new Uint8Array(8).fill(1), 64), 0, 0);
    d.rcu.enter();
    const seen: number[] = [];
    for (let i = 2; i < 100; i++) {
      seen.push(map.lookupElem(key, 0));
      expect(map.updateElem(key, put(new Uint8Array(8).fill(i), 64), 0, 0)).toBe(0);
    }
    expect(seen.map((at) => d.memory.bytes[at])).toEqual(seen.map((_, i) => i + 1));
    expect(seen.every((at) => d.memory.check(at, 8, false) !== undefined)).toBe(true);
    d.rcu.exit();
    expect(seen.some((at) => d.memory.check(at, 8, false) !== undefined)).toBe(false);
  });

  it('holds bounded memory through a run that replaces without end', () => {
    const d = deps();
    const map = make(d, MAP_TYPE.HASH, { maxEntries: 1, valueSize: 65536 });
    const put = scratch(d);
    const big = d.memory.allocate(65536, { kind: 'mem', name: 'value' });
    const key = put(u32(1));
    d.rcu.enter();
    for (let i = 0; i < 1000; i++) expect(map.updateElem(key, big?.base ?? 0, 0, 0)).toBe(0);
    expect(map.memoryBytes).toBeLessThan(16 << 20);
    d.rcu.exit();
    expect(walk(map)).toHaveLength(1);
  });

  it('stays small when it is small', () => {
    for (const type of [MAP_TYPE.HASH, MAP_TYPE.LRU_HASH]) {
      const d = deps();
      const map = make(d, type, { maxEntries: 16 });
      const put = scratch(d);
      const before = map.memoryBytes;
      d.rcu.enter();
      const [first] = [0, 1000].map((i) => {
        for (let n = i; n < i + 1000; n++) map.updateElem(put(u32(n % 16)), put(u32(n), 64), 0, 0);
        return map.lookupElem(put(u32(i % 16)), 0);
      });
      expect(d.memory.bytes[first]).toBe(992 & 0xff); // a thousand updates ago
      for (let n = 0; n < 100_000; n++) map.updateElem(put(u32(n % 16)), put(u32(n), 64), 0, 0);
      d.rcu.exit();
      expect(map.memoryBytes - before).toBeLessThan(1024 * 64);
      expect(walk(map)).toHaveLength(16);
    }
  });

  it('copies a value out of the element that is being replaced', () => {
    const d = deps();
    const map = make(d, MAP_TYPE.HASH);
    const put = scratch(d);
    const key = put(u32(1));
    map.updateElem(key, put(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), 64), 0, 0);
    expect(map.updateElem(key, map.lookupElem(key, 0), 0, 0)).toBe(0);
    const out = new Uint8Array(8);
    map.sysLookup(u32(1), out);
    expect([...out]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('hashes as MurmurHash64A does', () => {
    const d = deps();
    const put = scratch(d);
    const { hash_bytes } = MapCore.of(d).functions;
    for (let size = 0; size < 40; size++) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => i * 37 + size);
      expect(hash_bytes(put(bytes, 3), size, 0x89abcdef) >>> 0).toBe(murmur(bytes, 0x89abcdefn));
    }
  });

  it.each([
    ['HASH', MAP_TYPE.HASH],
    ['LRU_HASH', MAP_TYPE.LRU_HASH],
  ])('is emptied from its first key on, and filled meanwhile: %s', (_, type) => {
    const d = deps();
    const map = make(d, type, { maxEntries: 256 });
    const first = (): number => {
      const key = new Uint8Array(4);
      return map.sysGetNextKey(undefined, key) < 0 ? -1 : key[0];
    };
    const inside = new Set<number>();
    for (let round = 0; round < 2000; round++) {
      // Three steps forward and two back: keys come before and behind the first bucket that is in use.
      for (const key of [round % 256, (round * 7) % 256, (round * 31) % 256]) {
        expect(map.sysUpdate(u32(key), new Uint8Array(8), 0)).toBe(0);
        inside.add(key);
      }
      for (let i = 0; i < (round < 1000 ? 2 : 4) && inside.size > 0; i++) {
        const key = first();
        expect(inside.delete(key)).toBe(true);
        expect(map.sysDelete(u32(key))).toBe(0);
      }
    }
    while (inside.size > 0) {
      const key = first();
      expect(inside.delete(key)).toBe(true);
      map.sysDelete(u32(key));
    }
    expect(first()).toBe(-1);
    // All buckets before FIRST_BUCKET are empty, and who empties the map moves it on.
    for (let key = 0; key < 256; key++) map.sysUpdate(u32(key), new Uint8Array(8), 0);
    const walk = [];
    for (let key = first(); key >= 0; key = first()) {
      walk.push(key);
      map.sysDelete(u32(key));
      const bucket = d.memory.view.getUint32(map.address + MAP_HEADER.FIRST_BUCKET, true);
      for (let i = 0; i < bucket; i++) {
        const word = d.memory.view.getUint32(map.address + MAP_HEADER.BUCKETS, true) + 4 * i;
        expect(d.memory.view.getUint32(word, true)).toBe(0);
      }
    }
    expect(walk.length).toBe(256);
    expect(d.memory.view.getUint32(map.address + MAP_HEADER.FIRST_BUCKET, true)).toBe(256);
  });

  it('with BPF_F_ZERO_SEED has the same order in every kernel', () => {
    const order = (random: number) => {
      const map = make({ ...deps(), random: () => random }, MAP_TYPE.HASH, {
        maxEntries: 64,
        flags: MAP_FLAG.ZERO_SEED,
      });
      for (let i = 0; i < 64; i++) map.sysUpdate(u32(i), new Uint8Array(8), 0);
      return walk(map);
    };
    expect(order(1)).toEqual(order(2));
  });
});

describe.each([
  ['lru_hash', MAP_TYPE.LRU_HASH, 1],
  ['lru_percpu_hash', MAP_TYPE.LRU_PERCPU_HASH, 3],
])('%s', (_name, type, cpus) => {
  /** Elements from the one that goes next on. */
  class LruModel {
    readonly list: { key: number; value: string; used: boolean }[] = [];
    find = (key: number) => this.list.find((elem) => elem.key === key);
    remove(key: number): boolean {
      const at = this.list.findIndex((elem) => elem.key === key);
      if (at >= 0) this.list.splice(at, 1);
      return at >= 0;
    }
    add(key: number, value: string, max: number): void {
      if (this.list.length === max) {
        while (this.list[0].used) this.list.push({ ...this.list.splice(0, 1)[0], used: false });
        this.list.shift();
      }
      this.list.push({ key, value, used: false });
    }
  }

  it('keeps what was used, over random commands', () => {
    const lruCommand = fc.record({
      op: fc.constantFrom('update', 'update', 'update', 'use', 'look', 'delete'),
      key: fc.nat(12),
      seed: fc.nat(255),
      flags: fc.constantFrom(0, 0, 0, 1, 2, 3),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(lruCommand, { maxLength: 100 }), (max, commands) => {
        const d = deps({ cpus });
        const put = scratch(d);
        const map = make(d, type, { maxEntries: max });
        const model = new LruModel();
        for (const { op, key, seed, flags } of commands) {
          const there = model.find(key);
          const out = new Uint8Array(map.userValueSize);
          if (op === 'update') {
            const value = out.map((_, i) => seed + i);
            const want =
              flags > 2 ? ERRNO.EINVAL : there && flags === 1 ? ERRNO.EEXIST : !there && flags === 2 ? ERRNO.ENOENT : 0;
            expect(map.sysUpdate(u32(key), value, flags) + want).toBe(0);
            if (want !== 0) continue;
            if (there === undefined) model.add(key, hex(value), max);
            else if (type === MAP_TYPE.LRU_HASH) model.list.push({ key, value: hex(value), used: model.remove(key) });
            else Object.assign(there, { value: hex(value), used: true });
          } else if (op === 'use') {
            expect(map.lookupElem(put(u32(key)), 0) !== 0).toBe(there !== undefined);
            if (there) there.used = true;
          } else if (op === 'look') {
            expect(map.sysLookup(u32(key), out)).toBe(there ? 0 : -ERRNO.ENOENT);
            if (there) expect(hex(out)).toBe(there.value);
          } else {
            expect(map.sysDelete(u32(key))).toBe(model.remove(key) ? 0 : -ERRNO.ENOENT);
          }
          expect(walk(map).sort()).toEqual(model.list.map((elem) => hex(u32(elem.key))).sort());
        }
        map.destroy();
        expect(used(d)).toBe(4096); // the scratch page
      }),
    );
  });

  it('with BPF_F_NO_COMMON_LRU gives each CPU its share', () => {
    const map = make(deps({ cpus: 3 }), type, { maxEntries: 5, flags: MAP_FLAG.NO_COMMON_LRU });
    expect(map.info.maxEntries).toBe(6);
    for (let i = 0; i < 20; i++) map.sysUpdate(u32(i), new Uint8Array(map.userValueSize), 0);
    expect(walk(map).sort()).toEqual([hex(u32(18)), hex(u32(19))]);
  });

  it('names a corrupt list of use', () => {
    const d = deps({ cpus });
    const map = make(d, type, { maxEntries: 1 });
    const value = new Uint8Array(map.userValueSize);
    map.sysUpdate(u32(1), value, 0);
    const lists = d.memory.view.getUint32(map.address + MAP_HEADER.LISTS, true);
    for (const link of [0, 4, lists, 0xfffffff0]) {
      d.memory.view.setUint32(lists, link, true);
      expect(() => map.sysUpdate(u32(2), value, 0)).toThrow(/memory of map 'm' is corrupt/);
    }
  });
});

describe('percpu_hash', () => {
  it('gives a new element of a program zeroes on the other CPUs, also in memory used before', () => {
    const d = deps({ cpus: 3 });
    const map = make(d, MAP_TYPE.PERCPU_HASH, { valueSize: 4, maxEntries: 1 });
    const put = scratch(d);
    const out = new Uint8Array(24);
    map.sysUpdate(u32(1), new Uint8Array(24).fill(0xff), 0);
    map.sysDelete(u32(1));
    expect(map.updateElem(put(u32(2)), put(u32(0x01020304), 64), 0, 1)).toBe(0);
    map.sysLookup(u32(2), out);
    expect(hex(out)).toBe('0000000000000000' + '0403020100000000' + '0000000000000000');
    const at = map.lookupElem(put(u32(2)), 1);
    expect(map.updateElem(put(u32(2)), put(u32(5), 64), 0, 2)).toBe(0);
    expect(map.lookupElem(put(u32(2)), 1)).toBe(at);
  });
});

describe.each([
  ['array', MAP_TYPE.ARRAY, 1],
  ['percpu_array', MAP_TYPE.PERCPU_ARRAY, 3],
])('%s', (_name, type, cpus) => {
  it('answers as an array does, over random commands', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(command, { maxLength: 60 }), (valueSize, commands) => {
        const d = deps({ cpus });
        const map = make(d, type, { valueSize, maxEntries: 4 });
        const model = Array.from({ length: 4 }, () => '00'.repeat(map.userValueSize));
        for (const c of commands) {
          const out = new Uint8Array(map.userValueSize);
          if (c.op === 'update') {
            const value = out.map((_, i) => c.seed + i);
            const want = arrayErrno(c.flags, c.key < 4);
            expect(map.sysUpdate(u32(c.key), value, c.flags) + want).toBe(0);
            if (want === 0) model[c.key] = hex(value);
          } else if (c.op === 'lookup') {
            expect(map.sysLookup(u32(c.key), out)).toBe(c.key < 4 ? 0 : -ERRNO.ENOENT);
            if (c.key < 4) expect(hex(out)).toBe(model[c.key]);
          } else if (c.op === 'delete') {
            expect(map.sysDelete(u32(c.key))).toBe(-ERRNO.EINVAL);
          } else if (c.op === 'take') {
            expect(map.sysLookupAndDelete(u32(c.key), out)).toBe(-ERRNO.ENOTSUPP);
          } else if (c.op === 'walk') {
            expect(walk(map)).toEqual(['00000000', '01000000', '02000000', '03000000']);
          }
        }
        map.destroy();
        expect(d.memory.used).toBe(0);
      }),
    );
  });

  it('starts over after a key that is not in it', () => {
    const map = make(deps({ cpus }), type);
    const next = new Uint8Array(4);
    for (const [key, want] of [
      [0, 1],
      [4, 0],
      [0xfffffffe, 0],
      [0xffffffff, 0],
    ]) {
      expect(map.sysGetNextKey(u32(key), next)).toBe(0);
      expect([...next]).toEqual([want, 0, 0, 0]);
    }
    expect(map.sysGetNextKey(u32(3), next)).toBe(-ERRNO.ENOENT);
  });

  it('overwrites in place, and bounds a program to one value', () => {
    const d = deps({ cpus });
    const map = make(d, type, { valueSize: 6 });
    const put = scratch(d);
    const key = put(u32(3));
    const at = map.lookupElem(key, cpus - 1);
    expect(map.updateElem(key, put(new Uint8Array([1, 2, 3, 4, 5, 6]), 64), 0, cpus - 1)).toBe(0);
    expect(map.lookupElem(key, cpus - 1)).toBe(at);
    expect([...d.memory.bytes.slice(at, at + 8)]).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
    expect(d.memory.check(at, 6, true)).toBeDefined();
    expect(d.memory.check(at, 7, true)).toBeUndefined();
    expect(d.memory.check(at + 6, 1, false)).toBeUndefined();
    expect(map.lookupElem(put(u32(4)), 0)).toBe(0);
    expect(map.updateElem(put(u32(4)), put(u32(0), 64), 0, 0)).toBe(-ERRNO.E2BIG);
    const one = make(d, type, { maxEntries: 1 });
    if (cpus > 1) expect(one.directValueAddress(0)).toBe(-ERRNO.ENOTSUPP);
    else
      expect([one.directValueAddress(7) - one.directValueAddress(0), one.directValueAddress(8)]).toEqual([
        7,
        -ERRNO.EINVAL,
      ]);
    expect(map.directValueAddress(0)).toBe(-ERRNO.ENOTSUPP);
  });
});

it('pads exactly', () => {
  expect([0, 1, 8, 9, 0xffffffff].map(padded)).toEqual([0, 8, 8, 16, 0x100000000]);
});
