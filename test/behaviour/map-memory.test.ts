/**
 * Memory that maps hold, beside what Linux says of the same map (`memlock` in its fdinfo): never half as much again, from one
 * entry to 65,536, a trie from 400 prefixes on. Measured on Linux 6.18 (x86-64) with two CPUs, and where the kernel can be
 * reached with as many as it has.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { LinuxSys } from '../../src/linux/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, remove, u32, update } from './support.ts';

const ENTRIES = [1, 16, 64, 256, 4096, 65536];
const LARGEST_RATIO = 1.5;

interface Row {
  readonly attr: Partial<MapCreateAttr>;
  /** Bytes, by ENTRIES; 0: there is no such map. */
  readonly memlock: readonly number[];
}

const row = (mapType: number, keySize: number, valueSize: number, memlock: readonly number[], mapFlags = 0): Row => ({
  attr: { mapType, keySize, valueSize, mapFlags },
  memlock,
});

const T = MAP_TYPE;
const LINUX: Readonly<Record<string, Row>> = {
  hash: row(T.HASH, 16, 8, [1144, 2464, 6688, 23584, 361504, 5768224]),
  'hash of large values': row(T.HASH, 4, 64, [1288, 3328, 9856, 35968, 558208, 8914048]),
  'hash without preallocation': row(T.HASH, 16, 8, [912, 1152, 1920, 4992, 66432, 1049472], MAP_FLAG.NO_PREALLOC),
  array: row(T.ARRAY, 4, 8, [320, 440, 824, 2360, 33080, 524600]),
  'array of bytes': row(T.ARRAY, 4, 1, [320, 440, 824, 2360, 33080, 524600]),
  'array of large values': row(T.ARRAY, 4, 32, [344, 824, 2360, 8504, 131384, 2097464]),
  'array to be mapped': row(T.ARRAY, 4, 8, [8192, 8192, 8192, 8192, 36864, 528384], MAP_FLAG.MMAPABLE),
  'program array': row(T.PROG_ARRAY, 4, 4, [320, 440, 824, 2360, 33080, 524600]),
  'perf event array': row(T.PERF_EVENT_ARRAY, 4, 4, [320, 440, 824, 2360, 33080, 524600]),
  'per-CPU hash': row(T.PERCPU_HASH, 16, 8, [1000, 2560, 7552, 27520, 426880, 6816640]),
  'per-CPU array': row(T.PERCPU_ARRAY, 4, 8, [336, 696, 1848, 6456, 98616, 1573176]),
  'stack traces': row(T.STACK_TRACE, 4, 80, [424, 1984, 6976, 26944, 426304, 6816064]),
  'LRU hash': row(T.LRU_HASH, 16, 8, [984, 2304, 6528, 23424, 361344, 5768064]),
  'per-CPU LRU hash': row(T.LRU_PERCPU_HASH, 16, 8, [1000, 2560, 7552, 27520, 426880, 6816640]),
  'device map': row(T.DEVMAP, 4, 4, [352, 472, 856, 2392, 33112, 524632]),
  'CPU map': row(T.CPUMAP, 4, 4, [312, 432, 816, 2352, 0, 0]),
  'XSK map': row(T.XSKMAP, 4, 4, [312, 432, 816, 2352, 33072, 524592]),
  'device hash': row(T.DEVMAP_HASH, 4, 4, [352, 472, 856, 2392, 33112, 524632]),
  queue: row(T.QUEUE, 0, 8, [328, 448, 832, 2368, 33088, 524608]),
  stack: row(T.STACK, 0, 8, [328, 448, 832, 2368, 33088, 524608]),
  'bloom filter': row(T.BLOOM_FILTER, 0, 8, [320, 328, 376, 568, 4408, 65848]),
  'ring buffer': row(T.RINGBUF, 0, 0, [0, 0, 0, 0, 16728, 78408]),
  'user ring buffer': row(T.USER_RINGBUF, 0, 0, [0, 0, 0, 0, 16728, 78408]),
};

let linux: LinuxSys | undefined;
let whyNot = '';
try {
  linux = await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
}

/** Bytes that a map takes of a kernel in which there was one of its type already. */
function held(attr: Partial<MapCreateAttr>, cpus: number): number {
  const kernel = createKernel({ cpus });
  expect(createMap(kernel, attr)).toBeGreaterThan(0);
  const before = kernel.memoryBytes;
  expect(createMap(kernel, attr)).toBeGreaterThan(0);
  return kernel.memoryBytes - before;
}

/** What holds more than it may, as `entries: bytes / bytes`. */
function tooLarge(attr: Partial<MapCreateAttr>, memlock: readonly number[], cpus: number): string[] {
  return memlock.flatMap((linuxBytes, i) => {
    if (linuxBytes === 0) return [];
    const bytes = held({ ...attr, maxEntries: ENTRIES[i] }, cpus);
    return bytes > 0 && bytes <= LARGEST_RATIO * linuxBytes ? [] : [`${ENTRIES[i]}: ${bytes} / ${linuxBytes}`];
  });
}

function memlock(fd: number): number {
  return Number(/^memlock:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
}

function memlockOf(sys: LinuxSys, attr: Partial<MapCreateAttr>): number {
  const fd = createMap(sys, attr);
  if (fd < 0) return 0;
  const bytes = memlock(fd);
  sys.close(fd);
  return bytes;
}

it.each(Object.entries(LINUX))('%s', (_, { attr, memlock }) => {
  expect(tooLarge(attr, memlock, 2)).toEqual([]);
});

it.skipIf(!linux)(`as the running kernel says${linux ? '' : ` (skipped: ${whyNot})`}`, () => {
  const cpus = (linux as LinuxSys).possibleCpus;
  for (const [name, { attr, memlock }] of Object.entries(LINUX)) {
    const now = ENTRIES.map((maxEntries) => memlockOf(linux as LinuxSys, { ...attr, maxEntries }));
    if (cpus === 2) expect({ [name]: now }).toEqual({ [name]: memlock });
    expect({ [name]: tooLarge(attr, now, cpus) }).toEqual({ [name]: [] });
  }
});

it('small arrays share pages, but not where programs are held to whole pages', () => {
  const bytes = (hardened: boolean): number => {
    const kernel = createKernel({ hardened });
    createMap(kernel, LINUX.array.attr);
    const before = kernel.memoryBytes;
    createMap(kernel, LINUX.array.attr);
    return kernel.memoryBytes - before;
  };
  expect(bytes(false)).toBeLessThan(512);
  expect(bytes(true)).toBeGreaterThanOrEqual(4096);
});

it('elements that are made when they are needed', () => {
  // Linux: 80 bytes an element beside the 912 of the map.
  for (const count of [1, 16, 64, 256]) {
    const kernel = createKernel();
    const fd = createMap(kernel, { ...LINUX['hash without preallocation'].attr, maxEntries: count });
    const before = kernel.memoryBytes;
    for (let i = 0; i < count; i++) expect(update(kernel, fd, u32(i, 0, 0, 0), u32(i, 0))).toBe('ok');
    // Slabs of 512 bytes at least.
    expect(kernel.memoryBytes - before).toBeLessThanOrEqual(Math.max(512, 80 * count * LARGEST_RATIO));
  }
});

/** Prefixes of some bytes each, `count` of them, no two alike. */
type Prefixes = (bytes: number, count: number) => Uint8Array[];

function distinct(count: number, make: (i: number) => { length: number; bits: Uint8Array }): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (let i = 0; found.size < count && i < 4 * count; i++) {
    const { length, bits } = make(i);
    const key = Uint8Array.from([...u32(length), ...bits.map((byte, at) => byte & (0xff00 >> clamp(length - 8 * at)))]);
    found.set(hex(key), key);
  }
  return [...found.values()];
}

/** Bits of a byte that belong to a prefix which ends `left` bits behind its start. */
const clamp = (left: number): number => Math.max(0, Math.min(8, left));

/** Bytes that look random, the same each time. */
function noise(seed: number, bytes: number): Uint8Array {
  let x = Math.imul(seed + 1, 0x9e3779b1);
  return Uint8Array.from({ length: bytes }, () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24);
}

const PREFIXES: Readonly<Record<string, Prefixes>> = {
  'of full length': (bytes, count) => distinct(count, (i) => ({ length: 8 * bytes, bits: noise(i, bytes) })),
  'of any length': (bytes, count) =>
    distinct(count, (i) => ({ length: Math.imul(i, 7919) % (8 * bytes + 1), bits: noise(i, bytes) })),
  // All lengths of one address, then of the next.
  nested: (bytes, count) =>
    distinct(count, (i) => {
      const address = Math.floor(i / (8 * bytes));
      return { length: 8 * bytes - (i % (8 * bytes)), bits: noise(address, bytes) };
    }),
  // Neighbours, and every second prefix above them.
  dense: (bytes, count) =>
    distinct(count, (i) => {
      const bits = new Uint8Array(bytes);
      bits.set(
        u32(i >>> 1)
          .reverse()
          .slice(-bytes),
        Math.max(0, bytes - 4),
      );
      return { length: 8 * bytes - (i % 2), bits };
    }),
};

/** A trie with these prefixes in it. */
function trieOf(sys: BpfSys, valueSize: number, keys: readonly Uint8Array[]): number {
  const sizes = { keySize: keys[0].length, valueSize, maxEntries: keys.length };
  const fd = createMap(sys, { mapType: T.LPM_TRIE, ...sizes, mapFlags: MAP_FLAG.NO_PREALLOC });
  const value = new Uint8Array(valueSize);
  expect(keys.filter((key) => update(sys, fd, key, value) !== 'ok')).toEqual([]);
  return fd;
}

const TRIE_BITS = [1, 2, 3, 4, 5, 8, 16, 17, 100, 256];
const TRIE_VALUES = [1, 2, 4, 8, 12, 100, 5000];
/** A trie of fewer prefixes takes more for each: it has a header, which Linux leaves out, and elements come several at once. */
const TRIE_PREFIXES = 400;

/** What Linux says of a trie. */
const trieMemlock = (keys: readonly Uint8Array[], valueSize: number): number =>
  keys.length * (24 + keys[0].length - 4 + valueSize);

describe.each(Object.entries(PREFIXES))('a trie of prefixes %s', (_, prefixes) => {
  /** Without bits so few that there are no such many prefixes. */
  const tries = TRIE_BITS.map((bytes) => prefixes(bytes, TRIE_PREFIXES)).filter((keys) => keys.length > 370);

  it('is never half as much again', () => {
    expect(tries.length).toBeGreaterThanOrEqual(TRIE_BITS.length - 1);
    for (const keys of tries)
      for (const valueSize of TRIE_VALUES) {
        const kernel = createKernel();
        const before = kernel.memoryBytes;
        trieOf(kernel, valueSize, keys);
        const ratio = (kernel.memoryBytes - before) / trieMemlock(keys, valueSize);
        expect([keys[0].length, valueSize, ratio]).toSatisfy(() => ratio > 0 && ratio <= LARGEST_RATIO);
      }
  });

  it('does not grow while they come and go', () => {
    const keys = prefixes(4, 2 * TRIE_PREFIXES);
    const kernel = createKernel();
    const before = kernel.memoryBytes;
    const fd = trieOf(kernel, 8, keys.slice(0, TRIE_PREFIXES));
    for (let i = 0; i < 20 * keys.length; i++) {
      // One goes, the one that was longest away comes.
      expect(remove(kernel, fd, keys[i % keys.length])).toBe('ok');
      expect(update(kernel, fd, keys[(i + TRIE_PREFIXES) % keys.length], u32(i, 0))).toBe('ok');
    }
    const most = LARGEST_RATIO * trieMemlock(keys.slice(0, TRIE_PREFIXES), 8);
    expect(kernel.memoryBytes - before).toBeLessThanOrEqual(most);
  });

  it.skipIf(!linux)(`takes on Linux what is said here${linux ? '' : ` (skipped: ${whyNot})`}`, () => {
    for (const keys of tries)
      for (const valueSize of TRIE_VALUES) {
        const fd = trieOf(linux as LinuxSys, valueSize, keys);
        expect([keys[0].length, valueSize, memlock(fd)]).toEqual([
          keys[0].length,
          valueSize,
          trieMemlock(keys, valueSize),
        ]);
        (linux as LinuxSys).close(fd);
      }
  });
});
