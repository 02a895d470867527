/**
 * What random commands on maps of all types found to differ from Linux: flags that stay with a map, limits that exclude each
 * other, and commands on values with a lock, on both backends.
 */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { valueBtf } from '../value-btf.ts';
import { BpfError, errnoName } from '../../src/errors/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD, BPF_MAP_INFO, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { answer, createMap, freeze, hex, lookup, outcome, remove, loadBtf, take, u32, update } from './support.ts';

const { RDONLY, WRONLY, RDONLY_PROG, NO_PREALLOC, NO_COMMON_LRU, NUMA_NODE, MMAPABLE, CLONE } = MAP_FLAG;
const LOCK = 4;
const PAGE = 4096;

/** What makes a map of each type whose descriptor's access can be limited. */
const SHAPES: Readonly<Record<string, Partial<MapCreateAttr>>> = {
  HASH: {},
  ARRAY: {},
  PERCPU_ARRAY: {},
  LRU_PERCPU_HASH: {},
  PROG_ARRAY: { valueSize: 4 },
  LPM_TRIE: { keySize: 8, mapFlags: NO_PREALLOC },
  QUEUE: { keySize: 0 },
  BLOOM_FILTER: { keySize: 0 },
  STACK_TRACE: {},
  DEVMAP: { valueSize: 4 },
  DEVMAP_HASH: { valueSize: 4 },
  XSKMAP: { valueSize: 4 },
};
const typeOf = (name: string): number => MAP_TYPE[name as keyof typeof MAP_TYPE];

function flagsOf(sys: BpfSys, bpfFd: number): string {
  const info = new Uint8Array(BPF_MAP_INFO.size);
  expect(sys.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, { bpfFd, info })).toBe(0);
  return `0x${new DataView(info.buffer).getUint32(BPF_MAP_INFO.fields['map_flags'][0], true).toString(16)}`;
}

/** A map whose values are a lock and a number. */
function locked(sys: BpfSys, attr: Partial<MapCreateAttr>): number {
  const built = valueBtf('bpf_spin_lock@0,u32@4', 8);
  if (!built) throw new TypeError('bpf_spin_lock');
  const btfFd = loadBtf(sys, built.btf);
  const fd = createMap(sys, { ...attr, btfFd, btfKeyTypeId: built.key, btfValueTypeId: built.value });
  sys.close(btfFd);
  expect(fd).toBeGreaterThan(2);
  return fd;
}

function mmap(sys: BpfSys, fd: number, length: number, offset: number): string {
  try {
    sys.mmap(fd, length, offset).unmap();
    return 'ok';
  } catch (error) {
    if (error instanceof BpfError) return errnoName(-error.errno);
    throw error;
  }
}

onBackends('map-edges', {
  'flags of a descriptor are none of its map, and what programs may only read says so': ({ sys, ledger }) => {
    for (const [name, shape] of Object.entries(SHAPES)) {
      for (const access of [0, RDONLY, WRONLY]) {
        const fd = createMap(sys, { mapType: typeOf(name), ...shape, mapFlags: (shape.mapFlags ?? 0) | access });
        ledger(`${name} ${access}`, flagsOf(sys, fd));
        sys.close(fd);
      }
    }
  },

  'least recently used: which flags are looked at first, and how many elements are too many': ({ sys, ledger }) => {
    const most = 2 ** 27;
    for (const mapType of [MAP_TYPE.LRU_HASH, MAP_TYPE.LRU_PERCPU_HASH]) {
      for (const mapFlags of [NO_PREALLOC, NO_PREALLOC | CLONE, NO_PREALLOC | RDONLY | WRONLY])
        ledger(`${mapType} flags ${mapFlags}`, outcome(sys, createMap(sys, { mapType, mapFlags })));
      for (const mapFlags of [NUMA_NODE, NUMA_NODE | NO_COMMON_LRU, NO_COMMON_LRU])
        ledger(`${mapType} node, flags ${mapFlags}`, outcome(sys, createMap(sys, { mapType, mapFlags })));
      for (const maxEntries of [most + 1, 2 ** 31, 2 ** 32 - 1])
        ledger(`${mapType} of ${maxEntries}`, outcome(sys, createMap(sys, { mapType, maxEntries })));
    }
    const tooMany = { mapType: MAP_TYPE.DEVMAP_HASH, valueSize: 4, maxEntries: 2 ** 31 + 1 };
    ledger('device hash', outcome(sys, createMap(sys, tooMany)));
  },

  'values with a lock: neither frozen nor mapped, and taken with BPF_F_LOCK': ({ sys, ledger }) => {
    const array = locked(sys, { mapType: MAP_TYPE.ARRAY, mapFlags: MMAPABLE });
    ledger('freeze', freeze(sys, array));
    ledger('mmap', mmap(sys, array, PAGE, 0));
    ledger('take from an array', take(sys, array, u32(0), new Uint8Array(8), LOCK));
    const hash = locked(sys, { mapType: MAP_TYPE.HASH });
    const value = new Uint8Array(8);
    ledger('nothing to take', take(sys, hash, u32(0), value, LOCK));
    expect(update(sys, hash, u32(0), u32(0, 7))).toBe('ok');
    ledger('other flags', take(sys, hash, u32(0), value, 8));
    ledger('take', `${take(sys, hash, u32(0), value, LOCK)} ${hex(value)}`);
    ledger('is gone', lookup(sys, hash, u32(0), value));
    ledger('without a lock', take(sys, createMap(sys, { mapType: MAP_TYPE.HASH }), u32(0), value, LOCK));
  },

  'batches: flags have 64 bits, buffers are needed where there are elements': ({ sys, ledger }) => {
    const mapFd = createMap(sys, { mapType: MAP_TYPE.HASH });
    const array = createMap(sys, { mapType: MAP_TYPE.ARRAY });
    const queue = createMap(sys, { mapType: MAP_TYPE.QUEUE, keySize: 0 });
    const { MAP_LOOKUP_BATCH, MAP_LOOKUP_AND_DELETE_BATCH, MAP_UPDATE_BATCH } = BPF_CMD;
    const outBatch = new Uint8Array(4);
    for (const elemFlags of [1, LOCK, 2 ** 32, 2 ** 32 + LOCK]) {
      const attr = { keys: u32(0), values: u32(1, 1), count: 1, elemFlags };
      ledger(`update ${elemFlags}`, answer(sys.bpf(MAP_UPDATE_BATCH, { mapFd, ...attr })));
      ledger(`update ${elemFlags} of a queue`, answer(sys.bpf(MAP_UPDATE_BATCH, { mapFd: queue, ...attr })));
    }
    for (const cmd of [MAP_LOOKUP_BATCH, MAP_LOOKUP_AND_DELETE_BATCH] as const)
      ledger(`${cmd} of an empty hash`, answer(sys.bpf(cmd, { mapFd, outBatch, count: 8 })));
    const empty = createMap(sys, { mapType: MAP_TYPE.ARRAY_OF_MAPS, valueSize: 4, innerMapFd: array });
    ledger('of empty slots', answer(sys.bpf(MAP_LOOKUP_BATCH, { mapFd: empty, count: 8 })));
    ledger('of an array', answer(sys.bpf(MAP_LOOKUP_BATCH, { mapFd: array, outBatch, count: 8 })));
    expect(update(sys, mapFd, u32(0), u32(0, 7))).toBe('ok');
    ledger('of a hash', answer(sys.bpf(MAP_LOOKUP_BATCH, { mapFd, outBatch, count: 8 })));
  },

  'stack traces are hashed: an index is too large behind the last bucket': ({ sys, ledger }) => {
    for (const maxEntries of [1, 3, 4, 5]) {
      const mapFd = createMap(sys, { mapType: MAP_TYPE.STACK_TRACE, maxEntries });
      for (const key of [0, 2, 3, 4, 7, 8, 2 ** 32 - 1])
        ledger(`${key} of ${maxEntries}`, remove(sys, mapFd, u32(key)));
    }
  },

  'rings: nothing is copied for a command without values, and any part is mapped for reading': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries({ ring: MAP_TYPE.RINGBUF, user: MAP_TYPE.USER_RINGBUF })) {
      const mapFd = createMap(sys, { mapType, keySize: 0, valueSize: 0, maxEntries: PAGE });
      ledger(`${name} update`, update(sys, mapFd, undefined, undefined));
      ledger(`${name} lookup`, lookup(sys, mapFd, undefined, undefined));
      const parts = [1, 2, 3, 4, 5].flatMap((pages) => [0, 1, 2, 4].map((offset) => [pages, offset] as const));
      for (const [pages, offset] of parts) {
        if (offset >= 3) continue; // the second copy of the data, which wasm has not
        ledger(`${name}: ${pages} pages from page ${offset}`, mmap(sys, mapFd, pages * PAGE, offset * PAGE));
      }
    }
  },

  'mmap: what is wrong first': ({ sys, ledger }) => {
    const closed = createMap(sys);
    sys.close(closed);
    ledger('a closed descriptor, half a page', mmap(sys, closed, PAGE, 1));
    ledger('a closed descriptor, nothing', mmap(sys, closed, 0, 0));
    for (const mapType of [MAP_TYPE.HASH, MAP_TYPE.ARRAY])
      ledger(`${mapType} write-only`, mmap(sys, createMap(sys, { mapType, mapFlags: WRONLY }), PAGE, 0));
    const both = { id: 0x7ffffff0, openFlags: RDONLY | WRONLY };
    ledger('no such id, for neither', outcome(sys, sys.bpf(BPF_CMD.MAP_GET_FD_BY_ID, both)));
    ledger('no such id, for reading', outcome(sys, sys.bpf(BPF_CMD.MAP_GET_FD_BY_ID, { ...both, openFlags: RDONLY })));
    const inner = createMap(sys, { mapFlags: RDONLY_PROG });
    const outer = createMap(sys, { mapType: MAP_TYPE.ARRAY_OF_MAPS, valueSize: 4, innerMapFd: inner });
    const readOnly = createMap(sys, { mapFlags: RDONLY_PROG | RDONLY });
    ledger('an inner map whose descriptor may less', update(sys, outer, u32(0), u32(readOnly)));
    ledger('an inner map of other flags', update(sys, outer, u32(0), u32(createMap(sys))));
  },
});
