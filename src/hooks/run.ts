/**
 * What PROG_TEST_RUN does for every program type: sizes of the context buffers, the repeated run, and the results. A buffer
 * of length 0 is no buffer.
 * Rules and the order of their errors were measured on Linux 6.18.
 */
import { XDP_MD, offsetsOf } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import { Meter } from '../vm/index.ts';
import type { CompileRequest, Context } from '../vm/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { contextOf } from './context.ts';
import { longestRun } from './program-facts.ts';

/** Largest context that may be given, whatever its trailing zeros. */
const MAX_CTX_IN = 4096;

/**
 * A copy of `ctxIn` as a struct of `size` bytes: shorter ones are filled up with zeros, longer ones must be zero beyond.
 * Undefined when there is neither `ctxIn` nor `ctxOut`. -E2BIG.
 */
export function contextIn(attr: ProgTestRunAttr, size: number): Uint8Array | number | undefined {
  const { ctxIn } = attr;
  if (!ctxIn?.length && !attr.ctxOut?.length) return undefined;
  const struct = new Uint8Array(size);
  if (ctxIn === undefined) return struct;
  if (ctxIn.length > MAX_CTX_IN || ctxIn.subarray(size).some((byte) => byte !== 0)) return -ERRNO.E2BIG;
  struct.set(ctxIn.subarray(0, size));
  return struct;
}

/**
 * Run on the prepared context as often as asked; context and packet go on from run to run. Fills `retval` and
 * `duration`. A program that nobody verified and that has a budget is interpreted.
 * @throws BudgetTrap: it took more than `attr.fuel` or `attr.timeMs`.
 * @throws Trap: the program did what its verification should have excluded.
 */
export function runRepeated(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr, context?: Context): void {
  const { clock, rcu } = cpu.host;
  const repeat = Math.max(1, attr.repeat ?? 1);
  const limited = attr.fuel !== undefined || attr.timeMs !== undefined;
  cpu.env.progType = image.progType;
  const compiled = limited && !image.verified ? undefined : compiledBy(cpu, image, context, { fuel: limited });
  cpu.meter = limited ? new Meter(attr, () => clock.monotonic()) : undefined;
  const start = clock.monotonic();
  let retval = 0;
  cpu.jit?.forget();
  rcu.enter();
  try {
    if (cpu.jit !== undefined && compiled?.ok)
      retval = cpu.jit.repeat(compiled, repeat, cpu.ctx.base, context, cpu.meter);
    else retval = interpret(cpu, image, repeat, context);
  } catch (error) {
    cpu.host.stopped();
    throw error;
  } finally {
    rcu.exit();
    cpu.meter = undefined;
  }
  attr.retval = retval;
  attr.duration = Math.min(0xffffffff, Math.max(0, Math.floor((clock.monotonic() - start) / repeat)));
}

function interpret(cpu: Cpu, { executable }: ProgramImage, repeat: number, context?: Context): number {
  const { interpreter, ctx, meter } = cpu;
  let retval = 0;
  for (let i = 0; i < repeat; i++) retval = interpreter.run(executable, ctx.base, 0, Infinity, context, meter);
  return retval;
}

/**
 * Call a function of a program as a run of its own, with the words of r1-r3 and no context. With `fuel` a program that may take
 * longer is interpreted.
 * @throws BudgetTrap: it took more than `fuel` instructions; InternalError, Trap as `runRepeated`
 */
export function runCallback(
  cpu: Cpu,
  image: ProgramImage,
  entry: number,
  args: readonly [number, number, number],
  fuel = Infinity,
): void {
  const { rcu, clock } = cpu.host;
  cpu.env.progType = image.progType;
  const meter = fuel < longestRun(image) ? new Meter({ fuel }, () => clock.monotonic()) : undefined;
  const compiled = meter ? undefined : compiledBy(cpu, image, contextOf(cpu, image), {});
  cpu.jit?.forget();
  rcu.enter();
  try {
    if (compiled?.ok && cpu.jit?.callback(compiled, entry, args)) return;
    const { interpreter } = cpu;
    interpreter.start(image.executable, args[0], args[1], Infinity, undefined, meter, 0, entry);
    interpreter.registers[6] = args[2];
    interpreter.resume();
  } catch (error) {
    cpu.host.stopped();
    throw error;
  } finally {
    rcu.exit();
  }
}

/** Where an XDP program's context says where the packet lies. */
const XDP_PACKET = offsetsOf(XDP_MD, ['data', 'data_end', 'data_meta']);

/** In which way a program is compiled: as what tail calls start; counting what it takes. */
type Variant = Pick<CompileRequest, 'entry' | 'fuel'>;

/** The program as the CPU's JIT compiles it, once; undefined without a JIT. */
export function compiledBy(
  cpu: Cpu,
  image: ProgramImage,
  context: Context | undefined,
  variant: Variant,
): ProgramImage['compiled'] {
  if (!variant.entry && !variant.fuel) {
    if (image.compiled !== undefined) return image.compiled;
    image.compiled = compileFor(cpu, image, context, variant);
    if (cpu.host.warmup > 0 && image.compiled?.ok) image.compiled.warm(cpu.ctx.base, cpu.host.warmup);
    return image.compiled;
  }
  const key = `${variant.entry ? 'entry' : 'main'}${variant.fuel ? ' with fuel' : ''}`;
  const known = image.variants.get(key);
  if (known !== undefined) return known;
  const compiled = compileFor(cpu, image, context, variant);
  if (compiled !== undefined) image.variants.set(key, compiled);
  return compiled;
}

function compileFor(
  { jit, mode: verifiedMode }: Cpu,
  image: ProgramImage,
  context: Context | undefined,
  variant: Variant,
): ProgramImage['compiled'] {
  const { executable, verified, stackDepth, mapLoads } = image;
  const packetFields = image.progType === PROG_TYPE.XDP ? XDP_PACKET : undefined;
  const mode = verified ? verifiedMode : 'checked';
  return jit?.compile(executable, { mode, stackDepth, mapLoads, narrow: context, packetFields, ...variant });
}

/** `attr` as Linux hands it back where nothing was run: sizes as given, results 0. */
export function clearResults(attr: ProgTestRunAttr): void {
  attr.retval = attr.duration = 0;
  attr.dataSizeOut = attr.dataOut?.length ?? 0;
  attr.ctxSizeOut = attr.ctxOut?.length ?? 0;
}

/**
 * Hand out packet and context. Buffers that are too short give -ENOSPC and get what fits; after that of the packet the
 * context is not written. Where a packet has a `rest` beyond its first piece, the rest is what must fit: the piece before
 * it is cut, and without room for the rest there are no results at all.
 */
export function results(cpu: Cpu, attr: ProgTestRunAttr, ctx?: Uint8Array): number {
  const { dataOut, ctxOut } = attr;
  const { size, rest } = cpu.packet;
  const whole = size + rest.length;
  if (dataOut?.length) {
    const room = Math.min(dataOut.length, whole) - rest.length;
    if (room < 0) {
      clearResults(attr);
      return -ERRNO.ENOSPC;
    }
    const { start } = cpu.packet;
    dataOut.set(cpu.host.space.bytes.subarray(start, start + room));
    dataOut.set(rest, room);
  }
  attr.dataSizeOut = whole;
  if (dataOut?.length && dataOut.length < whole) return -ERRNO.ENOSPC;
  if (ctxOut?.length && ctx !== undefined) {
    attr.ctxSizeOut = ctx.length;
    ctxOut.set(ctx.subarray(0, ctxOut.length));
    if (ctxOut.length < ctx.length) return -ERRNO.ENOSPC;
  }
  return 0;
}
