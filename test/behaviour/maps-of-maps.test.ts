/** Arrays and hashes of maps: what they take, what user space and programs find in them, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import {
  answer,
  createMap,
  freeze,
  load,
  lookup,
  nextKey,
  outcome,
  program,
  remove,
  run,
  take,
  u32,
  update,
} from './support.ts';

const OUTER = { array: MAP_TYPE.ARRAY_OF_MAPS, hash: MAP_TYPE.HASH_OF_MAPS };

const outerMap = (sys: BpfSys, mapType: number, innerMapFd: number, attr: Partial<MapCreateAttr> = {}): number =>
  createMap(sys, { mapType, valueSize: 4, maxEntries: 3, innerMapFd, ...attr });

const word = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint32(0, true);

/** The id of a map. */
function idOf(sys: BpfSys, fd: number): number {
  const info = new Uint8Array(80);
  expect(sys.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, { bpfFd: fd, info })).toBe(0);
  return new DataView(info.buffer).getUint32(4, true);
}

/** Look key 1 up in the outer map, and in what is found there. */
const FIND_INNER = `
  *(u32 *)(r10 - 4) = 1
  r2 = r10
  r2 += -4
  r1 = map[m]
  call 1
  if r0 == 0 goto +7
  r1 = r0
  r2 = r10
  r2 += -4
  call 1
  if r0 == 0 goto +2
  r0 = *(u64 *)(r0 + 0)
  exit
  r0 = 99
  exit
`;

/** The inner map under key 1: what is there under KEY, how an update goes, what is there then, how a deletion goes. */
const USE_INNER = (key: number): string => `
  *(u32 *)(r10 - 4) = 1
  *(u64 *)(r10 - 16) = ${key}
  *(u64 *)(r10 - 24) = 5
  r2 = r10
  r2 += -4
  r1 = map[m]
  call 1
  r7 = 77
  if r0 == 0 goto +31
  r6 = r0
  r7 = 0
  r1 = r6
  r2 = r10
  r2 += -16
  call 1
  if r0 == 0 goto +1
  r7 = *(u64 *)(r0 + 0)
  r1 = r6
  r2 = r10
  r2 += -16
  r3 = r10
  r3 += -24
  r4 = 0
  call 2
  r7 <<= 8
  r7 += r0
  r1 = r6
  r2 = r10
  r2 += -16
  call 1
  r7 <<= 8
  if r0 == 0 goto +2
  r0 = *(u64 *)(r0 + 0)
  r7 += r0
  r1 = r6
  r2 = r10
  r2 += -16
  call 3
  r7 <<= 8
  r7 += r0
  r0 = r7
  exit
`;

/** Maps of each type that programs look up in: a key that fits and one that does not. */
const INSIDE: Readonly<Record<string, { readonly attr: Partial<MapCreateAttr>; readonly keys: readonly number[] }>> = {
  array: { attr: { mapType: MAP_TYPE.ARRAY }, keys: [3, 4] },
  'array of small values': { attr: { mapType: MAP_TYPE.ARRAY, valueSize: 12 }, keys: [3, 4] },
  'per-CPU array': { attr: { mapType: MAP_TYPE.PERCPU_ARRAY }, keys: [3, 4] },
  hash: { attr: { mapType: MAP_TYPE.HASH }, keys: [3, 4] },
  'hash of long keys': { attr: { mapType: MAP_TYPE.HASH, keySize: 7 }, keys: [3, 4] },
  'per-CPU hash': { attr: { mapType: MAP_TYPE.PERCPU_HASH, keySize: 8 }, keys: [3, 4] },
  'LRU hash': { attr: { mapType: MAP_TYPE.LRU_HASH }, keys: [3, 4] },
  trie: { attr: { mapType: MAP_TYPE.LPM_TRIE, keySize: 8, mapFlags: MAP_FLAG.NO_PREALLOC }, keys: [32, 33] },
};

onBackends('maps-of-maps', {
  creation: ({ sys, ledger }) => {
    const inner = createMap(sys);
    for (const [name, mapType] of Object.entries(OUTER)) {
      const create = (attr: Partial<MapCreateAttr>): string => outcome(sys, outerMap(sys, mapType, inner, attr));
      for (const valueSize of [0, 1, 3, 4, 5, 8]) ledger(`${name}: value of ${valueSize}`, create({ valueSize }));
      for (const keySize of [0, 1, 4, 8]) ledger(`${name}: key of ${keySize}`, create({ keySize }));
      const bits = Array.from({ length: 32 }, (_, bit) => create({ mapFlags: 2 ** bit }));
      ledger(`${name}: each flag`, bits);
      ledger(`${name}: no entries`, create({ maxEntries: 0 }));
      ledger(`${name}: no inner map`, [create({ innerMapFd: 0 }), create({ innerMapFd: 9999 })]);
      ledger(`${name}: a program as inner map`, create({ innerMapFd: load(sys) }));
      for (const inside of Object.values(OUTER)) {
        ledger(`${name}: a map of maps ${inside} inside`, create({ innerMapFd: outerMap(sys, inside, inner) }));
      }
    }
  },

  'what fits': ({ sys, ledger }) => {
    const shape = { mapType: MAP_TYPE.HASH, keySize: 8, valueSize: 16, maxEntries: 8 };
    const others: Record<string, Partial<MapCreateAttr>> = {
      same: {},
      'another type': { mapType: MAP_TYPE.PERCPU_HASH },
      'another key': { keySize: 4 },
      'another value': { valueSize: 8 },
      'more entries': { maxEntries: 9 },
      'no preallocation': { mapFlags: MAP_FLAG.NO_PREALLOC },
      'read-only for user space': { mapFlags: MAP_FLAG.RDONLY },
      'read-only for programs': { mapFlags: MAP_FLAG.RDONLY_PROG },
    };
    for (const [name, mapType] of Object.entries(OUTER)) {
      const fd = outerMap(sys, mapType, createMap(sys, shape));
      for (const [what, attr] of Object.entries(others)) {
        ledger(`${name}: ${what}`, update(sys, fd, u32(0), u32(createMap(sys, { ...shape, ...attr }))));
      }
      ledger(`${name}: a closed descriptor`, update(sys, fd, u32(0), u32(9999)));
      ledger(`${name}: a negative descriptor`, update(sys, fd, u32(0), u32(-1)));
      ledger(`${name}: a program`, update(sys, fd, u32(0), u32(load(sys))));
      ledger(`${name}: itself`, update(sys, fd, u32(0), u32(fd)));
      for (const flag of [0, MAP_FLAG.INNER_MAP]) {
        const array = { mapType: MAP_TYPE.ARRAY, maxEntries: 2, mapFlags: flag };
        const arrays = outerMap(sys, mapType, createMap(sys, array));
        const put = (maxEntries: number) => update(sys, arrays, u32(0), u32(createMap(sys, { ...array, maxEntries })));
        ledger(`${name}: arrays of another length, flag ${flag}`, [put(1), put(2), put(3)]);
      }
    }
  },

  'elements of user space': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(OUTER)) {
      const inner = createMap(sys);
      const fd = outerMap(sys, mapType, inner);
      const value = u32(0);
      ledger(`${name}: empty`, [lookup(sys, fd, u32(1), value), remove(sys, fd, u32(1)), nextKey(sys, fd)]);
      const flags = [0, 1, 2, 3, 4, 8, 2 ** 32].map((flag) => update(sys, fd, u32(1), u32(inner), flag));
      ledger(`${name}: flags of updates`, flags);
      ledger(
        `${name}: beyond the end`,
        [3, 4, 5].map((key) => update(sys, fd, u32(key), u32(inner))),
      );
      ledger(
        `${name}: delete beyond`,
        [3, 99].map((key) => remove(sys, fd, u32(key))),
      );
      ledger(`${name}: look up`, lookup(sys, fd, u32(1), value));
      expect(word(value)).toBe(idOf(sys, inner));
      ledger(`${name}: look up with flags`, lookup(sys, fd, u32(1), value, 4));
      ledger(`${name}: look up beyond`, lookup(sys, fd, u32(99), value));
      ledger(`${name}: take`, take(sys, fd, u32(1), value));
      ledger(`${name}: delete`, [remove(sys, fd, u32(1)), remove(sys, fd, u32(1))]);
      ledger(`${name}: frozen`, [freeze(sys, fd), update(sys, fd, u32(1), u32(inner))]);
    }
  },

  'an inner map lives as long as its slot': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(OUTER)) {
      const inner = createMap(sys);
      update(sys, inner, u32(2), u32(77, 0));
      const id = idOf(sys, inner);
      const fd = outerMap(sys, mapType, inner);
      update(sys, fd, u32(1), u32(inner));
      sys.close(inner);
      const again = sys.bpf(BPF_CMD.MAP_GET_FD_BY_ID, { id });
      const value = u32(0, 0);
      ledger(`${name}: held`, [lookup(sys, again, u32(2), value), word(value)]);
      sys.close(again);
      ledger(`${name}: removed`, remove(sys, fd, u32(1)));
      expect(['ok', 'ENOENT']).toContain(answer(sys.bpf(BPF_CMD.MAP_GET_FD_BY_ID, { id })));
    }
  },

  'a program finds the inner map': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(OUTER)) {
      const shape = { mapType: MAP_TYPE.HASH, maxEntries: 4 };
      const [first, second] = [createMap(sys, shape), createMap(sys, shape)];
      update(sys, first, u32(1), u32(11, 0));
      update(sys, second, u32(1), u32(22, 0));
      const fd = outerMap(sys, mapType, first);
      const prog = program(sys, FIND_INNER, fd);
      ledger(`${name}: empty`, run(sys, prog));
      update(sys, fd, u32(1), u32(first));
      ledger(`${name}: the first`, run(sys, prog));
      update(sys, fd, u32(1), u32(second));
      sys.close(second);
      ledger(`${name}: replaced`, run(sys, prog));
      remove(sys, fd, u32(1));
      ledger(`${name}: removed`, run(sys, prog));
    }
  },

  'a program uses the inner map': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(OUTER)) {
      for (const [what, { attr, keys }] of Object.entries(INSIDE)) {
        const inner = createMap(sys, { maxEntries: 4, ...attr });
        const fd = outerMap(sys, mapType, inner);
        const programs = keys.map((key) => program(sys, USE_INNER(key), fd));
        const runs = (): number[] => [...programs, ...programs].map((prog) => run(sys, prog));
        ledger(`${name}, ${what}: empty`, runs());
        update(sys, fd, u32(1), u32(inner));
        ledger(`${name}, ${what}: used`, runs());
      }
    }
  },

  'a program finds inner arrays of other lengths': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(OUTER)) {
      const shape = { mapType: MAP_TYPE.ARRAY, mapFlags: MAP_FLAG.INNER_MAP };
      const arrays = [1, 2, 4].map((maxEntries) => createMap(sys, { ...shape, maxEntries }));
      const fd = outerMap(sys, mapType, arrays[0]);
      const programs = [0, 1, 2, 3, 4].map((key) => program(sys, USE_INNER(key), fd));
      arrays.forEach((array, i) => {
        update(sys, fd, u32(1), u32(array));
        const results = programs.map((prog) => run(sys, prog));
        ledger(`${name}: array ${i}`, results);
      });
    }
  },
});
