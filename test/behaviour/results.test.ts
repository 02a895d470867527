/** Results that the campaign of runs once found different: one program each, the same on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { ATTACH_TYPE, BPF_CMD, HELPER_NAMES, PROG_TYPE } from '../../src/uapi/index.ts';
import { answer, hex, load } from './support.ts';

const FRAME = Uint8Array.from({ length: 32 }, (_, i) => 0xf0 + (i & 7));
const call = (name: string): string => `call ${HELPER_NAMES.indexOf(name)}`;

interface Result {
  readonly retval: number;
  readonly packet: string;
}

function run(sys: BpfSys, progType: number, text: string, data = FRAME): Result {
  const expectedAttachType = progType === PROG_TYPE.CGROUP_SKB ? ATTACH_TYPE.CGROUP_INET_EGRESS : 0;
  const progFd = load(sys, { progType, expectedAttachType, insns: encode(assemble(text).insns) });
  expect(progFd, text).toBeGreaterThan(2);
  const attr = { progFd, dataIn: data, dataOut: new Uint8Array(4096), retval: 0, dataSizeOut: 0 };
  expect(answer(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr))).toBe('ok');
  sys.close(progFd);
  return { retval: attr.retval, packet: hex(attr.dataOut.subarray(0, attr.dataSizeOut)) };
}

/** The sum of what replaces `from` bytes with `to` bytes, all of them `byte`. */
function difference(sys: BpfSys, byte: number, from: number, to: number, seed: number): number {
  const pointer = (register: number, size: number): string =>
    size ? `r${register} = r10\nr${register} += -16` : `r${register} = 0`;
  const word = `0x${byte.toString(16).padStart(2, '0').repeat(8)} ll`;
  const text = `
    r1 = ${word}
    *(u64 *)(r10 - 16) = r1
    *(u64 *)(r10 - 8) = r1
    ${pointer(1, from)}
    r2 = ${from}
    ${pointer(3, to)}
    r4 = ${to}
    r5 = ${seed}
    ${call('csum_diff')}
    exit`;
  return run(sys, PROG_TYPE.SCHED_CLS, text).retval;
}

const VLAN_FRAME = new Uint8Array(
  Buffer.from('02000000000102000000000288a825510800457600280001400040069eaa0a0000010a000003ec070246b733ab95', 'hex'),
);

onBackends('results', {
  'strings of no bytes': ({ sys, ledger }) => {
    for (const name of ['probe_read_kernel_str', 'probe_read_user_str', 'probe_read_kernel'])
      for (const from of ['r3 = 0', 'r3 = r10', 'r3 = -1']) {
        const text = `r1 = r10\nr1 += -8\nr2 = 0\n${from}\n${call(name)}\nexit`;
        ledger(`${name}, ${from}`, run(sys, PROG_TYPE.SCHED_CLS, text).retval | 0);
      }
  },
  'congestion behind a VLAN tag': ({ sys, ledger }) => {
    const type = [0x88a8, 0x8100, 0x0800, 0x0806];
    for (const inner of type) {
      const frame = VLAN_FRAME.slice();
      new DataView(frame.buffer).setUint16(16, inner);
      const mark = `${call('skb_ecn_set_ce')}\nr0 &= 1\nexit`;
      for (const progType of [PROG_TYPE.SCHED_CLS, PROG_TYPE.CGROUP_SKB])
        for (const length of [18, 20, 36, frame.length]) {
          const { retval, packet } = run(sys, progType, mark, frame.subarray(0, length));
          ledger(`${inner} in ${length} bytes, type ${progType}`, `${retval} ${packet}`);
        }
    }
  },
  'numbers that overlap their text': ({ sys, ledger }) => {
    for (const name of ['strtol', 'strtoul'])
      for (const [from, base] of [
        [-24, 0],
        [-22, 0],
        [-21, 10],
        [-17, 0],
        [-22, 7],
      ]) {
        const text = `
          r1 = 0x3534333231302b20 ll
          *(u64 *)(r10 - 24) = r1
          *(u64 *)(r10 - 16) = r1
          r1 = r10
          r1 += ${from}
          r2 = 3
          r3 = ${base}
          r4 = r10
          r4 += -24
          ${call(name)}
          r1 = *(u64 *)(r10 - 24)
          r1 <<= 16
          r0 += r1
          exit`;
        ledger(`${name} ${from} ${base}`, run(sys, PROG_TYPE.SCHED_CLS, text).retval);
      }
  },
  'which zero a checksum is': ({ sys, ledger }) => {
    for (const byte of [0, 0xff])
      for (const seed of [0, 1, -1]) {
        const sizes = [
          [0, 0],
          [1, 0],
          [2, 0],
          [4, 0],
          [6, 0],
          [8, 0],
          [0, 2],
          [0, 4],
          [2, 2],
          [4, 4],
          [8, 4],
          [5, 8],
        ];
        const sums = sizes.map(([from, to]) => difference(sys, byte, from, to, seed));
        ledger(`${byte}, seed ${seed}`, sums);
      }
  },
  'room before a frame is zeros': ({ sys, ledger }) => {
    const fill = `
      r6 = r1
      r2 = -16
      ${call('xdp_adjust_head')}
      r1 = r6
      r2 = *(u32 *)(r1 + 0)
      r3 = *(u32 *)(r1 + 4)
      r4 = r2
      r4 += 16
      if r4 > r3 goto +2
      *(u64 *)(r2 + 0) = -1
      *(u64 *)(r2 + 8) = -1
      r0 = 2
      exit`;
    const show = `
      r2 = -16
      ${call('xdp_adjust_head')}
      r0 = 2
      exit`;
    ledger('written', run(sys, PROG_TYPE.XDP, fill).packet);
    ledger('by another run', run(sys, PROG_TYPE.XDP, show).packet);
  },
});
