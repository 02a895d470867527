/** Programs and user space at the same maps: what one writes the other reads, and how long an element lives. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, filled, hex, lookup, program, run, u32, update } from './support.ts';

const KEY_ON_STACK = `
  *(u32 *)(r10 - 4) = 1
  r2 = r10
  r2 += -4
`;

/** Add 1 to the value under key 1, where there is one. */
const COUNT = `${KEY_ON_STACK}
  r1 = map[m]
  call 1
  if r0 == 0 goto +3
  r1 = *(u64 *)(r0 + 0)
  r1 += 1
  *(u64 *)(r0 + 0) = r1
  r0 = 0
  exit
`;

/** \`update(map, 1, value, flags)\` answers -errno. */
const updates = (value: number, flags: number): string => `
  *(u64 *)(r10 - 16) = ${value}
  ${KEY_ON_STACK}
  r3 = r10
  r3 += -16
  r4 = ${flags}
  r1 = map[m]
  call 2
  exit
`;

const DELETE = `${KEY_ON_STACK}
  r1 = map[m]
  call 3
  exit
`;

/** Look a value up, replace or delete its element, and read the old pointer. */
const readsOld = (change: string): string => `${KEY_ON_STACK}
  r1 = map[m]
  call 1
  if r0 != 0 goto +2
  r0 = 99
  exit
  r6 = r0
  ${change}
  r0 = *(u64 *)(r6 + 0)
  exit
`;

const REPLACE = `
  *(u64 *)(r10 - 16) = 7
  r2 = r10
  r2 += -4
  r3 = r10
  r3 += -16
  r4 = 0
  r1 = map[m]
  call 2
`;
const DROP = `
  r2 = r10
  r2 += -4
  r1 = map[m]
  call 3
`;

onBackends('prog-maps', {
  'a program counts, user space reads': ({ sys }) => {
    for (const mapType of [MAP_TYPE.ARRAY, MAP_TYPE.HASH, MAP_TYPE.PERCPU_ARRAY, MAP_TYPE.PERCPU_HASH]) {
      const m = createMap(sys, { mapType });
      const size = mapType === MAP_TYPE.ARRAY || mapType === MAP_TYPE.HASH ? 8 : 8 * sys.possibleCpus;
      update(sys, m, u32(1), filled(size, 0));
      const count = program(sys, COUNT, m);
      for (let i = 0; i < 5; i++) run(sys, count);
      const value = new Uint8Array(size);
      expect(lookup(sys, m, u32(1), value)).toBe('ok');
      const slots = new BigUint64Array(value.buffer);
      expect(slots.reduce((sum, n) => sum + n, 0n)).toBe(5n);
    }
  },

  'what a program is told': ({ sys, ledger }) => {
    for (const mapType of [MAP_TYPE.ARRAY, MAP_TYPE.HASH, MAP_TYPE.PERCPU_ARRAY, MAP_TYPE.PERCPU_HASH]) {
      for (const maxEntries of [1, 4]) {
        const m = createMap(sys, { mapType, maxEntries });
        const told = () => [
          ...[2, 1, 1, 0, 2, 3, 4, 5, 6, 7, 8, 9].map((flags) => run(sys, program(sys, updates(5, flags), m)) | 0),
          ...[DELETE, DELETE].map((text) => run(sys, program(sys, text, m)) | 0),
        ];
        ledger(`type ${mapType}, ${maxEntries} entries: updates by flag, two deletes`, told());
        update(sys, m, u32(0), filled(8 * sys.possibleCpus, 0));
        ledger(`type ${mapType}, ${maxEntries} entries: the same beside another key`, told());
      }
    }
  },

  'an old pointer': ({ sys }) => {
    const old = (mapType: number, mapFlags: number, change: string): number => {
      const m = createMap(sys, { mapType, mapFlags });
      const value = new Uint8Array(8 * sys.possibleCpus);
      new BigUint64Array(value.buffer).fill(5n);
      update(sys, m, u32(1), value);
      return run(sys, program(sys, readsOld(change), m));
    };
    for (const mapFlags of [0, MAP_FLAG.NO_PREALLOC]) {
      expect(old(MAP_TYPE.HASH, mapFlags, REPLACE)).toBe(5);
      expect(old(MAP_TYPE.HASH, mapFlags, DROP)).toBe(5);
      expect(old(MAP_TYPE.PERCPU_HASH, mapFlags, REPLACE)).toBe(7);
      expect(old(MAP_TYPE.PERCPU_HASH, mapFlags, DROP)).toBe(5);
    }
    expect(old(MAP_TYPE.ARRAY, 0, REPLACE)).toBe(7);
  },

  'a new element of a program is zero on the other CPUs': ({ sys }) => {
    const m = createMap(sys, { mapType: MAP_TYPE.PERCPU_HASH, maxEntries: 1 });
    update(sys, m, u32(1), filled(8 * sys.possibleCpus, 0xff));
    expect(run(sys, program(sys, DELETE, m))).toBe(0);
    expect(run(sys, program(sys, updates(3, 0), m))).toBe(0);
    const value = new Uint8Array(8 * sys.possibleCpus);
    lookup(sys, m, u32(1), value);
    const slots = [...new BigUint64Array(value.buffer)].filter((n) => n !== 0n);
    expect(slots, hex(value)).toEqual([3n]);
  },

  'values loaded directly, and a program that outlives its descriptor of the map': ({ sys }) => {
    const m = createMap(sys, { maxEntries: 1, valueSize: 16, mapFlags: MAP_FLAG.MMAPABLE });
    const text = 'r1 = map[m]+8\nr0 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 - 8) = r0\nexit';
    const prog = program(sys, text, m);
    const view = sys.mmap(m, 16, 0);
    sys.close(m);
    view.bytes[8] = 42;
    expect(run(sys, prog)).toBe(42);
    expect(view.bytes[0]).toBe(42);
    view.unmap();
  },
});
