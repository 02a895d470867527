/**
 * Program types: how each one's context is made, run and read back.
 *
 *     const cpu = createCpu(host, engine);                                // per kernel
 *     const image = createImage(program, expectedAttachType, maps, true); // per program
 *     const errno = testRun(cpu, image, attr);                            // per PROG_TEST_RUN
 */
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { clearResults } from './run.ts';
import { testRunRawTp } from './raw-tp.ts';
import { testRunSkb } from './skb.ts';
import { testRunSyscall } from './syscall.ts';
import { testRunXdp } from './xdp.ts';

export type { Cpu, EngineName, Host, ProgramImage, ProgramOwner } from './api.ts';
export type { AttachedStats } from './attached.ts';
export { EventSource } from './event-source.ts';
export type { EventArg, EventAttachOptions, EventAttachment, EventShape } from './event-source.ts';
export { createCpu, createImage } from './cpu.ts';
export { ClassicFilter, ProgramFilter, classicFilter } from './socket-filter.ts';
export { inspectProgram } from './inspect.ts';
export type { ProgramInspection } from './inspect.ts';
export { openXdpBatch } from './xdp-batch.ts';
export type { PacketBatch, PreparedRun } from './xdp-batch.ts';
export { ProgramNumbers } from './program-numbers.ts';

type TestRun = (cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr) => number;

/** Linux has no test run for tracepoint, kprobe, lwt_seg6local and others; what is missing here of those that have one answers the same. */
const TEST_RUNS: Readonly<Record<number, TestRun>> = {
  [PROG_TYPE.SOCKET_FILTER]: testRunSkb,
  [PROG_TYPE.SCHED_CLS]: testRunSkb,
  [PROG_TYPE.SCHED_ACT]: testRunSkb,
  [PROG_TYPE.CGROUP_SKB]: testRunSkb,
  [PROG_TYPE.LWT_IN]: testRunSkb,
  [PROG_TYPE.LWT_OUT]: testRunSkb,
  [PROG_TYPE.LWT_XMIT]: testRunSkb,
  [PROG_TYPE.XDP]: testRunXdp,
  [PROG_TYPE.RAW_TRACEPOINT]: testRunRawTp,
  [PROG_TYPE.SYSCALL]: testRunSyscall,
};

/**
 * PROG_TEST_RUN: run a program on `dataIn` and `ctxIn`, `repeat` times; fills `retval`, `duration`, the buffers and
 * their sizes.
 * @returns 0; -EINVAL, -E2BIG, -ENODEV, -ENOMEM, -EBADMSG as the program type's file says; -ENOSPC where a buffer is too
 * short, results filled; -ENOTSUPP for a type without a test run.
 * @throws Trap where a program does what its verification should have excluded.
 */
export function testRun(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr): number {
  clearResults(attr);
  cpu.prepared = undefined;
  const run = TEST_RUNS[image.progType];
  if (run === undefined) return -ERRNO.ENOTSUPP;
  try {
    return run(cpu, image, attr);
  } finally {
    if (image.keepsStorage) cpu.host.ended(cpu.sock.base);
  }
}
