/**
 * What the JIT compiles for one map finds what the map's own functions find for user space: bloom filters with their wrong
 * answers, and the values of other CPUs. Arrays that it updates are what they are after the interpreter's updates.
 */
import { describe, expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import type { EngineName } from '../../src/kernel/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, lookup, program, u32, update } from './support.ts';

/** Bytes of a frame before what a socket filter sees, and the least that there are behind. */
const ETHERNET = 14;
const LEAST = 64;

/** r2 becomes an address on the stack with room for `size` bytes above it. */
const onStack = (size: number): string => `
  r2 = r10
  r2 += ${-Math.ceil(size / 8) * 8}`;

/** A program that copies the first `size` bytes of its packet to the stack, and goes on with `text`. */
function onKeys(sys: BpfSys, fd: number, size: number, text: string): (key: Uint8Array) => number {
  const progFd = program(
    sys,
    `${onStack(size)}
    r3 = r2
    r2 = 0
    r4 = ${size}
    call 26
    if r0 == 0 goto +1
    exit
    ${onStack(size)}
    r1 = map[m]
    ${text}`,
    fd,
  );
  return (key) => {
    const dataIn = new Uint8Array(ETHERNET + Math.max(LEAST, size));
    dataIn.set(key, ETHERNET);
    const attr = { progFd, dataIn, retval: -1 };
    expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
    return attr.retval;
  };
}

/** A small generator, so that a failure comes again. */
function bytes(seed: number, size: number): Uint8Array {
  let x = Math.imul(seed + 1, 0x9e3779b1);
  return Uint8Array.from({ length: size }, () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24);
}

describe('bloom filters', () => {
  const filters = [1, 2, 3, 4, 7, 8, 12, 17, 31, 64, 65, 100].flatMap((size) =>
    [1, 2, 5, 15].map((hashes) => [size, hashes] as const),
  );
  it.each(filters)('values of %i bytes, %i hash functions', (size, hashes) => {
    const sys = createKernel();
    const fd = createMap(sys, {
      mapType: MAP_TYPE.BLOOM_FILTER,
      keySize: 0,
      valueSize: size,
      maxEntries: 40,
      mapExtra: hashes,
    });
    const peek = onKeys(sys, fd, size, 'call 89\nexit');
    const values = Array.from({ length: 120 }, (_, i) => bytes(i, size));
    for (const value of values.slice(0, 30)) expect(update(sys, fd, undefined, value)).toBe('ok');
    const found = values.map((value) => lookup(sys, fd, undefined, value) === 'ok');
    expect(values.map((value) => peek(value) === 0)).toEqual(found);
    expect(found.slice(0, 30)).not.toContain(false);
    if (size > 1) expect(found).toContain(false);
  });
});

const CPUS = 3;
const NOT_FOUND = 99;
const PERCPU = {
  array: MAP_TYPE.PERCPU_ARRAY,
  hash: MAP_TYPE.PERCPU_HASH,
  'LRU hash': MAP_TYPE.LRU_PERCPU_HASH,
};

describe('values of other CPUs', () => {
  /** Behind `r1` and `r2`: the value on the CPU that the packet names behind the key. */
  const ofCpu = `
    r3 = *(u32 *)(r10 - 4)
    call 195
    if r0 == 0 goto +2
    r0 = *(u32 *)(r0 + 0)
    exit
    r0 = ${NOT_FOUND}
    exit`;
  /** The same in the map that is found in a map of maps, always under key 0. */
  const inside = `
    *(u32 *)(r10 - 12) = 0
    r2 = r10
    r2 += -12
    call 1
    if r0 == 0 goto +8
    r1 = r0
    r2 = r10
    r2 += -8${ofCpu}`;

  it.each(Object.entries(PERCPU))('of a per-CPU %s', (_, mapType) => {
    const sys = createKernel({ cpus: CPUS });
    const fd = createMap(sys, { mapType });
    const outer = createMap(sys, { mapType: MAP_TYPE.ARRAY_OF_MAPS, valueSize: 4, innerMapFd: fd });
    expect(update(sys, outer, u32(0), u32(fd))).toBe('ok');
    for (const key of [1, 2]) {
      const values = Array.from({ length: CPUS }, (_, cpu) => [10 * key + cpu, 0]).flat();
      expect(update(sys, fd, u32(key), u32(...values))).toBe('ok');
    }
    for (const find of [onKeys(sys, fd, 8, ofCpu), onKeys(sys, outer, 8, inside)]) {
      const found = [1, 2].map((key) => [0, 1, 2, 3, 0xffffffff].map((cpu) => find(u32(key, cpu))));
      expect(found).toEqual([
        [10, 11, 12, NOT_FOUND, NOT_FOUND],
        [20, 21, 22, NOT_FOUND, NOT_FOUND],
      ]);
      expect(find(u32(7, 1))).toBe(NOT_FOUND);
    }
  });
});

describe('updates of arrays', () => {
  const FRAME = 96;
  /** The packet has the value, the key in its 80th byte, the flags in its 88th. */
  const write = `
    r2 = r10
    r2 += -16
    r3 = r10
    r3 += -${FRAME}
    r4 = *(u64 *)(r10 - 8)
    call 2
    exit`;
  const FLAGS = [
    [0, 0],
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 0],
    [0, 1],
  ];

  /** What each update answers, and all values behind it. */
  function after(engine: EngineName, mapType: number, valueSize: number): string[] {
    const sys = createKernel({ engine, cpus: CPUS });
    const fd = createMap(sys, { mapType, valueSize });
    const put = onKeys(sys, fd, FRAME, write);
    const width = mapType === MAP_TYPE.PERCPU_ARRAY ? CPUS * Math.ceil(valueSize / 8) * 8 : valueSize;
    return FLAGS.flatMap((flags, i) =>
      [0, 3, 4, 0xffffffff].map((key) => {
        const packet = bytes(16 * i + (key & 7), FRAME);
        packet.set(u32(key, 0, ...flags), FRAME - 16);
        const answer = put(packet);
        const values = [0, 1, 2, 3].map((k) => {
          const value = new Uint8Array(width);
          return `${lookup(sys, fd, u32(k), value)} ${Buffer.from(value).toString('hex')}`;
        });
        return `${answer} ${values.join(' ')}`;
      }),
    );
  }

  for (const [name, mapType] of Object.entries({ array: MAP_TYPE.ARRAY, 'per-CPU array': MAP_TYPE.PERCPU_ARRAY })) {
    it.each([1, 2, 3, 4, 7, 8, 12, 31, 64, 65, 80])(`${name} of %i bytes`, (size) => {
      const expected = after('interp', mapType, size);
      expect(after('jit', mapType, size)).toEqual(expected);
      expect(new Set(expected).size).toBeGreaterThan(4);
    });
  }
});
