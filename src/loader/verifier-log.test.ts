import { expect, it } from 'vitest';
import { summariseLog } from './index.ts';

/** Logs of Linux 6.18. */
const packet = `0: R1=ctx() R10=fp0
; __u8 *data = (void *)(long)ctx->data; @ rejected.c:21
0: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)
; return data[12] == 8 ? XDP_PASS : XDP_DROP; @ rejected.c:22
1: (71) r1 = *(u8 *)(r1 +12)
invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

it('the last line that tells something', () => {
  expect(summariseLog(packet)).toEqual({
    summary: 'R1 offset is outside of the packet',
    insn: 1,
    stats: { insns: 2, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0, stackDepth: '' },
  });
});

it('counts of an accepted program', () => {
  const log = `verification time 95 usec
stack depth 32+16+0
processed 63 insns (limit 1000000) max_states_per_insn 1 total_states 5 peak_states 4 mark_read 0
`;
  expect(summariseLog(log).stats).toEqual({
    insns: 63,
    maxStatesPerInsn: 1,
    totalStates: 5,
    peakStates: 4,
    stackDepth: '32+16+0',
  });
});

it('a log of one line, and none', () => {
  expect(summariseLog('unknown func bpf_none#999\n')).toEqual({
    summary: 'unknown func bpf_none#999',
    insn: -1,
    stats: undefined,
  });
  expect(summariseLog('')).toEqual({ summary: '', insn: -1, stats: undefined });
});

it('a log that ends in an instruction', () => {
  expect(summariseLog('0: R1=ctx() R10=fp0\n0: (95) exit\n')).toMatchObject({ summary: '0: (95) exit', insn: 0 });
});
