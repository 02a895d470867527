/**
 * Random commands on LPM tries, given to user space and to Linux side by side: every answer, every value and the order of keys
 * equal, for prefixes of 8 to 2,048 bits that share long beginnings. A failure prints the seed. Without the kernel it is
 * skipped; test/fuzz/maps.ts has the same against a model.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { LinuxSys } from '../../src/linux/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, lookup, nextKey, remove, u32, update } from './support.ts';

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
  op: fc.constantFrom('update', 'update', 'remove', 'lookup', 'next'),
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

/** All that one backend answers. */
function answers(sys: BpfSys, trie: Shape, commands: readonly Command[]): unknown[] {
  const { bytes, valueSize, maxEntries } = trie;
  const sizes = { keySize: 4 + bytes, valueSize, maxEntries };
  const fd = createMap(sys, { mapType: MAP_TYPE.LPM_TRIE, ...sizes, mapFlags: MAP_FLAG.NO_PREALLOC });
  const given = commands.map((one) => {
    const key = keyOf(trie, one);
    const value = new Uint8Array(valueSize).fill(one.byte);
    if (one.op === 'update') return update(sys, fd, key, value, one.flags);
    if (one.op === 'remove') return remove(sys, fd, key);
    if (one.op === 'next') return nextKey(sys, fd, key, 4 + bytes);
    return [lookup(sys, fd, key, value), hex(value)];
  });
  const keys = keysOf(sys, fd, 4 + bytes);
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
