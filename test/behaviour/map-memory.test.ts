/**
 * Memory that maps hold, beside what Linux says of the same map (`memlock` in its fdinfo): never half as much again, from one
 * entry to 65,536. Measured on Linux 6.18 (x86-64) with two CPUs, and where the kernel can be reached with as many as it has.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { LinuxSys } from '../../src/linux/index.ts';
import type { MapCreateAttr } from '../../src/sys/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, u32, update } from './support.ts';

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

function memlockOf(sys: LinuxSys, attr: Partial<MapCreateAttr>): number {
  const fd = createMap(sys, attr);
  if (fd < 0) return 0;
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  sys.close(fd);
  return Number(/^memlock:\s+(\d+)$/m.exec(info)?.[1]);
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

it('elements that are made when they are needed', () => {
  // Linux: 80 bytes an element beside the 912 of the map; 36 bytes a prefix of a trie, and nothing for the rest.
  const elements = { hash: [912, 80], trie: [0, 36] } as const;
  for (const count of [1, 16, 64, 256]) {
    const kernel = createKernel();
    const fd = createMap(kernel, { ...LINUX['hash without preallocation'].attr, maxEntries: count });
    const before = kernel.memoryBytes;
    for (let i = 0; i < count; i++) expect(update(kernel, fd, u32(i, 0, 0, 0), u32(i, 0))).toBe('ok');
    // Slabs of 512 bytes at least.
    expect(kernel.memoryBytes - before).toBeLessThanOrEqual(Math.max(512, elements.hash[1] * count * LARGEST_RATIO));
  }
  const kernel = createKernel();
  const before = kernel.memoryBytes;
  const fd = createMap(kernel, { mapType: T.LPM_TRIE, keySize: 8, maxEntries: 4096, mapFlags: MAP_FLAG.NO_PREALLOC });
  for (let i = 0; i < 4096; i++) expect(update(kernel, fd, u32(32, Math.imul(i, 0x9e3779b1)), u32(i, 0))).toBe('ok');
  // Linux counts no node between two prefixes, of which there are as many as prefixes.
  expect(kernel.memoryBytes - before).toBeLessThanOrEqual(2 * elements.trie[1] * 4096 * 1.1);
});
