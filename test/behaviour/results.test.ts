/** Results that the campaign of runs once found different: one program each, the same on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { ATTACH_TYPE, BPF_CMD, HELPER_NAMES, PROG_TYPE } from '../../src/uapi/index.ts';
import { FunctionBtf } from '../function-btf.ts';
import { answer, hex, load, outcome, u32 } from './support.ts';

const FRAME = Uint8Array.from({ length: 32 }, (_, i) => 0xf0 + (i & 7));
const call = (name: string): string => `call ${HELPER_NAMES.indexOf(name)}`;

interface Result {
  readonly retval: number;
  readonly packet: string;
}

function run(sys: BpfSys, progType: number, text: string, data: Uint8Array = FRAME): Result {
  const expectedAttachType = progType === PROG_TYPE.CGROUP_SKB ? ATTACH_TYPE.CGROUP_INET_EGRESS : 0;
  const progFd = load(sys, { progType, expectedAttachType, insns: encode(assemble(text).insns) });
  expect(progFd, text).toBeGreaterThan(2);
  const attr = { progFd, dataIn: data, dataOut: new Uint8Array(16384), retval: 0, dataSizeOut: 0 };
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

const frame = (type: string, header: string, size: number): Uint8Array => {
  const bytes = new Uint8Array(size);
  bytes.set(Buffer.from(`020000000001020000000002${type}${header}`, 'hex'));
  return bytes;
};
const IPV4_FRAME = frame('0800', '45c3002800014000401100000a0000010a000001', 74);
const IPV6_FRAME = frame('86dd', '60000000000011407fe800', 54);

const POP_TAG = `r1 = r6\n${call('skb_vlan_pop')}`;
const PUSH_TAG = `r1 = r6\nr2 = 0x81\nr3 = 5\n${call('skb_vlan_push')}`;
const change = (name: string, by: number): string => `r1 = r6\nr2 = ${by}\nr3 = 0\n${call(name)}`;
const room = (by: number, flags: number, mode = 1): string =>
  `r1 = r6\nr2 = ${by}\nr3 = ${mode}\nr4 = ${flags}\n${call('skb_adjust_room')}`;

/** Run what changes the packet of r6. */
const edit = (sys: BpfSys, text: string, data: Uint8Array = IPV4_FRAME): Result =>
  run(sys, PROG_TYPE.SCHED_CLS, `r6 = r1\nr0 = 0\n${text}\nexit`, data);

/** What change_tail answers for each length, after what changes the packet. */
function leastLength(sys: BpfSys, before: string, data: Uint8Array = IPV4_FRAME): string {
  const answers: string[] = [];
  let last: number | undefined;
  for (let length = 0; length < 120; length++) {
    const result = edit(sys, `${before}\n${change('skb_change_tail', length)}`, data).retval | 0;
    if (result !== last) answers.push(`${result} from ${length}`);
    last = result;
  }
  return answers.join(', ');
}

/** r0 of a program with a function that begins at a slot. */
function runWithFunction(sys: BpfSys, text: string, slot: number, linkage: string, ...params: string[]): number {
  const types = new FunctionBtf('sched_cls');
  const ids = [types.add('main', 'global', ['ctx']), types.add('f', linkage, params)];
  const funcInfo = u32(0, ids[0] ?? 0, slot, ids[1] ?? 0);
  const progBtfFd = sys.bpf(BPF_CMD.BTF_LOAD, { btf: types.bytes() });
  const { insns } = assemble(text);
  const program = { progType: PROG_TYPE.SCHED_CLS, insns: encode(insns), progBtfFd, funcInfo, funcInfoRecSize: 8 };
  const progFd = load(sys, program);
  expect(progFd, text).toBeGreaterThan(2);
  const attr = { progFd, dataIn: FRAME, retval: 0 };
  expect(answer(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr))).toBe('ok');
  sys.close(progFd);
  sys.close(progBtfFd);
  return attr.retval | 0;
}

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
  'a packet that grows again and again': ({ sys, ledger }) => {
    const steps = {
      head: change('skb_change_head', 295),
      room: room(1000, 0),
      tags: Array(16).fill(PUSH_TAG).join('\n'),
    };
    for (const [name, step] of Object.entries(steps))
      for (const times of [1, 12, 13, 14, 15, 16]) {
        const { retval, packet } = edit(sys, Array(times).fill(step).join('\n'));
        ledger(`${times} times ${name}`, [retval | 0, packet.length / 2]);
      }
  },
  'the least length of a packet': ({ sys, ledger }) => {
    const before = {
      nothing: '',
      'more room before than Linux had': change('skb_change_head', 70),
      'and less again': `${change('skb_change_head', 66)}\n${room(-10, 0)}`,
      'a header': room(20, 2),
      'a header of UDP': room(48, 4 | 16),
      'a header of UDP behind new bytes': `${change('skb_change_head', 70)}\n${room(28, 2 | 16)}`,
      'two tags': `${PUSH_TAG}\n${PUSH_TAG}`,
      'twenty tags': Array(20).fill(PUSH_TAG).join('\n'),
    };
    for (const [name, text] of Object.entries(before)) ledger(name, leastLength(sys, text));
  },
  'which refusal of adjust_room comes first': ({ sys, ledger }) => {
    for (const data of [IPV4_FRAME, IPV6_FRAME])
      for (const mode of [0, 1])
        for (const by of [20, -1, -20, -100]) {
          const results = [0, 2, 6, 8, 26, 66, 128, 130, 384, 512].map((flags) => {
            const one = edit(sys, room(by, flags, mode), data).retval | 0;
            const two = edit(sys, `${room(by, flags, mode)}\n${room(by, flags, mode)}`, data).retval | 0;
            return `${flags}: ${one} ${two}`;
          });
          ledger(`${data.length} bytes, mode ${mode}, ${by}`, results.join(', '));
        }
  },
  'rounds that bpf_loop refuses': ({ sys, ledger }) => {
    // Linux makes a loop of the call where the flags are always 0.
    const flags = { 'a loop': 'r4 = 0', 'a call': 'r4 = *(u32 *)(r1 + 8)', 'bad flags': 'r4 = 1' };
    for (const [name, setFlags] of Object.entries(flags))
      for (const rounds of ['0x3', '0x800001', '0xffffffff', '0x100000002', '0xffffffffffffffff']) {
        const half = (shift: number): number => {
          const before = `${setFlags}\nr1 = ${rounds} ll\nr2 = subprog[f]\nr3 = 0`;
          const text = `${before}\n${call('loop')}\nr0 >>= ${shift}\nexit\nf:\nr0 = 0\nexit`;
          return runWithFunction(sys, text, assemble(text).insns.length - 2, 'static', 'u64', 'u64');
        };
        ledger(`${name} of ${rounds} rounds`, [half(32), half(0)]);
      }
  },
  'NULL for an argument that is never NULL': ({ sys, backend }) => {
    // Linux loads it, and must not run it: the function reads through the pointer.
    const { insns } = assemble('r1 = 0\ncall function\nexit\nfunction:\nr0 = *(u64 *)(r1 + 0)\nexit');
    const types = new FunctionBtf('sched_cls');
    const ids = [types.add('main', 'global', ['ctx']), types.add('function', 'global', ['mem:8/nonnull'])];
    const progBtfFd = sys.bpf(BPF_CMD.BTF_LOAD, { btf: types.bytes() });
    const funcInfo = u32(0, ids[0] ?? 0, 3, ids[1] ?? 0);
    const attr = { progType: PROG_TYPE.SCHED_CLS, insns: encode(insns), progBtfFd, funcInfo, funcInfoRecSize: 8 };
    expect(outcome(sys, load(sys, attr))).toBe(backend === 'linux' ? 'ok' : 'ENOTSUPP');
    sys.close(progBtfFd);
  },
  'the network header behind tags': ({ sys, ledger }) => {
    for (const head of [0, 3, 4, 5, 20, 70])
      for (const [name, text, data] of [
        ['tag taken', POP_TAG, VLAN_FRAME],
        ['two tags taken', `${POP_TAG}\n${POP_TAG}`, VLAN_FRAME],
        ['tag pushed in', `${PUSH_TAG}\n${PUSH_TAG}`, IPV4_FRAME],
        ['tags pushed in and taken', `${PUSH_TAG}\n${PUSH_TAG}\n${POP_TAG}\n${POP_TAG}`, IPV4_FRAME],
      ] as const)
        ledger(`${head} bytes before, ${name}`, leastLength(sys, `${change('skb_change_head', head)}\n${text}`, data));
  },
  'probe reads of what they write': ({ sys, ledger }) => {
    for (const size of [2, 7, 8, 9, 15, 16, 23, 24])
      for (const ahead of [1, 2, 3, 4, 7, 8, 9, -3]) {
        // Bytes 0 to 7 of the packet 5 times, copied over themselves; a sum that tells their order.
        const fill = [0, 8, 16, 24, 32].map(
          (at) => `r2 = ${0x01020304 + 0x10101010 * (at / 8)}\n*(u64 *)(r10 -${40 - at}) = r2`,
        );
        const words = [8, 16, 24, 32, 40].map((at) => `r2 = *(u64 *)(r10 -${at})\nr0 *= 31\nr0 += r2`);
        const text = `${fill.join('\n')}
          r1 = r10\nr1 += ${-36 + ahead}\nr2 = ${size}\nr3 = r10\nr3 += -36\n${call('probe_read_kernel')}
          r0 = 0\n${words.join('\n')}\nr1 = r0\nr1 >>= 32\nr0 ^= r1\nexit`;
        ledger(`${size} bytes, ${ahead} ahead`, run(sys, PROG_TYPE.SCHED_CLS, text).retval);
      }
  },
  'reads through pointers that may lead nowhere': ({ sys, ledger }) => {
    const pointers = {
      null: 'r1 = 0',
      low: 'r1 = 8',
      high: 'r1 = -256',
      odd: 'r1 = 0x8000000000000000 ll',
      stack: 'r1 = r10',
    };
    const loads = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'];
    for (const [name, pointer] of Object.entries(pointers))
      for (const load of loads)
        for (const off of [-8, -16]) {
          const fill = '*(u64 *)(r10 -8) = -2\n*(u64 *)(r10 -16) = 0x12345678';
          const body = `r0 = *(${load} *)(r1 ${off})\nr2 = r0\nr2 >>= 32\nr0 ^= r2\nexit`;
          const text = `${fill}\n${pointer}\ncall f\nexit\nf:\n${body}`;
          const slot = name === 'odd' ? 6 : 5;
          ledger(`${name}, ${load} at ${off}`, runWithFunction(sys, text, slot, 'global', 'ptr:u64/untrusted'));
        }
  },
  'tags that are cut off': ({ sys, ledger }) => {
    const twoTags = frame('88a8', 'ed6f810001230800', 40);
    for (const [name, data] of [
      ['one', VLAN_FRAME],
      ['two', twoTags],
    ] as const)
      for (const length of [14, 17, 18, 21, 22])
        for (const head of [0, 4]) {
          const text = `${change('skb_change_head', head)}\n${change('skb_change_tail', length + head)}\n${POP_TAG}`;
          const { retval, packet } = edit(sys, text, data);
          ledger(`${name}, ${head} bytes before, ${length} left`, [retval | 0, packet]);
        }
  },
  'packet loads that fail end their function': ({ sys, ledger }) => {
    for (const offset of [0, 100000]) {
      const text = `call f\nr0 = 1\nexit\nf:\nr6 = r1\nr0 = *(u8 *)skb[${offset}]\nr0 = 5\nexit`;
      ledger(`offset ${offset}`, runWithFunction(sys, text, 3, 'static', 'ctx'));
    }
  },

  'congestion behind a VLAN tag of a packet that has grown': ({ sys, ledger }) => {
    for (const head of [1, 2, 4, 8, 14, 18]) {
      const text = `r6 = r1\nr2 = ${head}\nr3 = 0\n${call('skb_change_head')}\nr1 = r6\n${call('skb_ecn_set_ce')}\nexit`;
      const { retval, packet } = run(sys, PROG_TYPE.SCHED_CLS, text, VLAN_FRAME);
      ledger(`${head}`, [retval, packet]);
    }
  },

  'how long the next hop of a redirection is': ({ sys, ledger }) => {
    for (const size of [0, 1, 19, 20, 24]) {
      const hop = size === 0 ? 'r2 = 0' : 'r2 = r10\nr2 += -24';
      const zeros = '*(u64 *)(r10 -8) = 0\n*(u64 *)(r10 -16) = 0\n*(u64 *)(r10 -24) = 0';
      const text = `${zeros}\nr1 = 1\n${hop}\nr3 = ${size}\nr4 = 0\n${call('redirect_neigh')}\nexit`;
      ledger(`${size}`, run(sys, PROG_TYPE.SCHED_CLS, text).retval);
    }
  },
});
