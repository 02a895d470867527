/**
 * Raw tracepoints: the context is what the event passes, up to twelve words of 64 bits. PROG_TEST_RUN takes them in `ctxIn`.
 *
 * Refuses: packets, a context to fill, repetition, batches, a CPU without the flag RUN_ON_CPU, a context that is too
 * long or shorter than what the program reads (-EINVAL), a CPU that is not there (-ENXIO).
 */
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { runRepeated } from './run.ts';

/** @kernel MAX_BPF_FUNC_ARGS, 8 bytes each */
const MAX_CTX = 12 * 8;
/** @kernel BPF_F_TEST_RUN_ON_CPU */
const RUN_ON_CPU = 1;

/** Run a program on an event. @returns 0 or -errno. */
export function testRunRawTp(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr): number {
  const { ctxIn, flags = 0, cpu: number = 0 } = attr;
  if (attr.dataIn?.length || attr.dataOut?.length || attr.ctxOut?.length) return -ERRNO.EINVAL;
  if (attr.repeat || attr.batchSize) return -ERRNO.EINVAL;
  const size = ctxIn?.length ?? 0;
  if (size < image.maxCtxOffset || size > MAX_CTX) return -ERRNO.EINVAL;
  // Linux looks at no other flag.
  const onCpu = (flags & RUN_ON_CPU) !== 0;
  if (!onCpu && number !== 0) return -ERRNO.EINVAL;
  if (onCpu && number >= cpu.host.possibleCpus) return -ERRNO.ENXIO;
  const { ctx, host, env } = cpu;
  ctx.size = MAX_CTX;
  ctx.writable = false;
  host.space.bytes.fill(0, ctx.base, ctx.base + MAX_CTX);
  if (ctxIn) host.space.bytes.set(ctxIn, ctx.base);
  env.cpu = number;
  try {
    runRepeated(cpu, image, attr);
  } finally {
    env.cpu = 0;
  }
  attr.duration = 0;
  return 0;
}
