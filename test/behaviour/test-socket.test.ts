/** The socket behind the packet of a test run, as a program sees it through `__sk_buff` and `bpf_sock`, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { ATTACH_TYPE, BPF_CMD, HELPER_NAMES, PROG_TYPE } from '../../src/uapi/index.ts';
import { answer, createMap, hex, load, lookup, u32 } from './support.ts';

const MACS = '020000000001020000000002';
const frame = (...parts: string[]): Uint8Array => new Uint8Array(Buffer.from(parts.join(''), 'hex'));
const FRAMES = {
  ipv4: frame(MACS, '0800', '4500001c0001400040110000', '0a000001', '0a000002', '1122334400080000'),
  ipv6: frame(MACS, '86dd', '6000000000081140', '00112233445566778899aabbccddeeff', 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'),
  other: frame(MACS, '0806', '00'.repeat(50)),
};
const SK_FULLSOCK = HELPER_NAMES.indexOf('sk_fullsock');

/** The bytes that a program puts at r2, which has room for 4, having r1 as its context. */
function seen(sys: BpfSys, progType: number, text: string, data: Uint8Array): string {
  const map = createMap(sys, { maxEntries: 1 });
  const { insns, mapRefs } = assemble(`${text}\nr2 = map[m][0]\n*(u32 *)(r2 + 0) = r0\nr0 = 1\nexit`);
  const patched = insns.map((insn, i) =>
    mapRefs.some((ref) => ref.insn === i) ? { ...insn, src: 2, imm: map } : insn,
  );
  const expectedAttachType = progType === PROG_TYPE.CGROUP_SKB ? ATTACH_TYPE.CGROUP_INET_EGRESS : 0;
  const progFd = load(sys, { progType, expectedAttachType, insns: encode(patched) });
  expect(progFd).toBeGreaterThan(2);
  expect(answer(sys.bpf(BPF_CMD.PROG_TEST_RUN, { progFd, dataIn: data }))).toBe('ok');
  const value = new Uint8Array(8);
  expect(lookup(sys, map, u32(0), value)).toBe('ok');
  sys.close(progFd);
  sys.close(map);
  return hex(value.subarray(0, 4));
}

const field = (offset: number): string => `r0 = *(u32 *)(r1 + ${offset})`;
const ofSocket = (offset: number): string => `
  r1 = *(u64 *)(r1 + 168)
  r0 = 1
  if r1 == 0 goto +4
  call ${SK_FULLSOCK}
  if r0 == 0 goto +2
  r1 = r0
  ${field(offset)}`;

onBackends('test-socket', {
  'fields of the context': ({ sys }) => {
    const all = (data: Uint8Array): string[] =>
      [88, 92, 96, 100, 112, 116, 128, 132, 136].map((off) => seen(sys, PROG_TYPE.CGROUP_SKB, field(off), data));
    const [none, closed] = ['00000000', ['00000000', '00000000']];
    expect(all(FRAMES.ipv4)).toEqual(['02000000', '0a000002', '0a000001', none, none, none, none, ...closed]);
    expect(all(FRAMES.ipv6)).toEqual(
      ['0a000000', none, none, 'f0f1f2f3', 'fcfdfeff', '00112233', 'ccddeeff'].concat(closed),
    );
    expect(all(FRAMES.other)).toEqual(Array(9).fill(none));
  },
  'the socket itself': ({ sys }) => {
    const all = (data: Uint8Array): string[] =>
      [4, 8, 24, 28, 52, 56, 68, 72, 76].map((off) => seen(sys, PROG_TYPE.SCHED_CLS, ofSocket(off), data));
    const none = '00000000';
    const state = ['07000000', 'ffffffff'];
    expect(all(FRAMES.ipv4)).toEqual(['02000000', none, '0a000001', none, '0a000002', none, none, ...state]);
    expect(all(FRAMES.ipv6)).toEqual(['0a000000', none, none, '00112233', none, 'f0f1f2f3', 'fcfdfeff'].concat(state));
    expect(all(FRAMES.other)).toEqual([...Array<string>(7).fill(none), ...state]);
  },
  'lwt_seg6local has no test run': ({ sys }) => {
    const progFd = load(sys, { progType: PROG_TYPE.LWT_SEG6LOCAL });
    expect(progFd).toBeGreaterThan(2);
    expect(answer(sys.bpf(BPF_CMD.PROG_TEST_RUN, { progFd, dataIn: FRAMES.other }))).toBe('ENOTSUPP');
  },
});
