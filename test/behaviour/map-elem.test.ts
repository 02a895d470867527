/** The commands on elements, MAP_FREEZE and mmap, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { BpfError } from '../../src/errors/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import {
  NO_CAPS,
  PLAIN_TYPES,
  answer,
  createMap,
  filled,
  freeze,
  hex,
  load,
  lookup,
  nextKey,
  remove,
  take,
  u32,
  update,
} from './support.ts';

/** Every plain type by name, with a value's bytes for user space: a per-CPU value is as wide as the CPUs make it. */
function eachType(sys: BpfSys, body: (name: string, mapType: number, valueBytes: number) => void): void {
  for (const [name, mapType] of Object.entries(PLAIN_TYPES)) {
    body(name, mapType, name.startsWith('percpu') ? 8 * sys.possibleCpus : 8);
  }
}

/** What mmap answers; a view that it gives is unmapped. */
function mmap(sys: BpfSys, fd: number, length: number, offset = 0): string {
  try {
    sys.mmap(fd, length, offset).unmap();
    return 'ok';
  } catch (error) {
    if (error instanceof BpfError) return error.code;
    throw error;
  }
}

const FLAGS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2 ** 32, 2 ** 32 + 4, 2 ** 32 + 8, 2 ** 52];

onBackends('map-elem', {
  'flags of updates': ({ sys, ledger }) => {
    eachType(sys, (name, mapType, size) => {
      const fd = createMap(sys, { mapType, maxEntries: 2 });
      const value = filled(size, 7);
      const tries = (key: number) => FLAGS.map((flags) => update(sys, fd, u32(key), value, flags));
      ledger(`${name}: a key that is there or not`, tries(0));
      ledger(`${name}: the same again`, tries(0));
      ledger(`${name}: BPF_EXIST of a new key`, update(sys, fd, u32(1), value, 2));
      ledger(`${name}: BPF_NOEXIST of a new key`, update(sys, fd, u32(1), value, 1));
      ledger(`${name}: full, or beyond the end`, tries(5));
      ledger(`${name}: full, but the key is there`, update(sys, fd, u32(1), value));
    });
  },

  'flags of look-ups': ({ sys, ledger }) => {
    eachType(sys, (name, mapType, size) => {
      const fd = createMap(sys, { mapType, maxEntries: 2 });
      const value = filled(size, 7);
      update(sys, fd, u32(0), value);
      for (const key of [0, 5]) {
        ledger(
          `${name}: look up ${key}`,
          FLAGS.map((flags) => lookup(sys, fd, u32(key), value, flags)),
        );
      }
      const refused = FLAGS.slice(1).map((flags) => take(sys, fd, u32(0), value, flags));
      ledger(`${name}: look up and delete with flags`, refused);
      ledger(
        `${name}: look up and delete`,
        [0, 0, 5].map((key) => take(sys, fd, u32(key), value)),
      );
      ledger(
        `${name}: delete`,
        [0, 5].map((key) => remove(sys, fd, u32(key))),
      );
    });
  },

  'buffers that are missing or too short': ({ sys, ledger }) => {
    eachType(sys, (name, mapType, size) => {
      const fd = createMap(sys, { mapType });
      const value = filled(size, 1);
      const short = value.subarray(1);
      const key = u32(0);
      for (const k of [0, 1, 2]) update(sys, fd, u32(k), value);
      ledger(`${name}: no key`, [
        lookup(sys, fd, undefined, value),
        update(sys, fd, undefined, value),
        remove(sys, fd, undefined),
        take(sys, fd, undefined, value),
      ]);
      ledger(`${name}: no value`, [lookup(sys, fd, key), update(sys, fd, key), take(sys, fd, u32(2))]);
      ledger(`${name}: taken all the same`, lookup(sys, fd, u32(2), value));
      ledger(`${name}: no value, no element`, [lookup(sys, fd, u32(9)), take(sys, fd, u32(9))]);
      ledger(`${name}: no key and bad flags`, [
        lookup(sys, fd, undefined, value, 8),
        update(sys, fd, undefined, value, 8),
      ]);
      ledger(`${name}: no value and bad flags`, update(sys, fd, key, undefined, 8));
      // Where a buffer ends is known to the backends, not to Linux: both answer as for a page that is not there.
      expect([lookup(sys, fd, key, short), update(sys, fd, key, short)]).toEqual(['EFAULT', 'EFAULT']);
      expect([lookup(sys, fd, key.subarray(1), value), remove(sys, fd, key.subarray(1))]).toEqual(['EFAULT', 'EFAULT']);
    });
  },

  'descriptors of nothing and of something else': ({ sys, ledger }) => {
    const prog = load(sys);
    for (const [what, fd] of Object.entries({ closed: 999, 'minus one': -1, 'standard input': 0, 'a program': prog })) {
      const value = filled(64, 0);
      ledger(what, [
        lookup(sys, fd, u32(0), value),
        update(sys, fd, u32(0), value),
        remove(sys, fd, u32(0)),
        take(sys, fd, u32(0), value),
        nextKey(sys, fd),
        freeze(sys, fd),
        lookup(sys, fd, u32(0), value, 8),
        take(sys, fd, u32(0), value, 8),
      ]);
    }
    expect(sys.bpf(99 as 0, {} as MapCreateAttr)).toBe(-22);
  },

  'order of keys': ({ sys, ledger }) => {
    eachType(sys, (name, mapType, size) => {
      const fd = createMap(sys, { mapType, maxEntries: 3 });
      ledger(`${name}: fresh`, [nextKey(sys, fd), nextKey(sys, fd, u32(0)), nextKey(sys, fd, u32(7))]);
      for (const k of [0, 1, 2]) update(sys, fd, u32(k), filled(size, k));
      const keys: string[] = [];
      for (let key = nextKey(sys, fd); key.length === 8; key = nextKey(sys, fd, Buffer.from(key, 'hex')))
        keys.push(key);
      if (name.endsWith('array')) ledger(`${name}: all`, keys);
      expect([...keys].sort()).toEqual(['00000000', '01000000', '02000000']);
      // A key that is not there: from the start.
      for (const k of [3, 0xfffffffe, 0xffffffff]) expect(nextKey(sys, fd, u32(k))).toBe(keys[0]);
      const last = Buffer.from(keys[2], 'hex');
      ledger(`${name}: after the last`, nextKey(sys, fd, last));
      ledger(`${name}: nowhere to put it`, nextKey(sys, fd, undefined, 0));
    });
  },

  'values as user space sees them': ({ sys }) => {
    const slots = sys.possibleCpus;
    for (const valueSize of [1, 5, 8, 9, 20]) {
      const padded = Math.ceil(valueSize / 8) * 8;
      for (const mapType of [MAP_TYPE.HASH, MAP_TYPE.ARRAY]) {
        const fd = createMap(sys, { mapType, valueSize });
        const value = Uint8Array.from({ length: valueSize }, (_, i) => i + 1);
        const out = filled(padded, 0xaa);
        expect([update(sys, fd, u32(1), value), lookup(sys, fd, u32(1), out)]).toEqual(['ok', 'ok']);
        expect(hex(out)).toBe(hex(value) + 'aa'.repeat(padded - valueSize));
      }
      for (const mapType of [MAP_TYPE.PERCPU_HASH, MAP_TYPE.PERCPU_ARRAY]) {
        const fd = createMap(sys, { mapType, valueSize });
        const value = Uint8Array.from({ length: padded * slots }, (_, i) => i + 1);
        const out = filled(padded * slots, 0xaa);
        expect([update(sys, fd, u32(1), value), lookup(sys, fd, u32(1), out)]).toEqual(['ok', 'ok']);
        expect(hex(out)).toBe(hex(value)); // the padding is kept too
      }
    }
  },

  'what a descriptor allows, and a frozen map': ({ sys, ledger }) => {
    const modes = { none: 0, RDONLY: 8, WRONLY: 16, RDONLY_PROG: 128, WRONLY_PROG: 256 };
    eachType(sys, (name, mapType, size) => {
      for (const [mode, mapFlags] of Object.entries(modes)) {
        const fd = createMap(sys, { mapType, mapFlags });
        const value = filled(size, 3);
        const all = () => [
          update(sys, fd, u32(0), value),
          lookup(sys, fd, u32(0), value),
          nextKey(sys, fd),
          take(sys, fd, u32(0), value),
          remove(sys, fd, u32(0)),
          update(sys, fd, u32(0), value, 77),
          update(sys, fd, undefined, value),
          lookup(sys, fd, undefined, value),
          take(sys, fd, u32(0), value, 8),
        ];
        ledger(`${name} ${mode}`, all());
        ledger(`${name} ${mode}: freeze twice`, [freeze(sys, fd), freeze(sys, fd)]);
        ledger(`${name} ${mode}, frozen`, all());
      }
    });
  },

  'elements without capabilities': ({ sys, withCaps, ledger }) => {
    const fd = createMap(sys);
    withCaps(NO_CAPS, (limited) => {
      ledger('update', update(limited, fd, u32(0), filled(8, 1)));
      ledger('look up', lookup(limited, fd, u32(0), filled(8, 0)));
      ledger('freeze', freeze(limited, fd));
    });
  },

  'mapped arrays': ({ sys, ledger }) => {
    const make = (mapFlags: number, attr: Partial<MapCreateAttr> = {}) =>
      createMap(sys, { mapFlags, valueSize: 5, maxEntries: 3, ...attr });
    for (const flag of [0, 8, 16, 128, 256]) {
      ledger(`mmapable | ${flag}`, mmap(sys, make(MAP_FLAG.MMAPABLE | flag), 24));
    }
    ledger('not mmapable', mmap(sys, make(0), 24));
    ledger('a hash', mmap(sys, make(0, { mapType: MAP_TYPE.HASH }), 24));
    ledger('a percpu_array', mmap(sys, make(0, { mapType: MAP_TYPE.PERCPU_ARRAY }), 24));
    ledger('a program', mmap(sys, load(sys), 24));
    ledger('closed', mmap(sys, 999, 24));
    const pages = make(MAP_FLAG.MMAPABLE, { valueSize: 8192 });
    const ranges = [
      [1, 0],
      [24576, 0],
      [24577, 0],
      [28672, 0],
      [4096, 20480],
      [4096, 24576],
      [8192, 20480],
      [24, 1],
    ];
    for (const [length, offset] of ranges) ledger(`${length} bytes at ${offset}`, mmap(sys, pages, length, offset));
  },

  'a mapping is the array': ({ sys }) => {
    const fd = createMap(sys, { mapFlags: MAP_FLAG.MMAPABLE, valueSize: 5, maxEntries: 3 });
    const view = sys.mmap(fd, 24, 0);
    view.bytes.fill(0x41);
    expect(freeze(sys, fd)).toBe('EBUSY');
    const out = filled(5, 0);
    expect([lookup(sys, fd, u32(2), out), hex(out)]).toEqual(['ok', '4141414141']);
    update(sys, fd, u32(1), filled(5, 0x7a));
    // Another map may move the memory; the view follows.
    const others = Array.from({ length: 4 }, () => createMap(sys, { valueSize: 1 << 20, maxEntries: 8 }));
    expect(hex(view.bytes.subarray(0, 16))).toBe('4141414141414141' + '7a7a7a7a7a414141');
    for (const other of others) sys.close(other);
    sys.close(fd);
    expect(hex(view.bytes.subarray(8, 13))).toBe('7a7a7a7a7a');
    view.unmap();
    const frozen = createMap(sys, { mapFlags: MAP_FLAG.MMAPABLE, valueSize: 8, maxEntries: 1 });
    update(sys, frozen, u32(0), filled(8, 9));
    expect([freeze(sys, frozen), hex(sys.mmap(frozen, 8, 0).bytes)]).toEqual(['ok', '0909090909090909']);
  },

  'closing gives back the number, and the lowest is next': ({ sys }) => {
    const [a, b, c] = [createMap(sys), createMap(sys), createMap(sys)];
    expect(a < b && b < c).toBe(true);
    sys.close(b);
    sys.close(b);
    expect(answer(sys.bpf(BPF_CMD.MAP_FREEZE, { mapFd: b }))).toBe('EBADF');
    if (sys.backend === 'userspace') expect([a, createMap(sys), createMap(sys)]).toEqual([3, b, c + 1]);
  },
});
