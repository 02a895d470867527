/** What only this project's test run does: whole frames for socket filters, traps of what was not verified. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { Trap } from '../errors/index.ts';
import { AddressSpace, Rcu } from '../memory/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import type { VerifiedProgram } from '../verifier/index.ts';
import { ProgramNumbers, createCpu, createImage, testRun } from './index.ts';
import type { Host, ProgramImage } from './index.ts';

let now = 0;
const host: Host = {
  space: new AddressSpace(),
  rcu: new Rcu(),
  clock: { monotonic: () => (now += 1000), boottime: () => now, tai: () => now },
  task: { pid: 1, tgid: 1, uid: 0, gid: 0, comm: 'skep' },
  possibleCpus: 1,
  programs: new ProgramNumbers(),
  ended: () => {},
  stopped: () => {},
  warmup: 0,
  hasDevice: () => true,
  mapAt: () => undefined,
  random: () => 4,
  isRandomGiven: true,
  trace: () => {},
};
const cpu = createCpu(host);

function image(progType: number, text: string): ProgramImage {
  const program: VerifiedProgram = {
    insns: assemble(text).insns,
    progType,
    gplCompatible: true,
    mapRefs: new Map(),
    maps: [],
    helpers: [],
    unreachable: new Set(),
    subprogs: [0],
    stackDepth: 0,
    maxCtxOffset: 0,
    recordLoads: new Map(),
    inlinedLoops: new Set(),
    guardedLoads: new Set(),
    readsObjects: false,
    passesNull: false,
    stats: { insns: 0, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0, stackDepth: '' },
  };
  return createImage(program, 0, [], true);
}

function run(text: string, dataIn: Uint8Array, attr: Partial<ProgTestRunAttr> = {}) {
  const full: ProgTestRunAttr = { progFd: 0, dataIn, view: 'packet-socket', ...attr };
  return { errno: testRun(cpu, image(PROG_TYPE.SOCKET_FILTER, text), full), ...full };
}

const frame = Uint8Array.from([
  ...[0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 8, 0],
  ...Array.from({ length: 40 }, (_, i) => i),
]);
const LENGTH = 'r0 = *(u32 *)(r1 +0)\nexit';
const byteAt = (offset: number): string => `r6 = r1\nr0 = *(u8 *)skb[${offset}]\nexit`;

describe('the packet-socket view', () => {
  it('shows the whole frame, header first', () => {
    expect(run(LENGTH, frame).retval).toBe(54);
    expect(run(byteAt(12), frame).retval).toBe(8);
    expect(run(byteAt(14 + 39), frame).retval).toBe(39);
    expect(run(byteAt(54), frame).retval).toBe(0);
    expect(run('r0 = *(u32 *)(r1 +16)\nexit', frame).retval).toBe(8);
    expect(run('r0 = *(u32 *)(r1 +4)\nexit', frame).retval).toBe(0);
  });

  it('counts negative offsets from the headers of the frame', () => {
    expect(run(byteAt(-0x200000 + 12), frame).retval).toBe(8);
    expect(run(byteAt(-0x100000 + 5), frame).retval).toBe(5);
  });

  it('takes frames of every length', () => {
    for (const length of [0, 1, 13, 14, 20, 33, 34, 1514, 9000, 65535]) {
      expect([length, run(LENGTH, new Uint8Array(length)).retval]).toEqual([length, length]);
    }
    expect(run(LENGTH, new Uint8Array(65536)).errno).toBe(-22);
    expect(run(LENGTH, frame, { dataIn: undefined }).errno).toBe(-22);
  });

  it('gives the frame back as it is', () => {
    const dataOut = new Uint8Array(60);
    expect(run('r0 = 0\nexit', frame, { dataOut })).toMatchObject({ errno: 0, dataSizeOut: 54 });
    expect(dataOut).toEqual(Uint8Array.from([...frame, 0, 0, 0, 0, 0, 0]));
  });

  it('is for socket filters', () => {
    for (const progType of [PROG_TYPE.SCHED_CLS, PROG_TYPE.XDP]) {
      const attr: ProgTestRunAttr = { progFd: 0, dataIn: frame, view: 'packet-socket' };
      expect(testRun(cpu, image(progType, 'r0 = 0\nexit'), attr)).toBe(-22);
    }
  });
});

it('tells the duration of a run by the clock that is given', () => {
  expect(run('r0 = 0\nexit', frame).duration).toBe(1000);
  expect(run('r0 = 0\nexit', frame, { repeat: 10 }).duration).toBe(100);
});

it('traps outside of packet and context, and runs the next program', () => {
  const xdp = (text: string): number => {
    const attr: ProgTestRunAttr = { progFd: 0, dataIn: frame };
    testRun(cpu, image(PROG_TYPE.XDP, text), attr);
    return attr.retval ?? -1;
  };
  expect(() => xdp('r2 = *(u32 *)(r1 +4)\nr0 = *(u8 *)(r2 +0)\nexit')).toThrow(Trap);
  expect(() => xdp('r2 = *(u32 *)(r1 +0)\nr0 = *(u8 *)(r2 -1)\nexit')).toThrow(Trap);
  expect(() => xdp('*(u32 *)(r1 +0) = 1\nr0 = 0\nexit')).toThrow('trap at instruction 0: invalid write');
  expect(() => xdp('r0 = *(u32 *)(r1 +24)\nexit')).toThrow(Trap);
  expect(xdp('r0 = 7\nexit')).toBe(7);
  let reclaimed = false;
  host.rcu.defer(() => (reclaimed = true));
  expect(reclaimed, 'no run is under way').toBe(true);
});

it('knows no test run of a tracepoint', () => {
  expect(testRun(cpu, image(PROG_TYPE.TRACEPOINT, 'r0 = 0\nexit'), { progFd: 0 })).toBe(-524);
});
