/**
 * Helpers at the edges of their arguments: addresses where nothing is, sizes of nothing, flags and offsets that are wrong at
 * once, more conversions than arguments, stacks and cgroups that are not there, on both backends.
 */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { HELPER_NAMES, MAP_TYPE, PROG_FLAG, PROG_TYPE } from '../../src/uapi/index.ts';
import { answer, createMap, hex, load, lookup, remove, take, u32, update } from './support.ts';

const SIZE = 64;
const ZERO = u32(0);
const FILL = 0xee;
const call = (name: string): string => `call ${HELPER_NAMES.indexOf(name)}`;
/** The first half of the value is the helper's, the second holds its result. */
const RESULT = SIZE - 8;

type ProgType = 'RAW_TRACEPOINT' | 'SYSCALL' | 'SCHED_CLS';

/** Run `lines` once, with the context in r9 and a value's address in r6. @returns r0, and the value where it was written to */
function result(sys: BpfSys, type: ProgType, lines: readonly string[], other = 0): string {
  const out = createMap(sys, { valueSize: SIZE, maxEntries: 1 });
  update(sys, out, ZERO, new Uint8Array(SIZE).fill(FILL));
  const text = ['r9 = r1', 'r6 = map[out][0] + 0', ...lines, `*(u64 *)(r6 + ${RESULT}) = r0`, 'r0 = 0', 'exit'];
  const { insns, mapRefs } = assemble(text.join('\n'));
  const patched = insns.map((insn, slot) => {
    const ref = mapRefs.find((r) => r.insn === slot);
    if (ref === undefined) return insn;
    return ref.offset === undefined ? { ...insn, src: 1, imm: other } : { ...insn, src: 2, imm: out };
  });
  const isSyscall = type === 'SYSCALL';
  const progFlags = isSyscall ? PROG_FLAG.SLEEPABLE : 0;
  const progFd = load(sys, { progType: PROG_TYPE[type], insns: encode(patched), progFlags });
  expect(answer(progFd), text.join('\n')).toBe('ok');
  const input = type === 'SCHED_CLS' ? { dataIn: new Uint8Array(64) } : { ctxIn: new Uint8Array(isSyscall ? 8 : 64) };
  expect(answer(sys.bpf(10, { progFd, ...input }))).toBe('ok');
  const value = new Uint8Array(SIZE);
  expect(lookup(sys, out, ZERO, value)).toBe('ok');
  const r0 = new DataView(value.buffer).getBigInt64(RESULT, true);
  const written = value.subarray(0, RESULT).some((byte) => byte !== FILL);
  sys.close(progFd);
  sys.close(out);
  return written ? `${r0} ${hex(value.subarray(0, 20))}` : String(r0);
}

/** Addresses where user space ends, of more than 57 bits, of the kernel's half, of the page of old system calls. */
const NOWHERE = [
  ...['0x0', '0x1000', '0x7fffffffefff', '0x7ffffffff000', '0x7fffffffffff', '0x800000000000', '0x80000000000000'],
  ...['0x100000000000000', '0x8000000000000000', '0xff00000000000000', '0xffff000000000000', '0xffffffffff600000'],
  ...['0xffffffffff601000', '0xfffffffffffff000'],
];

onBackends('helper-edges', {
  'reads from where nothing is, and of nothing': ({ sys, ledger }) => {
    const names = ['probe_read', 'probe_read_kernel', 'probe_read_user', 'probe_read_str', 'probe_read_user_str'];
    for (const name of [...names, 'copy_from_user']) {
      for (const size of [0, 8]) {
        const answers = NOWHERE.map((address) =>
          result(sys, 'SYSCALL', ['r1 = r6', `r2 = ${size}`, `r3 = ${address} ll`, call(name)]),
        );
        ledger(`${name}, ${size} bytes`, Object.fromEntries(NOWHERE.map((address, i) => [address, answers[i]])));
      }
    }
  },

  'dynptrs: which of two faults is told': ({ sys, ledger }) => {
    const made = ['r1 = r6', 'r2 = 8', 'r3 = 0', 'r4 = r10', 'r4 += -16', call('dynptr_from_mem')];
    for (const offset of [0, 8, 9]) {
      for (const flags of [0, 1]) {
        const write = ['r1 = r10', 'r1 += -16', `r2 = ${offset}`, 'r3 = r6', 'r4 = 1', `r5 = ${flags}`];
        const read = ['r1 = r6', 'r2 = 1', 'r3 = r10', 'r3 += -16', `r4 = ${offset}`, `r5 = ${flags}`];
        ledger(`write at ${offset}, flags ${flags}`, result(sys, 'SYSCALL', [...made, ...write, call('dynptr_write')]));
        ledger(`read at ${offset}, flags ${flags}`, result(sys, 'SYSCALL', [...made, ...read, call('dynptr_read')]));
      }
    }
  },

  'trace_vprintk: a conversion has an argument': ({ sys, ledger }) => {
    for (const size of [0, 8, 16, 24]) {
      const stores = [1, 2, 3].map((n) => `*(u64 *)(r10 - ${8 * n}) = ${n}`);
      const data = size === 0 ? ['r3 = 0'] : ['r3 = r10', 'r3 += -24'];
      const text = [
        '*(u64 *)(r10 - 32) = 0',
        ...[...'%d %d'].map((c, i) => `*(u8 *)(r10 - ${32 - i}) = ${c.charCodeAt(0)}`),
      ];
      const args = ['r1 = r10', 'r1 += -32', 'r2 = 6', ...data, `r4 = ${size}`];
      ledger(`${size} bytes`, result(sys, 'SCHED_CLS', [...stores, ...text, ...args, call('trace_vprintk')]));
    }
  },

  'values of CPUs, by programs with a packet and without': ({ sys, ledger }) => {
    const mapFd = createMap(sys, { mapType: MAP_TYPE.PERCPU_ARRAY, maxEntries: 2 });
    for (const type of ['SCHED_CLS', 'SYSCALL', 'RAW_TRACEPOINT'] as const) {
      for (const [key, cpu] of [
        [0, 0],
        [2, 0],
        [0, 1000],
        [0, -1],
      ]) {
        const args = ['r1 = map[m]', `*(u32 *)(r10 - 4) = ${key}`, 'r2 = r10', 'r2 += -4', `r3 = ${cpu}`];
        const found = [call('map_lookup_percpu_elem'), 'if r0 == 0 goto none', 'r0 = 1', 'none:'];
        ledger(`${type}: ${key} of CPU ${cpu}`, result(sys, type, [...args, ...found], mapFd));
      }
    }
  },

  'a hash that a program has set stays, also one of 0': ({ sys, ledger }) => {
    for (const hash of [0, 1, -1]) {
      const set = ['r1 = r9', `r2 = ${hash}`, call('set_hash'), 'r1 = r9', call('get_hash_recalc')];
      ledger(String(hash), result(sys, 'SCHED_CLS', set));
    }
  },

  'stacks: flags and sizes': ({ sys, ledger }) => {
    const mapFd = createMap(sys, { mapType: MAP_TYPE.STACK_TRACE, valueSize: 80 });
    for (const flags of [0x800, 0x900, 0x1000, 2 ** 32])
      ledger(
        `id, ${flags}`,
        result(sys, 'RAW_TRACEPOINT', ['r1 = r9', 'r2 = map[m]', `r3 = ${flags} ll`, call('get_stackid')], mapFd),
      );
    for (const [size, flags] of [
      [7, 0],
      [12, 0],
      [16, 0x900],
      [16, 0x800],
      [16, 0x200],
      [8, 2 ** 33],
    ] as const) {
      const args = ['r1 = r9', 'r2 = r6', `r3 = ${size}`, `r4 = ${flags} ll`];
      ledger(`${size} bytes, ${flags}`, result(sys, 'RAW_TRACEPOINT', [...args, call('get_stack')]));
    }
  },

  'cgroups: arrays of them, which nobody fills, and the root': ({ sys, ledger }) => {
    const mapFd = createMap(sys, { mapType: MAP_TYPE.CGROUP_ARRAY, valueSize: 4, maxEntries: 2 });
    for (const index of [0, 2]) {
      const key = u32(index);
      for (const fd of [9999, mapFd])
        ledger(`put ${fd === mapFd ? 'a map' : fd} at ${index}`, update(sys, mapFd, key, u32(fd)));
      ledger(`with flags at ${index}`, update(sys, mapFd, key, u32(9999), 1));
      ledger(`look at ${index}`, lookup(sys, mapFd, key, u32(0)));
      ledger(`take ${index}`, take(sys, mapFd, key, u32(0)));
      ledger(`remove ${index}`, remove(sys, mapFd, key));
      ledger(
        `task under ${index}`,
        result(sys, 'SCHED_CLS', ['r1 = map[m]', `r2 = ${index}`, call('current_task_under_cgroup')], mapFd),
      );
      ledger(
        `packet under ${index}`,
        result(sys, 'SCHED_CLS', ['r1 = r9', 'r2 = map[m]', `r3 = ${index}`, call('skb_under_cgroup')], mapFd),
      );
      ledger(
        `ancestor ${index}`,
        result(sys, 'SCHED_CLS', ['r1 = r9', `r2 = ${index}`, call('skb_ancestor_cgroup_id')]),
      );
    }
    ledger('id of the packet', result(sys, 'SCHED_CLS', ['r1 = r9', call('skb_cgroup_id')]));
    ledger('owner of the socket', result(sys, 'SCHED_CLS', ['r1 = r9', call('get_socket_uid')]));
  },
});
