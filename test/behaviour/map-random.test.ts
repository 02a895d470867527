/**
 * Random commands on a plain map, given to user space and to Linux side by side: every answer and every value equal. A
 * failure prints the seed and the shortest list of commands. Without the kernel it is skipped; src/maps has the same
 * against a model.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { LinuxSys } from '../../src/linux/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_FLAG } from '../../src/uapi/index.ts';
import {
  ERRNO,
  PLAIN_TYPES,
  createMap,
  filled,
  freeze,
  hex,
  lookup,
  nextKey,
  remove,
  take,
  update,
} from './support.ts';

let linux: LinuxSys | undefined;
try {
  linux = await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  console.warn(`skipped: ${error.message}`);
}

const key = fc.nat(5);
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('update' as const), key, byte: fc.nat(255), flags: fc.nat(4) }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constantFrom('lookup' as const, 'remove' as const, 'take' as const), key }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ op: 'keys' as const }, { op: 'freeze' as const }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

interface Shape {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly mapFlags: number;
}

/** All that one backend answers; hash maps list their keys in an order of their own. */
function answers(sys: BpfSys, attr: Partial<MapCreateAttr> & Shape, percpu: boolean, commands: Command[]): string[] {
  const fd = createMap(sys, attr);
  const size = percpu ? Math.ceil(attr.valueSize / 8) * 8 * sys.possibleCpus : attr.valueSize;
  const keyOf = (n: number) => Uint8Array.from({ length: attr.keySize }, (_, i) => (i === 0 ? n : 0));
  const keys = (): string => {
    const all: string[] = [];
    for (let next = nextKey(sys, fd, undefined, attr.keySize); !next.startsWith('E');) {
      all.push(next);
      next = nextKey(sys, fd, Buffer.from(next, 'hex'), attr.keySize);
    }
    return all.sort().join(' ');
  };
  try {
    return commands.map((c) => {
      if (c.op === 'keys') return keys();
      if (c.op === 'freeze') return freeze(sys, fd);
      if (c.op === 'update') return update(sys, fd, keyOf(c.key), filled(size, c.byte), c.flags);
      if (c.op === 'remove') return remove(sys, fd, keyOf(c.key));
      const value = filled(size, 0xaa);
      return `${(c.op === 'take' ? take : lookup)(sys, fd, keyOf(c.key), value)} ${hex(value)}`;
    });
  } finally {
    sys.close(fd);
  }
}

describe.skipIf(!linux)('the same commands in user space and on Linux', () => {
  const real = linux as LinuxSys;
  const kernel = createKernel({ cpus: linux?.possibleCpus });

  for (const [name, mapType] of Object.entries(PLAIN_TYPES)) {
    const isArray = name.endsWith('array');
    const shape: fc.Arbitrary<Shape> = fc.record({
      keySize: isArray ? fc.constant(4) : fc.integer({ min: 1, max: 9 }),
      valueSize: fc.integer({ min: 1, max: 17 }),
      maxEntries: fc.integer({ min: 1, max: 5 }),
      mapFlags: isArray ? fc.constant(0) : fc.constantFrom(0, MAP_FLAG.NO_PREALLOC),
    });
    it(name, () => {
      fc.assert(
        fc.property(shape, fc.array(command, { maxLength: 40 }), (sizes, commands) => {
          const attr = { mapType, ...sizes };
          const percpu = name.startsWith('percpu');
          expect(answers(kernel, attr, percpu, commands)).toEqual(answers(real, attr, percpu, commands));
        }),
        { numRuns: 150 },
      );
      expect(kernel.bpf(BPF_CMD.MAP_GET_NEXT_ID, { startId: 0 }), 'no map is left').toBe(-ERRNO.ENOENT);
    });
  }
});
