/** MAP_CREATE: every limit of the plain map types, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import type { BtfParts } from './support.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { INT, NO_CAPS, PLAIN_TYPES, btfBlob, cap, createMap, loadBtf, outcome, returns, load, u32 } from './support.ts';

const create = (sys: BpfSys, attr: Partial<MapCreateAttr>): string => outcome(sys, createMap(sys, attr));

/** Limits in bytes around which the answer changes; NO_PREALLOC and one element keep them cheap. */
const SIZES: Record<keyof typeof PLAIN_TYPES, readonly Partial<MapCreateAttr>[]> = {
  hash: [
    ...[0, 1, 3, 512, 4096, 4194246, 4194247, 4194248, 0x80000000, 0xffffffff].map((keySize) => ({ keySize })),
    ...[0, 1, 32769, 4194251, 4194252, 4194304, 0x7fffffff, 0xffffffff].map((valueSize) => ({ valueSize })),
    ...[0, 1, 0x8000001, 0x10000000, 0x80000000, 0xffffffff].map((maxEntries) => ({ maxEntries })),
  ],
  percpu_hash: [
    ...[0, 1, 4194247, 4194248].map((keySize) => ({ keySize })),
    ...[0, 1, 32761, 32768, 32769, 0xffffffff].map((valueSize) => ({ valueSize })),
    ...[0, 1, 0x8000001].map((maxEntries) => ({ maxEntries })),
  ],
  array: [
    ...[0, 1, 3, 5, 8].map((keySize) => ({ keySize })),
    ...[0, 1, 7, 32769, 0x80000000, 0xffffffff].map((valueSize) => ({ valueSize })),
    ...[0, 1].map((maxEntries) => ({ maxEntries })),
    { maxEntries: 0xffffffff, valueSize: 0x7fffffff },
    { maxEntries: 0xffffffff, valueSize: 0x7fffffff, mapFlags: MAP_FLAG.MMAPABLE },
  ],
  percpu_array: [
    ...[0, 3, 8].map((keySize) => ({ keySize })),
    ...[0, 1, 32761, 32768, 32769, 0x7fffffff, 0xffffffff].map((valueSize) => ({ valueSize })),
    ...[0, 1].map((maxEntries) => ({ maxEntries })),
  ],
};

/** A BTF with types 1 int, 2 u64, 3 struct of 16 bytes, 4 u64[2], 5 pointer, 6 typedef of 2, 7 an int of 20 bits, 8 forward, 9 const 1, 10 variable, 11 section. */
const TYPES: BtfParts = {
  strings: '\0int\0st\0f\0u64\0v\0.data\0bpf_spin_lock\0',
  types: Uint8Array.from([
    ...INT,
    ...u32(10, 1 << 24, 8, 64),
    ...u32(5, (4 << 24) | 1, 16, 8, 2, 0),
    ...u32(0, 3 << 24, 0, 2, 1, 2),
    ...u32(0, 2 << 24, 1),
    ...u32(1, 8 << 24, 2),
    ...u32(1, 1 << 24, 4, (4 << 8) | 20),
    ...u32(5, 7 << 24, 0),
    ...u32(0, 10 << 24, 1),
    ...u32(14, 14 << 24, 1, 1),
    ...u32(16, (15 << 24) | 1, 4, 10, 0, 4),
  ]),
};

onBackends('map-create', {
  'sizes and counts': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(PLAIN_TYPES)) {
      for (const sizes of SIZES[name as keyof typeof PLAIN_TYPES]) {
        const mapFlags = name.endsWith('hash') ? MAP_FLAG.NO_PREALLOC : 0;
        const attr = { mapType, mapFlags, maxEntries: 1, ...sizes };
        ledger(`${name} ${JSON.stringify(sizes)}`, create(sys, attr));
      }
    }
  },

  'each flag, and pairs that exclude each other': ({ sys, ledger }) => {
    const pairs = [
      MAP_FLAG.RDONLY | MAP_FLAG.WRONLY,
      MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG,
      MAP_FLAG.RDONLY | MAP_FLAG.RDONLY_PROG,
      MAP_FLAG.NO_PREALLOC | MAP_FLAG.ZERO_SEED,
    ];
    for (const [name, mapType] of Object.entries(PLAIN_TYPES)) {
      const answers: Record<string, string> = {};
      for (let bit = 0; bit < 32; bit++) answers[`bit ${bit}`] = create(sys, { mapType, mapFlags: 2 ** bit });
      for (const mapFlags of pairs) answers[`0x${mapFlags.toString(16)}`] = create(sys, { mapType, mapFlags });
      for (const numaNode of [0, 5, 0xffffffff]) {
        answers[`node ${numaNode}`] = create(sys, { mapType, numaNode, mapFlags: MAP_FLAG.NUMA_NODE });
        answers[`node ${numaNode} without the flag`] = create(sys, { mapType, numaNode });
      }
      ledger(name, answers);
    }
  },

  'NUMA nodes, whatever the type': ({ sys, ledger }) => {
    const { NUMA_NODE, NO_PREALLOC } = MAP_FLAG;
    const types: Record<string, Partial<MapCreateAttr>> = {
      RINGBUF: { keySize: 0, valueSize: 0, maxEntries: 4096 },
      QUEUE: { keySize: 0 },
      BLOOM_FILTER: { keySize: 0 },
      LPM_TRIE: { keySize: 8, mapFlags: NO_PREALLOC },
      LRU_HASH: {},
      'LRU_HASH without memory set aside': { mapType: MAP_TYPE.LRU_HASH, mapFlags: NO_PREALLOC },
      LRU_PERCPU_HASH: {},
      PERCPU_CGROUP_STORAGE: { keySize: 8, maxEntries: 0 },
      STACK_TRACE: { valueSize: 8 },
      PERF_EVENT_ARRAY: { valueSize: 4 },
      CPUMAP: { valueSize: 4 },
    };
    for (const [name, attr] of Object.entries(types)) {
      const answers = [0, 1, 5, 0xffffffff].map((numaNode) => {
        const mapType = MAP_TYPE[name as keyof typeof MAP_TYPE];
        return create(sys, { mapType, ...attr, numaNode, mapFlags: (attr.mapFlags ?? 0) | NUMA_NODE });
      });
      ledger(name, answers);
    }
  },

  'fields that the type does not use, names, and which error comes first': ({ sys, ledger }) => {
    const hash = { mapType: MAP_TYPE.HASH };
    const tooMany = { ...hash, maxEntries: 0x8000001 };
    const cases: Record<string, Partial<MapCreateAttr>> = {
      'no such type': { mapType: 0 },
      'type 34': { mapType: 34 },
      'type 2^32 - 1': { mapType: 0xffffffff },
      map_extra: { mapExtra: 1 },
      'hash with map_extra': { ...hash, mapExtra: 1 },
      'value type of the kernel': { btfVmlinuxValueTypeId: 1 },
      'an inner map': { innerMapFd: 1 },
      'device, hash': { ...hash, mapIfindex: 1 },
      'device, percpu_hash': { mapType: MAP_TYPE.PERCPU_HASH, mapIfindex: 1 },
      'device and a value that is too large': { ...hash, mapIfindex: 1, valueSize: 1 << 23 },
      'device and a bad name': { ...hash, mapIfindex: 1, mapName: 'a-' },
      'key type without value type': { btfFd: 999, btfKeyTypeId: 1 },
      'types without BTF': { btfFd: 999, btfKeyTypeId: 1, btfValueTypeId: 1 },
      'BTF without types': { btfFd: 999 },
      'a name': { mapName: 'a.b_C9' },
      'a name of 15': { mapName: 'a'.repeat(15) },
      'a name of 16': { mapName: 'a'.repeat(16) },
      'a name with a dash': { mapName: 'a-b' },
      'a name with a space': { mapName: 'a b' },
      'a name that is not ASCII': { mapName: 'é' },
      'too many, and a bad name': { ...tooMany, mapName: 'a-' },
      'too many, and bad BTF': { ...tooMany, btfFd: 999, btfValueTypeId: 1 },
      'a bad name, and bad BTF': { ...hash, mapName: 'a-', btfFd: 999, btfValueTypeId: 1 },
      'too large, and a bad flag': { ...hash, valueSize: 1 << 23, mapFlags: 2 ** 20 },
      'too large, and no entries': { ...hash, valueSize: 1 << 23, maxEntries: 0 },
    };
    for (const [name, attr] of Object.entries(cases)) ledger(name, create(sys, attr));
  },

  'types of key and value by BTF': ({ sys, ledger }) => {
    const btfFd = loadBtf(sys, btfBlob(TYPES));
    expect(btfFd).toBeGreaterThan(2);
    const notBtf = load(sys, { insns: returns(0) });
    // [key type, value type, key size, value size]
    const cases = [
      ...[1, 3, 4, 5, 6, 8, 9, 10, 11, 99].map((value) => [1, value, 4, value === 3 || value === 4 ? 16 : 8]),
      ...[1, 9, 10, 11].map((value) => [1, value, 4, 4]),
      ...[0, 2, 3, 4, 6, 7, 9, 99].map((key) => [key, 2, [4, 4, 8, 16, 16, 4, 8, 4][key] ?? 4, 8]),
      [2, 2, 4, 8],
      [1, 3, 4, 8],
      [0, 11, 4, 4],
    ];
    for (const [name, mapType] of Object.entries(PLAIN_TYPES)) {
      for (const [btfKeyTypeId, btfValueTypeId, keySize, valueSize] of cases) {
        for (const maxEntries of btfKeyTypeId ? [2] : [1, 2]) {
          const attr = { mapType, keySize, valueSize, maxEntries, btfFd, btfKeyTypeId, btfValueTypeId };
          const what = `key ${btfKeyTypeId} of ${keySize} bytes, value ${btfValueTypeId} of ${valueSize}`;
          ledger(`${name}: ${what}, ${maxEntries} entries`, create(sys, attr));
        }
      }
    }
    ledger('a program for BTF', create(sys, { btfFd: notBtf, btfKeyTypeId: 1, btfValueTypeId: 1 }));
  },

  'who may': ({ withCaps, ledger }) => {
    for (const [who, held] of Object.entries({
      'nobody in particular': NO_CAPS,
      CAP_NET_ADMIN: cap('NET_ADMIN'),
      CAP_BPF: cap('BPF'),
      CAP_SYS_ADMIN: cap('SYS_ADMIN'),
    })) {
      withCaps(held, (sys) => {
        for (const [name, mapType] of Object.entries(PLAIN_TYPES)) ledger(`${who}: ${name}`, create(sys, { mapType }));
        ledger(`${who}: no such type`, create(sys, { mapType: 99 }));
        ledger(`${who}: an unknown flag`, create(sys, { mapFlags: 2 ** 20 }));
        ledger(`${who}: no entries`, create(sys, { maxEntries: 0 }));
        ledger(`${who}: a bad name`, create(sys, { mapName: 'a-' }));
        ledger(`${who}: BPF_F_ZERO_SEED`, create(sys, { mapType: MAP_TYPE.HASH, mapFlags: MAP_FLAG.ZERO_SEED }));
      });
    }
  },
});
