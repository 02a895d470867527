/** Maps of redirection targets (devmap, devmap_hash, cpumap, xskmap), on both backends. Device 1 is `lo`. */
import { onBackends } from '../backends.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { ATTACH_TYPE, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, load, lookup, nextKey, outcome, remove, returns, take, u32, update } from './support.ts';

const TYPES = {
  devmap: MAP_TYPE.DEVMAP,
  devmap_hash: MAP_TYPE.DEVMAP_HASH,
  cpumap: MAP_TYPE.CPUMAP,
  xskmap: MAP_TYPE.XSKMAP,
};

const targetMap = (sys: BpfSys, mapType: number, attr: Partial<MapCreateAttr> = {}): number =>
  createMap(sys, { mapType, valueSize: 4, maxEntries: 3, ...attr });

const xdp = (sys: BpfSys, expectedAttachType: number): number =>
  load(sys, { progType: PROG_TYPE.XDP, expectedAttachType, insns: returns(2) });

/** A value as user space reads it, its program's id replaced by whether there is one. */
function read(sys: BpfSys, fd: number, key: number): string {
  const value = u32(0, 0);
  const result = lookup(sys, fd, u32(key), value);
  return result === 'ok' ? `${hex(value.subarray(0, 4))} ${value.subarray(4).some(Boolean)}` : result;
}

onBackends('redirect-maps', {
  creation: ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(TYPES)) {
      const create = (attr: Partial<MapCreateAttr>): string => outcome(sys, targetMap(sys, mapType, attr));
      const each = <T>(what: string, of: readonly T[], attr: (one: T) => Partial<MapCreateAttr>): void =>
        ledger(
          `${name}: ${what}`,
          of.map((one) => `${String(one)} ${create(attr(one))}`),
        );
      each('values', [0, 1, 4, 6, 8, 12], (valueSize) => ({ valueSize }));
      each('keys', [0, 1, 4, 8], (keySize) => ({ keySize }));
      each('entries', [0, 1, 256, 257], (maxEntries) => ({ maxEntries }));
      each('flags', [...Array(32).keys()], (bit) => ({ mapFlags: 2 ** bit }));
    }
  },

  elements: ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(TYPES)) {
      const fd = targetMap(sys, mapType);
      // What descriptors the test itself has is not the same everywhere.
      const isSocket = mapType === MAP_TYPE.XSKMAP;
      const put = (key: number, word: number, flags = 0): string =>
        update(sys, fd, u32(key), u32(isSocket ? 9999 : word), flags);
      ledger(`${name}: empty`, [read(sys, fd, 0), nextKey(sys, fd), remove(sys, fd, u32(0)), put(0, 0)]);
      for (const key of [0, 2, 3, 9]) {
        ledger(
          `${name}: flags of updates of ${key}`,
          [0, 1, 2, 3, 4, 8, 2 ** 32].map((flags) => put(key, 1, flags)),
        );
      }
      ledger(`${name}: values`, [put(0, 0xffffffff), put(0, 1)]);
      // Which other devices there are is the machine's business.
      if (mapType === MAP_TYPE.CPUMAP) ledger(`${name}: queues`, [put(0, 16384), put(0, 16385), put(0, 1)]);
      ledger(
        `${name}: look up`,
        [0, 1, 2, 3, 9].map((key) => read(sys, fd, key)),
      );
      ledger(`${name}: with flags`, [lookup(sys, fd, u32(0), u32(0), 4), take(sys, fd, u32(0), u32(0))]);
      ledger(
        `${name}: delete`,
        [0, 0, 1, 3, 9].map((key) => remove(sys, fd, u32(key))),
      );
      ledger(`${name}: deleted`, read(sys, fd, 0));
    }
  },

  'programs in values': ({ sys, ledger }) => {
    const programs = {
      none: 0,
      'none, negative': -1,
      closed: 9999,
      'of another type': load(sys, { insns: encode([]) }),
      'a socket filter': load(sys),
      'for no place': xdp(sys, 0),
      'for devices': xdp(sys, ATTACH_TYPE.XDP_DEVMAP),
      'for CPUs': xdp(sys, ATTACH_TYPE.XDP_CPUMAP),
    };
    for (const [name, mapType] of Object.entries(TYPES)) {
      if (mapType === MAP_TYPE.XSKMAP) continue;
      const fd = targetMap(sys, mapType, { valueSize: 8 });
      for (const [what, program] of Object.entries(programs)) {
        const value = u32(1, program);
        ledger(`${name}: ${what}`, [update(sys, fd, u32(0), value), read(sys, fd, 0)]);
        ledger(`${name}: ${what}, and no target`, update(sys, fd, u32(0), u32(0, program)));
      }
    }
  },

  'an xskmap takes no descriptors but sockets': ({ sys, ledger }) => {
    const fd = targetMap(sys, MAP_TYPE.XSKMAP);
    const put = (word: number): string => update(sys, fd, u32(0), u32(word));
    ledger('a map, a program, a closed one', [put(fd), put(load(sys)), put(9999)]);
  },
});
