/** Tail calls on both backends: which program goes on, how often, what may be in a prog array, and who holds whom. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { ATTACH_TYPE, BPF_CMD, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { answer, createMap, load, lookup, nextKey, outcome, remove, u32, update } from './support.ts';

interface Maps {
  readonly progs: number;
  readonly counter: number;
}

const maps = (sys: BpfSys): Maps => ({
  progs: createMap(sys, { mapType: MAP_TYPE.PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 }),
  counter: createMap(sys, { maxEntries: 1 }),
});

/** Load text in which `map[progs]` and `map[counter][0]` are maps. @returns the descriptor */
function program(sys: BpfSys, text: string, fds: Maps): number {
  const fd = tryProgram(sys, text, fds);
  expect(fd).toBeGreaterThan(2);
  return fd;
}

/** @returns the descriptor or -errno */
function tryProgram(sys: BpfSys, text: string, fds: Maps, progType: number = PROG_TYPE.XDP): number {
  const { insns, mapRefs } = assemble(text);
  const patched = insns.map((insn, slot) => {
    const ref = mapRefs.find((r) => r.insn === slot);
    if (ref === undefined) return insn;
    return { ...insn, src: ref.offset === undefined ? 1 : 2, imm: fds[ref.name as keyof Maps] };
  });
  return load(sys, { insns: encode(patched), progType });
}

function run(sys: BpfSys, progFd: number, repeat = 1): number | string {
  const attr = { progFd, dataIn: new Uint8Array(64), retval: -1, repeat };
  const errno = sys.bpf(BPF_CMD.PROG_TEST_RUN, attr);
  return errno < 0 ? answer(errno) : attr.retval;
}

/** How often programs have counted, and start again. */
function counted(sys: BpfSys, { counter }: Maps): number {
  const value = new Uint8Array(8);
  lookup(sys, counter, u32(0), value);
  update(sys, counter, u32(0), new Uint8Array(8));
  return value[0] | (value[1] << 8);
}

const put = (sys: BpfSys, { progs }: Maps, index: number, fd: number): string =>
  update(sys, progs, u32(index), u32(fd));

const COUNT = `
  r1 = map[counter][0]
  r2 = 1
  lock *(u64 *)(r1 + 0) += r2
`;
/** Keeps the context in r6. */
const tailCall = (index: string): string => `
  r1 = r6
  r2 = map[progs]
  ${index}
  call 12
`;
const KEEP = 'r6 = r1\n';
const ret = (value: number): string => `r0 = ${value}\nexit\n`;

onBackends('tail-calls', {
  'go on in the other program, and come back to nobody'({ sys, ledger }) {
    const m = maps(sys);
    const target = program(sys, COUNT + ret(7), m);
    const caller = program(sys, KEEP + tailCall('r3 = 1') + ret(1), m);
    ledger('an empty slot', [run(sys, caller), counted(sys, m)]);
    ledger('put', put(sys, m, 1, target));
    ledger('a program', [run(sys, caller), counted(sys, m)]);
    ledger('a program, ten times', [run(sys, caller, 10), counted(sys, m)]);
    ledger('itself', [put(sys, m, 1, caller), run(sys, caller), counted(sys, m)]);
    ledger('deleted', [remove(sys, m.progs, u32(1)), remove(sys, m.progs, u32(1)), run(sys, caller)]);
  },

  'see their context, and a stack of zeros'({ sys, ledger, backend }) {
    const m = maps(sys);
    const length = 'r0 = *(u32 *)(r1 + 4)\nr1 = *(u32 *)(r1 + 0)\nr0 -= r1\n';
    put(sys, m, 0, program(sys, `${length}exit\n`, m));
    const caller = program(sys, KEEP + '*(u64 *)(r10 - 8) = 77\n' + tailCall('r3 = 0') + ret(1), m);
    ledger('length of the packet', run(sys, caller));
    if (backend === 'linux') return;
    put(sys, m, 0, program(sys, 'r0 = *(u64 *)(r10 - 8)\nexit\n', m));
    expect(run(sys, caller)).toBe(0);
  },

  'are at most 33 in a run'({ sys, ledger }) {
    const m = maps(sys);
    const self = program(sys, KEEP + COUNT + tailCall('r3 = 0') + ret(100), m);
    put(sys, m, 0, self);
    ledger('itself', [run(sys, self), counted(sys, m)]);
    ledger('itself, ten times', [run(sys, self, 10), counted(sys, m)]);
    const missed = Array.from({ length: 40 }, () => tailCall('r3 = 3')).join('');
    put(sys, m, 1, program(sys, COUNT + ret(7), m));
    const tries = program(sys, KEEP + missed + tailCall('r3 = 1') + ret(1), m);
    ledger('after 40 empty slots', [run(sys, tries), counted(sys, m)]);
  },

  'take the low half of the index'({ sys, ledger }) {
    const m = maps(sys);
    put(sys, m, 1, program(sys, ret(7), m));
    const indices = ['r3 = 4', 'r3 = -1', 'r3 = 0x100000001 ll', 'r3 = 0x100000004 ll'];
    for (const index of indices) ledger(index, run(sys, program(sys, KEEP + tailCall(index) + ret(1), m)));
  },

  'take only programs of one kind'({ sys, ledger }) {
    const m = maps(sys);
    const filter = load(sys);
    const xdp = program(sys, ret(2), m);
    ledger('the first', put(sys, m, 0, xdp));
    ledger('of another type', put(sys, m, 1, filter));
    const user = (type: number): string => outcome(sys, tryProgram(sys, KEEP + tailCall('r3 = 0') + ret(1), m, type));
    ledger('a user of another type', user(PROG_TYPE.SOCKET_FILTER));
    ledger('a user of the same type', user(PROG_TYPE.XDP));
    const devmap = load(sys, { progType: PROG_TYPE.XDP, expectedAttachType: ATTACH_TYPE.XDP_DEVMAP });
    ledger('of another attach type', put(sys, m, 1, devmap));
    ledger('a map', put(sys, m, 1, m.counter));
    ledger('nothing', put(sys, m, 1, 9999));
    ledger('beyond the end', put(sys, m, 4, xdp));
    ledger('with a flag', update(sys, m.progs, u32(0), u32(xdp), 1));
    ledger('delete beyond the end', remove(sys, m.progs, u32(4)));
    ledger('keys', [nextKey(sys, m.progs), nextKey(sys, m.progs, u32(3))]);
    ledger('look up', [
      lookup(sys, m.progs, u32(0), new Uint8Array(4)),
      lookup(sys, m.progs, u32(1), new Uint8Array(4)),
    ]);
    const other = maps(sys);
    ledger('the user comes first', [
      outcome(sys, tryProgram(sys, KEEP + tailCall('r3 = 0') + ret(1), other, PROG_TYPE.SOCKET_FILTER)),
      put(sys, other, 0, xdp),
      put(sys, other, 0, filter),
    ]);
  },

  'hold programs until their slots are emptied'({ sys, ledger }) {
    const m = maps(sys);
    const target = program(sys, ret(7), m);
    const caller = program(sys, KEEP + tailCall('r3 = 0') + ret(1), m);
    put(sys, m, 0, target);
    sys.close(target);
    ledger('closed', run(sys, caller));
    sys.close(m.progs);
    // Linux empties it in its own time.
    let left = run(sys, caller);
    for (let tries = 0; left === 7 && tries < 10_000; tries++) left = run(sys, caller);
    ledger('nobody has the array open', left);
  },
});
