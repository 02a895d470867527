/** Maps whose values belong to sockets, tasks, inodes, cgroups and places, and stacks; on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD, HELPER_NAMES, MAP_FLAG, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { createMap, filled, loadBtf, lookup, nextKey, outcome, remove, take, u32, update } from './support.ts';

const STORAGES = {
  sk: MAP_TYPE.SK_STORAGE,
  task: MAP_TYPE.TASK_STORAGE,
  inode: MAP_TYPE.INODE_STORAGE,
  cgrp: MAP_TYPE.CGRP_STORAGE,
};
const PLACES = { shared: MAP_TYPE.CGROUP_STORAGE, percpu: MAP_TYPE.PERCPU_CGROUP_STORAGE };
const FLAGS = [0, 1, 2, 3, 4, 8];

/** A storage of `int`s under `int`s. */
function storage(sys: BpfSys, mapType: number, attr: Partial<MapCreateAttr> = {}): number {
  const btfFd = loadBtf(sys);
  const shape = { keySize: 4, valueSize: 4, maxEntries: 0, mapFlags: MAP_FLAG.NO_PREALLOC };
  return createMap(sys, { mapType, ...shape, btfFd, btfKeyTypeId: 1, btfValueTypeId: 1, ...attr });
}

/** Load with the descriptor of the map for every \`map[m]\`, run as a classifier or for a cgroup; the result. */
function run(sys: BpfSys, progType: number, text: string, mapFd: number, repeat = 1): string {
  const { insns, mapRefs } = assemble(text);
  const patched = insns.map((insn, slot) =>
    mapRefs.some((ref) => ref.insn === slot) ? { ...insn, src: 1, imm: mapFd } : insn,
  );
  const progFd = sys.bpf(BPF_CMD.PROG_LOAD, { progType, insns: encode(patched), license: 'GPL' });
  if (progFd < 0) return `load ${errnoName(progFd)}`;
  const attr = { progFd, dataIn: new Uint8Array(64), retval: 0, repeat };
  const result = sys.bpf(BPF_CMD.PROG_TEST_RUN, attr);
  const again = { ...attr, retval: 0, repeat: 1 };
  sys.bpf(BPF_CMD.PROG_TEST_RUN, again);
  sys.close(progFd);
  return result < 0 ? errnoName(result) : `${attr.retval | 0}, then ${again.retval | 0}`;
}

const call = (name: string): string => `call ${HELPER_NAMES.indexOf(name)}`;

/** Get the storage of the packet's socket, run \`use\` with its address in r0 (not 0), else return 99. */
const socketStorage = (flags: number, initial: boolean, use: string): string => `
  *(u64 *)(r10 - 8) = 40
  r1 = *(u64 *)(r1 + 168)
  if r1 == 0 goto +16
  ${call('sk_fullsock')}
  if r0 == 0 goto +14
  r6 = r0
  r2 = r0
  r3 = ${initial ? 'r10' : '0'}
  ${initial ? 'r3 += -8' : 'r5 = 0'}
  r4 = ${flags}
  r1 = map[m]
  ${call('sk_storage_get')}
  if r0 == 0 goto +5
  ${use}
  exit
  r0 = 99
  exit`;
const COUNT = `
  r1 = *(u32 *)(r0 + 0)
  r1 += 1
  *(u32 *)(r0 + 0) = r1
  r0 = r1`;

onBackends('storage-maps', {
  'storages from user space': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(STORAGES)) {
      const fd = storage(sys, mapType);
      expect(fd).toBeGreaterThan(2);
      const value = u32(0);
      for (const [what, key] of [
        ['closed', 9999],
        ['negative', -1],
      ] as const) {
        ledger(`${name}: ${what}`, [lookup(sys, fd, u32(key), value), remove(sys, fd, u32(key))]);
        ledger(
          `${name}: ${what}: update`,
          FLAGS.map((flags) => update(sys, fd, u32(key), u32(1), flags)),
        );
      }
      ledger(`${name}: walk and take`, [nextKey(sys, fd), nextKey(sys, fd, u32(1)), take(sys, fd, u32(9999), value)]);
      ledger(
        `${name}: without types`,
        outcome(sys, storage(sys, mapType, { btfFd: 0, btfKeyTypeId: 0, btfValueTypeId: 0 })),
      );
      ledger(`${name}: preallocated`, outcome(sys, storage(sys, mapType, { mapFlags: 0 })));
      ledger(`${name}: with entries`, outcome(sys, storage(sys, mapType, { maxEntries: 1 })));
    }
  },

  'what programs keep for a socket': ({ sys, ledger }) => {
    const fd = storage(sys, MAP_TYPE.SK_STORAGE);
    const tc = PROG_TYPE.SCHED_CLS;
    ledger('not there', run(sys, tc, socketStorage(0, false, COUNT), fd));
    ledger('made of zeros', run(sys, tc, socketStorage(1, false, COUNT), fd));
    ledger('counts while the run goes on', run(sys, tc, socketStorage(1, false, COUNT), fd, 5));
    ledger('made of a value', run(sys, tc, socketStorage(1, true, COUNT), fd, 2));
    ledger('flags', run(sys, tc, socketStorage(2, false, COUNT), fd));
  },

  'values of a place': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(PLACES)) {
      const fd = createMap(sys, { mapType, keySize: 8, valueSize: 8, maxEntries: 0 });
      const wide = filled(8 * sys.possibleCpus, 1);
      const key = u32(0, 0);
      ledger(`${name}: look up, delete, take`, [
        lookup(sys, fd, key, wide),
        remove(sys, fd, key),
        take(sys, fd, key, wide),
      ]);
      ledger(
        `${name}: update`,
        FLAGS.map((flags) => update(sys, fd, key, wide, flags)),
      );
      ledger(`${name}: walk`, nextKey(sys, fd, undefined, 8));
      const count = `
        r1 = map[m]
        r2 = 0
        ${call('get_local_storage')}
        ${COUNT}
        exit`;
      const limited = `${count.replace(/exit$/, '')} if r0 < 100 goto +0\nr0 &= 1\nexit`;
      ledger(`${name}: counts`, run(sys, PROG_TYPE.CGROUP_SKB, limited, fd));
      ledger(`${name}: counts while the run goes on`, run(sys, PROG_TYPE.CGROUP_SKB, limited, fd, 4));
    }
  },

  stacks: ({ sys, ledger }) => {
    const fd = createMap(sys, { mapType: MAP_TYPE.STACK_TRACE, valueSize: 16 });
    const value = filled(16, 0);
    ledger('look up', [lookup(sys, fd, u32(0), value), lookup(sys, fd, u32(9), value)]);
    ledger(
      'update',
      FLAGS.map((flags) => update(sys, fd, u32(0), value, flags)),
    );
    ledger('delete', [remove(sys, fd, u32(0)), remove(sys, fd, u32(9))]);
    ledger('walk and take', [
      nextKey(sys, fd),
      nextKey(sys, fd, u32(9)),
      take(sys, fd, u32(0), value),
      take(sys, fd, u32(9), value),
    ]);
    const create = (attr: Partial<MapCreateAttr>): string =>
      outcome(sys, createMap(sys, { mapType: MAP_TYPE.STACK_TRACE, valueSize: 16, ...attr }));
    ledger(
      'sizes',
      [0, 7, 8, 12, 1016, 1024].map((valueSize) => create({ valueSize })),
    );
    ledger(
      'flags',
      [...Array(32).keys()].map((bit) => create({ valueSize: 32, mapFlags: 2 ** bit })),
    );
  },
});
