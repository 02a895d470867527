/**
 * Random commands on LPM tries and look-ups by programs, given to user space and to Linux side by side: every answer, every value
 * and the order of keys equal, for prefixes of 8 to 2,048 bits that share long beginnings. A failure prints the seed. Without the kernel it is
 * skipped; test/fuzz/maps.ts has the same against a model.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { LinuxSys } from '../../src/linux/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, lookup, nextKey, program, remove, u32, update } from './support.ts';

let linux: LinuxSys | undefined;
let whyNot = '';
try {
  linux = await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
}

const shape = fc.record({
  bytes: fc.constantFrom(1, 2, 3, 4, 5, 8, 16, 17, 31, 64, 256),
  valueSize: fc.integer({ min: 1, max: 20 }),
  maxEntries: fc.integer({ min: 1, max: 100 }),
  /** Of the addresses that prefixes are cut from. */
  seed: fc.nat(),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

const command = fc.record({
  op: fc.constantFrom('update', 'update', 'remove', 'lookup', 'run', 'run', 'next'),
  address: fc.nat(4),
  /** A bit that is turned over. */
  flip: fc.nat(2048),
  length: fc.oneof(fc.nat(2049), fc.nat(16)),
  flags: fc.constantFrom(0, 0, 0, 0, 1, 2, 3),
  byte: fc.nat(255),
});
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

function keyOf({ bytes, seed }: Shape, { address, flip, length }: Command): Uint8Array {
  const bits = 8 * bytes;
  let x = Math.imul(seed + address, 0x9e3779b1);
  const key = Uint8Array.from({ length: bytes }, () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24);
  if (flip < bits) key[flip >> 3] ^= 0x80 >> (flip & 7);
  return Uint8Array.from([...u32(length % (bits + 2)), ...key]);
}

function keysOf(sys: BpfSys, fd: number, size: number): string[] {
  const keys: string[] = [];
  let next = nextKey(sys, fd, undefined, size);
  for (; !next.startsWith('E') && keys.length < 200; next = nextKey(sys, fd, Buffer.from(next, 'hex'), size))
    keys.push(next);
  return keys;
}

/** Bytes of a frame before what a socket filter sees, and the least that there are behind. */
const ETHERNET = 14;
const LEAST = 64;
const NOT_FOUND = 0x1000;

/** r1 becomes the trie `m`, or the one that the map of maps `m` has under key 0, whose place on the stack is behind the key. */
const THE_TRIE = 'r1 = map[m]';
const trieInside = (keySize: number): string => `
    *(u32 *)(r10 - ${Math.ceil(keySize / 8) * 8 + 4}) = 0
    r2 = r10
    r2 += ${-Math.ceil(keySize / 8) * 8 - 4}
    r1 = map[m]
    call 1
    if r0 != 0 goto +1
    exit
    r1 = r0`;

/** A program that looks up the key that its packet starts with. @returns its answers: the first byte of the value, NOT_FOUND */
function finder(
  sys: BpfSys,
  fd: number,
  keySize: number,
  trie: string,
): { find(key: Uint8Array): number; close(): void } {
  const key = `r10
    r2 += ${-Math.ceil(keySize / 8) * 8}`;
  const text = `
    r2 = ${key}
    r3 = r2
    r2 = 0
    r4 = ${keySize}
    call 26
    r6 = r0
    r0 = -1
    if r6 == 0 goto +1
    exit
    ${trie}
    r2 = ${key}
    call 1
    if r0 == 0 goto +2
    r0 = *(u8 *)(r0 + 0)
    exit
    r0 = ${NOT_FOUND}
    exit
  `;
  const progFd = program(sys, text, fd);
  return {
    find(key) {
      const dataIn = new Uint8Array(ETHERNET + Math.max(LEAST, keySize));
      dataIn.set(key, ETHERNET);
      const attr = { progFd, dataIn, retval: -1 };
      expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
      expect(attr.retval).not.toBe(-1 >>> 0); // the key could not be read
      return attr.retval;
    },
    close: () => sys.close(progFd),
  };
}

/** All that one backend answers. */
function answers(sys: BpfSys, trie: Shape, commands: readonly Command[]): unknown[] {
  const { bytes, valueSize, maxEntries } = trie;
  const sizes = { keySize: 4 + bytes, valueSize, maxEntries };
  const fd = createMap(sys, { mapType: MAP_TYPE.LPM_TRIE, ...sizes, mapFlags: MAP_FLAG.NO_PREALLOC });
  const outer = createMap(sys, { mapType: MAP_TYPE.ARRAY_OF_MAPS, valueSize: 4, maxEntries: 1, innerMapFd: fd });
  expect(update(sys, outer, u32(0), u32(fd))).toBe('ok');
  const direct = finder(sys, fd, 4 + bytes, THE_TRIE);
  const inside = finder(sys, outer, 4 + bytes, trieInside(4 + bytes));
  const given = commands.map((one) => {
    const key = keyOf(trie, one);
    const value = new Uint8Array(valueSize).fill(one.byte);
    if (one.op === 'update') return update(sys, fd, key, value, one.flags);
    if (one.op === 'remove') return remove(sys, fd, key);
    if (one.op === 'run') return [direct.find(key), inside.find(key)];
    if (one.op === 'next') return nextKey(sys, fd, key, 4 + bytes);
    return [lookup(sys, fd, key, value), hex(value)];
  });
  const keys = keysOf(sys, fd, 4 + bytes);
  direct.close();
  inside.close();
  sys.close(outer);
  sys.close(fd);
  return [...given, keys];
}

it.skipIf(!linux)(`as on Linux${linux ? '' : ` (skipped: ${whyNot})`}`, () => {
  fc.assert(
    fc.property(shape, fc.array(command, { minLength: 20, maxLength: 200, size: 'max' }), (trie, commands) => {
      expect(answers(createKernel(), trie, commands)).toEqual(answers(linux as LinuxSys, trie, commands));
    }),
    { numRuns: 60 },
  );
});
