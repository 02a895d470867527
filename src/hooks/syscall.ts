/**
 * Programs of type syscall: run on request only. The context is whatever `ctxIn` holds, and what the program leaves in it
 * is written back there.
 *
 * Refuses: packets, a context to fill, repetition, batches, flags, a context of more than 65,535 bytes or shorter than what
 * the program touches (-EINVAL).
 */
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { runRepeated } from './run.ts';

const MAX_CTX = 65535;

/** Run a program on a context. @returns 0 or -errno. */
export function testRunSyscall(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr): number {
  const { ctxIn } = attr;
  if (attr.dataIn?.length || attr.dataOut?.length || attr.ctxOut?.length) return -ERRNO.EINVAL;
  if (attr.repeat || attr.batchSize || attr.flags) return -ERRNO.EINVAL;
  const size = ctxIn?.length ?? 0;
  if (size < image.maxCtxOffset || size > MAX_CTX) return -ERRNO.EINVAL;
  const { ctx, host } = cpu;
  ctx.size = size;
  ctx.writable = true;
  if (ctxIn) host.space.bytes.set(ctxIn, ctx.base);
  runRepeated(cpu, image, attr);
  attr.duration = 0;
  ctxIn?.set(host.space.bytes.subarray(ctx.base, ctx.base + size));
  return 0;
}
