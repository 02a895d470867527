/** Warming up has no effect that anybody could see: not on maps, packets, messages, clocks or results. */
import { expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';
import { createMap, lookup, u32 } from './support.ts';

/** Counts in a map, changes the packet, says something, asks for the time, and goes through a loop. */
const TEXT = `
  r6 = r1
  r1 = map[counter][0]
  r2 = 1
  lock *(u64 *)(r1 + 0) += r2
  *(u32 *)(r10 - 8) = 0x6968
  r1 = r10
  r1 += -8
  r2 = 4
  call 6
  call 5
  r7 = *(u32 *)(r6 + 0)
  r3 = *(u32 *)(r6 + 4)
  r2 = r7
  r2 += 14
  if r2 > r3 goto +3
  r1 = *(u8 *)(r7 + 0)
  r1 += 1
  *(u8 *)(r7 + 0) = r1
  r0 = 0
  r8 = 0
  r0 += 3
  r8 += 1
  if r8 < 100 goto -3
  exit`;

it('a program that is warmed up has run as often as it was asked to', () => {
  const lines: string[] = [];
  let looks = 0;
  const clock = { monotonic: () => looks++, boottime: () => 0, tai: () => 0 };
  const kernel = createKernel({ warmup: 30, clock, trace: (line) => lines.push(line) });
  const counter = createMap(kernel, { maxEntries: 1 });
  const { insns, mapRefs } = assemble(TEXT);
  const slot = mapRefs[0].insn;
  const linked = insns.map((insn, at) => (at === slot ? { ...insn, src: 2, imm: counter } : insn));
  const progFd = kernel.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.XDP, insns: encode(linked), license: 'GPL' });
  expect(progFd).toBeGreaterThan(2);
  const dataOut = new Uint8Array(64);
  const value = new Uint8Array(8);
  looks = 0;
  for (let run = 1; run <= 3; run++) {
    const attr = { progFd, dataIn: new Uint8Array(64), dataOut, retval: 0 };
    expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
    expect([attr.retval, dataOut[0], lines.length]).toEqual([300, 1, run]);
    lookup(kernel, counter, u32(0), value);
    expect(value[0]).toBe(run);
    // One by the program and two around it.
    expect(looks).toBe(3 * run);
  }
  expect(kernel.notCompiled(progFd)).toBeUndefined();
});
