/**
 * What PROG_TEST_RUN does for every program type: sizes of the context buffers, the repeated run, and the results.
 * Rules and the order of their errors were measured on Linux 6.18.
 */
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import type { Context } from '../vm/index.ts';
import type { Cpu, ProgramImage } from './api.ts';

/** Largest context that may be given, whatever its trailing zeros. */
const MAX_CTX_IN = 4096;

/**
 * A copy of `ctxIn` as a struct of `size` bytes: shorter ones are filled up with zeros, longer ones must be zero beyond.
 * Undefined when there is neither `ctxIn` nor `ctxOut`. -E2BIG.
 */
export function contextIn(attr: ProgTestRunAttr, size: number): Uint8Array | number | undefined {
  const { ctxIn, ctxOut } = attr;
  if (ctxIn === undefined && ctxOut === undefined) return undefined;
  const struct = new Uint8Array(size);
  if (ctxIn === undefined) return struct;
  if (ctxIn.length > MAX_CTX_IN || ctxIn.subarray(size).some((byte) => byte !== 0)) return -ERRNO.E2BIG;
  struct.set(ctxIn.subarray(0, size));
  return struct;
}

/**
 * Run on the prepared context as often as asked; context and packet go on from run to run. Fills `retval` and
 * `duration`.
 * @throws Trap: the program did what its verification should have excluded.
 */
export function runRepeated(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr, context?: Context): void {
  const { interpreter, host } = cpu;
  const { clock, rcu } = host;
  const { executable } = image;
  const repeat = Math.max(1, attr.repeat ?? 1);
  const { base } = cpu.ctx;
  const start = clock.monotonic();
  let retval = 0;
  rcu.enter();
  try {
    for (let i = 0; i < repeat; i++) retval = interpreter.run(executable, base, 0, Infinity, context);
  } finally {
    rcu.exit();
  }
  attr.retval = retval;
  attr.duration = Math.min(0xffffffff, Math.max(0, Math.floor((clock.monotonic() - start) / repeat)));
}

/**
 * Hand out the packet, whose pieces follow each other, and the context. Buffers that are too short get what fits and
 * -ENOSPC; after that of the packet the context is not written.
 */
export function results(attr: ProgTestRunAttr, packet: readonly Uint8Array[], ctx: Uint8Array | undefined): number {
  attr.dataSizeOut = packet.reduce((sum, piece) => sum + piece.length, 0);
  const { dataOut, ctxOut } = attr;
  // Length 0 is "no buffer"; on Linux it is "of any length".
  if (dataOut !== undefined && dataOut.length > 0) {
    let at = 0;
    for (const piece of packet) {
      dataOut.set(piece.subarray(0, dataOut.length - at), at);
      at = Math.min(dataOut.length, at + piece.length);
    }
    if (dataOut.length < attr.dataSizeOut) return -ERRNO.ENOSPC;
  }
  if (ctxOut !== undefined && ctx !== undefined) {
    attr.ctxSizeOut = ctx.length;
    ctxOut.set(ctx.subarray(0, ctxOut.length));
    if (ctxOut.length < ctx.length) return -ERRNO.ENOSPC;
  }
  return 0;
}
