/** Hashes that forget what was not used for long, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, filled, lookup, nextKey, outcome, program, remove, run, take, u32, update } from './support.ts';

const TYPES = { lru_hash: MAP_TYPE.LRU_HASH, lru_percpu_hash: MAP_TYPE.LRU_PERCPU_HASH };
const FLAGS = [0, 1, 2, 3, 4, 8, 2 ** 32];

function eachType(sys: BpfSys, body: (name: string, mapType: number, value: Uint8Array) => void): void {
  for (const [name, mapType] of Object.entries(TYPES))
    body(name, mapType, filled(mapType === MAP_TYPE.LRU_HASH ? 8 : 8 * sys.possibleCpus, 7));
}

function keys(sys: BpfSys, fd: number): string[] {
  const all: string[] = [];
  for (let next = nextKey(sys, fd); !next.startsWith('E'); next = nextKey(sys, fd, Buffer.from(next, 'hex')))
    all.push(next);
  return all.sort();
}

onBackends('lru-hash', {
  'never is full': ({ sys, ledger }) => {
    eachType(sys, (name, mapType, value) => {
      for (const maxEntries of [1, 2, 5, 8]) {
        const fd = createMap(sys, { mapType, maxEntries });
        for (let i = 0; i < 3 * maxEntries; i++) expect(update(sys, fd, u32(i), value)).toBe('ok');
        ledger(`${name} of ${maxEntries}`, keys(sys, fd));
        sys.close(fd);
      }
    });
  },

  'flags and what is missing': ({ sys, ledger }) => {
    eachType(sys, (name, mapType, value) => {
      const fd = createMap(sys, { mapType, maxEntries: 8 });
      const all = (key: number) => FLAGS.map((flags) => update(sys, fd, u32(key), value, flags));
      ledger(`${name}: updates`, [all(1), all(1)]);
      ledger(`${name}: BPF_EXIST of a new key`, update(sys, fd, u32(2), value, 2));
      ledger(`${name}: look-ups`, [lookup(sys, fd, u32(1), value), lookup(sys, fd, u32(9), value)]);
      ledger(`${name}: look up and delete`, [take(sys, fd, u32(1), value), take(sys, fd, u32(1), value)]);
      ledger(`${name}: deletions`, [remove(sys, fd, u32(1)), update(sys, fd, u32(1), value), remove(sys, fd, u32(1))]);
      sys.close(fd);
    });
  },

  'what they are made of': ({ sys, ledger }) => {
    eachType(sys, (name, mapType) => {
      const flags = [MAP_FLAG.NO_PREALLOC, MAP_FLAG.NO_COMMON_LRU, MAP_FLAG.ZERO_SEED, MAP_FLAG.RDONLY_PROG];
      ledger(
        name,
        flags.map((mapFlags) => outcome(sys, createMap(sys, { mapType, mapFlags }))),
      );
    });
  },

  'a program updates, finds and deletes': ({ sys, ledger }) => {
    eachType(sys, (name, mapType, value) => {
      const fd = createMap(sys, { mapType, maxEntries: 2 });
      for (let i = 0; i < 2; i++) update(sys, fd, u32(i), value);
      const text = [
        '*(u32 *)(r10 -4) = 9',
        '*(u64 *)(r10 -16) = 77',
        ...['r1 = map[m]', 'r2 = r10', 'r2 += -4', 'r3 = r10', 'r3 += -16', 'r4 = 0', 'call 2'],
        'r6 = r0',
        ...['r1 = map[m]', 'r2 = r10', 'r2 += -4', 'call 1', 'if r0 == 0 goto pc+2'],
        'r1 = *(u64 *)(r0 +0)',
        'r6 += r1',
        '*(u32 *)(r10 -4) = 1',
        ...['r1 = map[m]', 'r2 = r10', 'r2 += -4', 'call 3'],
        'r6 -= r0',
        'r0 = r6',
        'exit',
      ];
      const prog = program(sys, text.join('\n'), fd);
      ledger(`${name}: result`, run(sys, prog));
      ledger(`${name}: keys`, keys(sys, fd));
      sys.close(prog);
      sys.close(fd);
    });
  },
});
