/** Batches of packets in place: each packet comes out as PROG_TEST_RUN has it, on every engine. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { BudgetTrap, ERRNO, InternalError } from '../../src/errors/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { Kernel, KernelOptions, PacketBatch } from '../../src/kernel/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';
import { hex } from './support.ts';

const load = (kernel: Kernel, text: string, progType: number = PROG_TYPE.XDP): number =>
  kernel.bpf(BPF_CMD.PROG_LOAD, { progType, insns: encode(assemble(text).insns), license: 'GPL' });

/** r6 = data, r7 = its end; less than 14 bytes: 0 */
const BOUNDS = `
  r8 = r1
  r0 = 0
  r6 = *(u32 *)(r1 + 0)
  r7 = *(u32 *)(r1 + 4)
  r2 = r6
  r2 += 14
  if r2 <= r7 goto +1
  exit
`;
const PROGRAMS: Readonly<Record<string, string>> = {
  'writes, and returns a byte and the length': `${BOUNDS}
    r0 = *(u8 *)(r6 + 13)
    r1 = r0
    r1 += 1
    *(u8 *)(r6 + 12) = r1
    r7 -= r6
    r7 <<= 8
    r0 += r7
    exit`,
  'calls no helper on packets': `${BOUNDS}
    call 8
    *(u16 *)(r6 + 0) = r0
    r0 = *(u8 *)(r6 + 3)
    exit`,
  'grows at the front': `${BOUNDS}
    r1 = r8
    r2 = -4
    call 44
    r0 += 100
    exit`,
  'shrinks at the front': `${BOUNDS}
    r1 = r8
    r2 = 6
    call 44
    r0 = 5
    exit`,
  'sees no metadata': `
    r2 = *(u32 *)(r1 + 8)
    r3 = *(u32 *)(r1 + 0)
    r0 = 1
    if r2 == r3 goto +1
    r0 = 2
    exit`,
};

const packets = Array.from({ length: 20 }, (_, i) => Uint8Array.from({ length: 20 + i }, (_, at) => i * 7 + at));
const SIZE = 64;

function fill(batch: PacketBatch): void {
  packets.forEach((packet, i) => {
    batch.packet(i).set(packet);
    batch.setLength(i, packet.length);
  });
}

/** Two packets of zeros, the second with 100 at byte 13. */
function fill2(batch: PacketBatch): void {
  for (const i of [0, 1]) {
    batch.packet(i).fill(0);
    batch.packet(i)[13] = 100 * i;
    batch.setLength(i, 20);
  }
}

const ENGINES: readonly KernelOptions[] = [{ engine: 'interp' }, { engine: 'jit' }, { engine: 'jit', hardened: true }];

for (const options of ENGINES) {
  describe(`batches on ${options.engine}${options.hardened ? ' hardened' : ''}`, () => {
    for (const [name, text] of Object.entries(PROGRAMS)) {
      it(name, () => {
        const kernel = createKernel(options);
        const progFd = load(kernel, text);
        expect(progFd).toBeGreaterThan(2);
        const alone = packets.map((dataIn) => {
          const attr = { progFd, dataIn, dataOut: new Uint8Array(SIZE), dataSizeOut: 0, retval: 0 };
          expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
          return [attr.retval, hex(attr.dataOut.subarray(0, attr.dataSizeOut))];
        });
        const batch = kernel.openBatch(progFd, packets.length, SIZE) as PacketBatch;
        fill(batch);
        batch.run(packets.length);
        const together = packets.map((_, i) => [batch.verdict(i), hex(batch.packet(i).subarray(0, batch.length(i)))]);
        expect(together).toEqual(alone);
        fill(batch);
        const prepared = packets.map((_, i) => {
          const { run, at } = batch.prepare(i);
          return [run(at) >>> 0, hex(batch.packet(i).subarray(0, batch.length(i)))];
        });
        expect(prepared).toEqual(alone);
        const before = kernel.memoryBytes;
        batch.close();
        expect(kernel.memoryBytes).toBeLessThan(before);
      });
    }

    it('are called again and again, whatever else runs, and not once they are closed', () => {
      let nested: (() => number) | undefined;
      const kernel = createKernel({ ...options, trace: () => nested?.() });
      const progFd = load(kernel, `${BOUNDS}\nr0 = *(u8 *)(r6 + 13)\nr0 += 1\n*(u8 *)(r6 + 13) = r0\nexit`);
      const talks = load(kernel, '*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\nr2 = 8\ncall 6\nr0 = 2\nexit');
      const batch = kernel.openBatch(progFd, 2, SIZE) as PacketBatch;
      fill2(batch);
      const [{ run, at }, other] = [batch.prepare(0), batch.prepare(1)];
      expect([run(at), run(at), other.run(other.at), run(at)]).toEqual([1, 2, 101, 3]);
      const dataIn = new Uint8Array(64);
      expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, { progFd, dataIn })).toBe(0);
      expect(run(at)).toBe(4);
      batch.setLength(0, 14);
      expect(run(at)).toBe(5);
      nested = () => run(at);
      expect(() => kernel.bpf(BPF_CMD.PROG_TEST_RUN, { progFd: talks, dataIn })).toThrow(InternalError);
      nested = undefined;
      expect(run(at)).toBe(6);
      expect(() => run(at + 8)).toThrow(InternalError);
      batch.close();
      expect(() => run(at)).toThrow(InternalError);
      const refilled = kernel.openBatch(progFd, 2, SIZE) as PacketBatch;
      fill2(refilled);
      expect(() => other.run(other.at + 1)).toThrow(InternalError);
    });

    it('run on as many as they are told to, and stop when the budget is used up', () => {
      const kernel = createKernel(options);
      const progFd = load(kernel, 'r0 = 7\nr1 = 0\nr1 += 1\nif r1 < 100 goto -2\nexit');
      const batch = kernel.openBatch(progFd, 20, SIZE) as PacketBatch;
      fill(batch);
      batch.run(0);
      batch.run(3);
      expect([0, 2, 3].map((i) => batch.verdict(i))).toEqual([7, 7, 0]);
      expect(() => batch.run(20, { fuel: 1500 })).toThrow(BudgetTrap);
      expect([batch.verdict(3), batch.verdict(19)]).toEqual([7, 0]);
      batch.run(20, { fuel: 100_000 });
      expect(batch.verdict(19)).toBe(7);
    });
  });
}

it('batches are refused where they cannot be', () => {
  const kernel = createKernel();
  const xdp = load(kernel, 'r0 = 0\nexit');
  expect(kernel.openBatch(99, 1, 64)).toBe(-ERRNO.EBADF);
  expect(kernel.openBatch(load(kernel, 'r0 = 0\nexit', PROG_TYPE.SCHED_CLS), 1, 64)).toBe(-ERRNO.EINVAL);
  for (const [capacity, size] of [
    [0, 64],
    [1.5, 64],
    [1, 13],
    [1, 65536],
    [-1, 64],
  ])
    // prettier-ignore
    expect(kernel.openBatch(xdp, capacity, size)).toBe(-ERRNO.EINVAL);
  expect(kernel.openBatch(xdp, 1 << 20, 4096)).toBe(-ERRNO.ENOMEM);
  const batch = kernel.openBatch(xdp, 2, 64) as PacketBatch;
  expect(() => batch.run(3)).toThrow(RangeError);
  expect(() => batch.setLength(0, 65)).toThrow(RangeError);
  expect(() => batch.packet(2)).toThrow(RangeError);
  // The batch holds the program.
  kernel.close(xdp);
  batch.setLength(0, 64);
  batch.run(1);
  batch.close();
  batch.close();
  expect(() => batch.run(1)).toThrow('closed');
});
