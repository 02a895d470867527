/** The batch commands on both backends. What order a hash has is nobody's business: keys are compared as a set. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { errnoName } from '../../src/errors/index.ts';
import type { BpfSys, MapBatchAttr, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, freeze, hex, lookup, u32 } from './support.ts';

const { MAP_LOOKUP_BATCH, MAP_LOOKUP_AND_DELETE_BATCH, MAP_UPDATE_BATCH, MAP_DELETE_BATCH } = BPF_CMD;
const COMMANDS = {
  lookup: MAP_LOOKUP_BATCH,
  take: MAP_LOOKUP_AND_DELETE_BATCH,
  update: MAP_UPDATE_BATCH,
  remove: MAP_DELETE_BATCH,
};
type Command = (typeof COMMANDS)[keyof typeof COMMANDS];

const TYPES = {
  hash: MAP_TYPE.HASH,
  array: MAP_TYPE.ARRAY,
  percpu_hash: MAP_TYPE.PERCPU_HASH,
  percpu_array: MAP_TYPE.PERCPU_ARRAY,
};
const keysOf = (...numbers: number[]): Uint8Array => u32(...numbers);

/** The errno's name or `ok`, and how many were done. */
function batch(sys: BpfSys, cmd: Command, attr: MapBatchAttr): string {
  const result = sys.bpf(cmd, attr);
  return `${result < 0 ? errnoName(result) : 'ok'} ${attr.count}`;
}

/** A map of a type with keys 0 to 4, and how wide its values are. */
function filledMap(sys: BpfSys, name: keyof typeof TYPES, attr: Partial<MapCreateAttr> = {}): [number, number] {
  const mapFd = createMap(sys, { mapType: TYPES[name], maxEntries: 8, ...attr });
  const width = name.startsWith('percpu') ? 8 * sys.possibleCpus : 8;
  const values = Uint8Array.from({ length: 5 * width }, (_, i) => Math.floor(i / width) + 1);
  expect(batch(sys, MAP_UPDATE_BATCH, { mapFd, keys: keysOf(0, 1, 2, 3, 4), values, count: 5 })).toBe('ok 5');
  return [mapFd, width];
}

/** Everything in a map, by batches of `count`. */
function everything(sys: BpfSys, cmd: Command, mapFd: number, width: number, count: number): string[] {
  const found: string[] = [];
  let inBatch: Uint8Array | undefined;
  for (let calls = 0; calls < 100; calls++) {
    const attr = {
      mapFd,
      inBatch,
      outBatch: new Uint8Array(4),
      keys: new Uint8Array(4 * count),
      values: new Uint8Array(width * count),
      count,
    };
    const result = sys.bpf(cmd, attr);
    if (result < 0 && errnoName(result) !== 'ENOENT') return [errnoName(result)];
    for (let i = 0; i < attr.count; i++)
      found.push(`${hex(attr.keys.subarray(4 * i, 4 * i + 4))}=${hex(attr.values.subarray(width * i, width * i + 2))}`);
    if (result < 0) break;
    inBatch = attr.outBatch;
  }
  return found.sort();
}

onBackends('map-batch', {
  'look up all': ({ sys, ledger }) => {
    for (const name of Object.keys(TYPES) as (keyof typeof TYPES)[]) {
      const [fd, width] = filledMap(sys, name);
      for (const count of [5, 8, 20])
        ledger(`${name}: ${count} at a time`, everything(sys, MAP_LOOKUP_BATCH, fd, width, count));
      ledger(`${name}: again`, everything(sys, MAP_LOOKUP_BATCH, fd, width, 20));
      ledger(`${name}: taken`, everything(sys, MAP_LOOKUP_AND_DELETE_BATCH, fd, width, 20));
      ledger(`${name}: left`, everything(sys, MAP_LOOKUP_BATCH, fd, width, 20));
    }
  },

  'update and delete': ({ sys, ledger }) => {
    for (const name of Object.keys(TYPES) as (keyof typeof TYPES)[]) {
      const [mapFd, width] = filledMap(sys, name, { maxEntries: 6 });
      const values = new Uint8Array(8 * width).fill(9);
      const say = (what: string, cmd: Command, attr: Partial<MapBatchAttr>): void => {
        const answer = batch(sys, cmd, { mapFd, values, count: 3, ...attr });
        ledger(`${name}: ${what}`, answer);
      };
      say('update over the end', MAP_UPDATE_BATCH, { keys: keysOf(5, 6, 7) });
      say('update', MAP_UPDATE_BATCH, { keys: keysOf(0, 1, 1) });
      for (const elemFlags of [0, 1, 2, 3, 4, 8]) {
        say(`update, element flags ${elemFlags}`, MAP_UPDATE_BATCH, { keys: keysOf(0, 1, 2), elemFlags });
        say(`delete, element flags ${elemFlags}`, MAP_DELETE_BATCH, { keys: keysOf(0, 1, 2), elemFlags });
      }
      say('update, flags', MAP_UPDATE_BATCH, { keys: keysOf(0, 1, 2), flags: 1 });
      say('delete, flags', MAP_DELETE_BATCH, { keys: keysOf(0, 1, 2), flags: 1 });
      say('delete one that is not there', MAP_DELETE_BATCH, { keys: keysOf(3, 77, 4) });
      say('none', MAP_UPDATE_BATCH, { keys: keysOf(), count: 0 });
      say('none to delete', MAP_DELETE_BATCH, { keys: keysOf(), count: 0 });
      say('no keys', MAP_UPDATE_BATCH, {});
      say('no keys to delete', MAP_DELETE_BATCH, {});
      say('no values', MAP_UPDATE_BATCH, { keys: keysOf(0, 1, 2), values: undefined });
      const value = new Uint8Array(width);
      ledger(
        `${name}: afterwards`,
        [0, 1, 2, 3, 4, 5].map((key) => `${lookup(sys, mapFd, u32(key), value)} ${value[0]}`),
      );
    }
  },

  'look-ups that are refused': ({ sys, ledger }) => {
    for (const name of Object.keys(TYPES) as (keyof typeof TYPES)[]) {
      const [mapFd, width] = filledMap(sys, name);
      const whole = (): MapBatchAttr => ({
        mapFd,
        outBatch: new Uint8Array(4),
        keys: new Uint8Array(32),
        values: new Uint8Array(8 * width),
        count: 8,
      });
      const say = (what: string, attr: Partial<MapBatchAttr>): void => {
        for (const [command, cmd] of Object.entries(COMMANDS).slice(0, 2))
          ledger(`${name}: ${command}: ${what}`, batch(sys, cmd, { ...whole(), ...attr }));
      };
      for (const flag of [1, 2, 4, 8]) say(`element flag ${flag}`, { elemFlags: flag });
      say('flags', { flags: 1 });
      say('no keys', { keys: undefined });
      say('no values', { values: undefined });
      say('no place', { outBatch: undefined });
      say('none', { count: 0 });
      say('a place that is none', { inBatch: u32(0x7fffffff), count: 1 });
    }
  },

  'types without batches, and what a descriptor may not do': ({ sys, ledger }) => {
    const shapes: Record<string, Partial<MapCreateAttr>> = {
      prog_array: { mapType: MAP_TYPE.PROG_ARRAY, valueSize: 4 },
      devmap: { mapType: MAP_TYPE.DEVMAP, valueSize: 4 },
      cpumap: { mapType: MAP_TYPE.CPUMAP, valueSize: 4 },
      'read-only': { mapType: MAP_TYPE.HASH, mapFlags: MAP_FLAG.RDONLY },
      'write-only': { mapType: MAP_TYPE.HASH, mapFlags: MAP_FLAG.WRONLY },
    };
    for (const [name, shape] of Object.entries(shapes)) {
      const mapFd = createMap(sys, shape);
      for (const [command, cmd] of Object.entries(COMMANDS)) {
        const attr = { mapFd, outBatch: new Uint8Array(4), keys: keysOf(0, 1), values: new Uint8Array(16), count: 2 };
        ledger(`${name}: ${command}`, batch(sys, cmd, attr));
      }
    }
    const [frozen] = filledMap(sys, 'hash');
    freeze(sys, frozen);
    for (const [command, cmd] of Object.entries(COMMANDS)) {
      const attr = {
        mapFd: frozen,
        outBatch: new Uint8Array(4),
        keys: new Uint8Array(32),
        values: new Uint8Array(64),
        count: 8,
      };
      ledger(`frozen: ${command}`, batch(sys, cmd, attr));
      ledger(`no map: ${command}`, batch(sys, cmd, { ...attr, mapFd: 9999 }));
    }
  },
});
