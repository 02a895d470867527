/** Fields that the kernel keeps in map values: which map may have which, and that user space neither sees nor sets them. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { valueBtf } from '../value-btf.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, ELEM_FLAG, MAP_FLAG } from '../../src/uapi/index.ts';
import { PLAIN_TYPES, createMap, loadBtf, outcome } from './support.ts';

const FIELDS = [
  'bpf_spin_lock@0',
  'bpf_res_spin_lock@4',
  'bpf_timer@8',
  'bpf_timer@4',
  'bpf_wq@8',
  'bpf_refcount@0',
  'kptr(task_struct)@8',
  'kptr_untrusted(tcp_sock)@16',
  'bpf_spin_lock@0,kptr(cgroup)@8',
  'bpf_timer@0,bpf_wq@16',
  'bpf_timer@0,bpf_timer@16',
];
const SIZE = 32;

function create(sys: BpfSys, mapType: number, fields: string, mapFlags = 0): number {
  const built = valueBtf(fields, SIZE);
  if (!built) throw new TypeError(fields);
  const btfFd = loadBtf(sys, built.btf);
  expect(btfFd).toBeGreaterThan(0);
  const types = { btfFd, btfKeyTypeId: built.key, btfValueTypeId: built.value };
  const fd = createMap(sys, { mapType, keySize: 4, valueSize: SIZE, maxEntries: 2, mapFlags, ...types });
  sys.close(btfFd);
  return fd;
}

onBackends('fields of map values', {
  'each kind in each map': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(PLAIN_TYPES)) {
      ledger(
        name,
        FIELDS.map((fields) => `${fields}: ${outcome(sys, create(sys, mapType, fields))}`),
      );
    }
  },

  'maps that programs may not write or read have none': ({ sys, ledger }) => {
    for (const flag of ['RDONLY_PROG', 'WRONLY_PROG'] as const) {
      const fd = create(sys, PLAIN_TYPES.array, 'bpf_spin_lock@0', MAP_FLAG[flag]);
      ledger(flag, outcome(sys, fd));
    }
  },

  'user space sees zeros there and changes nothing': ({ sys, ledger }) => {
    for (const [name, fields] of Object.entries({ lock: 'bpf_spin_lock@8', timer: 'bpf_timer@8' })) {
      for (const mapType of [PLAIN_TYPES.array, PLAIN_TYPES.hash]) {
        const mapFd = create(sys, mapType, fields);
        const key = new Uint8Array(4);
        for (const [how, flags] of [
          ['plain', 0],
          ['locked', ELEM_FLAG.LOCK],
        ] as const) {
          const set = sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key, value: new Uint8Array(SIZE).fill(0xee), flags });
          const value = new Uint8Array(SIZE);
          const got = sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key, value, flags });
          ledger(`${name} in map type ${mapType}, ${how}`, [set, got, Buffer.from(value).toString('hex')]);
        }
        sys.close(mapFd);
      }
    }
  },
});
