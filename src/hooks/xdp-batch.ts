/**
 * XDP programs on many packets that lie in the memory already: the caller writes packets in place, one call runs the program on
 * all of them, and their verdicts lie beside their lengths. A program that calls no helper on packets is looped over in
 * WebAssembly. Packets stay as the program left them. Each sees the context that a frame without one has in PROG_TEST_RUN.
 */
import { XDP_MD } from '../contracts/index.ts';
import { BpfError, ERRNO, InternalError } from '../errors/index.ts';
import { CALL } from '../isa/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_TYPE as M } from '../uapi/index.ts';
import { BATCH_ENTRY, Meter } from '../vm/index.ts';
import type { Budget } from '../vm/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { WITHOUT_PACKET } from './program-facts.ts';
import { compiledBy } from './run.ts';
import { fillXdpContext, writeXdpContext } from './xdp.ts';

/** Room before each packet, as on Linux. @kernel XDP_PACKET_HEADROOM */
const HEADROOM = 256;
/** A packet and its room start at a multiple of this. */
const ALIGN = 64;
const NO_BYTES = new Uint8Array(0);
/** Most packets of a batch, and most bytes of them with their room. */
const MAX_BYTES = 1 << 30;

/** bpf_map_{lookup,update,delete}_elem: the map core does it, on these types. */
const MAP_HELPERS: ReadonlySet<number> = new Set([1, 2, 3]);
const CORE_TYPES: ReadonlySet<number> = new Set([M.HASH, M.ARRAY, M.PERCPU_HASH, M.PERCPU_ARRAY, M.LRU_HASH]);

/** `run(at)` runs the program; a plain function of WebAssembly where it can be, so it is worth keeping both in constants. */
export interface PreparedRun {
  /**
   * @returns what the program returned, 32 bits signed
   * @throws InternalError once the batch is closed, from inside a run, and for any other `at`
   */
  readonly run: (at: number) => number;
  readonly at: number;
}

export interface PacketBatch {
  /** Packets that there is room for. */
  readonly capacity: number;
  /** Most bytes of a packet. */
  readonly size: number;
  /** Packet `index`, 0 or more: `size` bytes to write the packet into. Growing the memory detaches it. */
  packet(index: number): Uint8Array;
  /** Bytes of packet `index`, 0 at first. A program may change it. */
  length(index: number): number;
  /** Say how long packet `index` is: 14 or more. @throws RangeError */
  setLength(index: number, length: number): void;
  /** What the program returned for packet `index`, 32 bits unsigned. */
  verdict(index: number): number;
  /**
   * Run the program on the first `count` packets.
   * @throws BudgetTrap: it took more than it may; the packets before have their verdicts
   */
  run(count: number, budget?: Budget): void;
  /**
   * The program on packet `index`, for callers that run it again and again: it reads and writes the packet where it lies.
   * `setLength` holds for it too.
   * @throws BpfError -ENOMEM
   */
  prepare(index: number): PreparedRun;
  /** Give the memory back. */
  close(): void;
}

/** @param released called when the batch is closed. @returns undefined where there is no memory for it, or it is no batch */
export function openXdpBatch(
  cpu: Cpu,
  image: ProgramImage,
  capacity: number,
  size: number,
  released: () => void,
): PacketBatch | undefined {
  const stride = Math.ceil((HEADROOM + size) / ALIGN) * ALIGN;
  if (!(capacity >= 1 && size >= 14 && size <= 0xffff && capacity * stride <= MAX_BYTES)) return undefined;
  const { space } = cpu.host;
  const list = space.allocate(capacity * BATCH_ENTRY.SIZE, {
    kind: 'mem',
    name: 'batch',
    writable: false,
    contains: () => false,
  });
  const packets =
    list &&
    space.allocate(capacity * stride, {
      kind: 'packet',
      name: 'packets',
      contains: (offset, bytes) => batch.contains(offset, bytes),
    });
  if (packets === undefined) {
    if (list !== undefined) space.free(list);
    return undefined;
  }
  const batch: XdpBatch = new XdpBatch(cpu, image, { list: list as Region, packets, stride }, capacity, size, released);
  return batch;
}

interface Memory {
  readonly list: Region;
  readonly packets: Region;
  readonly stride: number;
}

function callsOnly({ executable: { op, imm } }: ProgramImage, helpers: ReadonlySet<number>): boolean {
  return op.every((code, slot) => code !== CALL || helpers.has(imm[slot]));
}

/** Whether a compiled program runs without calling JavaScript, but for the map core that asks for memory. */
function staysInWasm({ mode, host }: Cpu, image: ProgramImage): boolean {
  const { file, src } = image.executable;
  const maps = [...image.mapLoads].map((slot) => host.mapAt(file[src[slot]] >>> 0));
  const areCores = maps.every((map) => map && CORE_TYPES.has(map.info.type) && map.hasUsers === undefined);
  return mode === 'verified' && areCores && callsOnly(image, MAP_HELPERS);
}

class XdpBatch implements PacketBatch {
  readonly capacity: number;
  readonly size: number;
  readonly #cpu: Cpu;
  readonly #image: ProgramImage;
  readonly #memory: Memory;
  readonly #released: () => void;
  readonly #withoutPacket: boolean;
  /** Contexts of packets that `prepare` was called for. */
  readonly #contexts = new Map<number, Region>();
  #open = true;

  constructor(cpu: Cpu, image: ProgramImage, memory: Memory, capacity: number, size: number, released: () => void) {
    this.capacity = capacity;
    this.size = size;
    this.#cpu = cpu;
    this.#image = image;
    this.#memory = memory;
    this.#released = released;
    this.#withoutPacket = callsOnly(image, WITHOUT_PACKET);
    const { view } = cpu.host.space;
    for (let i = 0; i < capacity; i++) view.setUint32(this.#entry(i) + BATCH_ENTRY.ADDRESS, this.#address(i), true);
  }

  packet(index: number): Uint8Array {
    const address = this.#address(this.#checked(index));
    return this.#cpu.host.space.bytes.subarray(address, address + this.size);
  }

  setLength(index: number, length: number): void {
    if (!(length >= 14 && length <= this.size)) throw new RangeError(`a packet of ${length} bytes`);
    const { view } = this.#cpu.host.space;
    view.setUint32(this.#entry(this.#checked(index)) + BATCH_ENTRY.LENGTH, length, true);
    const context = this.#contexts.get(index);
    if (context !== undefined) writeXdpContext(view, context.base, this.#address(index), length);
  }

  length(index: number): number {
    return this.#length(this.#checked(index));
  }

  verdict(index: number): number {
    return this.#cpu.host.space.view.getUint32(this.#entry(this.#checked(index)) + BATCH_ENTRY.VERDICT, true);
  }

  run(count: number, budget?: Budget): void {
    if (count === 0) return;
    this.#checked(count - 1);
    this.#runAll(0, count, budget);
  }

  #refuseNested(): void {
    if (!this.#cpu.host.rcu.idle) throw new InternalError('a program that runs cannot run a batch');
  }

  /** Run on `count` packets from packet `first` on. */
  #runAll(first: number, count: number, budget?: Budget): void {
    const cpu = this.#cpu;
    const { rcu, clock } = cpu.host;
    this.#refuseNested();
    cpu.prepared = undefined;
    cpu.jit?.forget();
    const compiled =
      budget !== undefined && !this.#image.verified
        ? undefined
        : compiledBy(cpu, this.#image, undefined, { fuel: budget !== undefined });
    cpu.meter = budget && new Meter(budget, () => clock.monotonic());
    cpu.env.progType = this.#image.progType;
    cpu.packet.place(NO_BYTES, 0);
    fillXdpContext(cpu);
    rcu.enter();
    try {
      const inPlace = compiled?.ok && this.#withoutPacket;
      if (inPlace && cpu.jit?.batch(compiled, cpu.ctx.base, this.#entry(first), count, cpu.meter)) return;
      for (let i = first; i < first + count; i++) this.#runOne(i, compiled);
    } catch (error) {
      cpu.host.stopped();
      throw error;
    } finally {
      rcu.exit();
      cpu.meter = undefined;
      cpu.env.packet = undefined;
    }
  }

  prepare(index: number): PreparedRun {
    const { jit } = this.#cpu;
    const { base } = this.#contextOf(this.#checked(index));
    const compiled = compiledBy(this.#cpu, this.#image, undefined, {});
    const call = compiled?.ok && !compiled.mayEnd ? compiled.call : undefined;
    if (jit === undefined || call === undefined || !compiled?.ok || !staysInWasm(this.#cpu, this.#image))
      return { run: (at) => this.#runPrepared(index, at === base), at: base };
    jit.addContext(base, compiled, () => this.#refuseNested());
    return { run: call, at: base };
  }

  /** The context of a packet, which stays. @throws BpfError -ENOMEM */
  #contextOf(index: number): Region {
    const { space } = this.#cpu.host;
    const known = this.#contexts.get(index);
    const context = known ?? space.allocate(XDP_MD.size, { kind: 'ctx', name: 'context', writable: false });
    if (context === undefined) throw new BpfError(ERRNO.ENOMEM, 'batch', 'no memory for a context');
    this.#contexts.set(index, context);
    writeXdpContext(space.view, context.base, this.#address(index), this.#length(index));
    return context;
  }

  #runPrepared(index: number, isContext: boolean): number {
    if (!isContext || !this.#open) throw new InternalError('there is no such context');
    this.#runAll(index, 1);
    return this.verdict(index) | 0;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const { space } = this.#cpu.host;
    const { jit } = this.#cpu;
    for (const context of this.#contexts.values()) {
      jit?.removeContext(context.base);
      space.free(context);
    }
    space.free(this.#memory.list);
    space.free(this.#memory.packets);
    this.#released();
  }

  /** Whether bytes of the region of packets are all in one packet. */
  contains(offset: number, bytes: number): boolean {
    const { stride, packets } = this.#memory;
    const at = packets.base + offset;
    const index = Math.floor(offset / stride);
    return at >= this.#address(index) && at + bytes <= this.#address(index) + this.#length(index);
  }

  /** Run on a copy of packet `index`, which helpers may grow, cut and move, and put the packet back as it is then. */
  #runOne(index: number, compiled: ProgramImage['compiled']): void {
    const cpu = this.#cpu;
    const { packet, jit, interpreter, meter, ctx, host } = cpu;
    const at = this.#address(index);
    packet.place(host.space.bytes.slice(at, at + this.#length(index)), 0);
    cpu.env.packet = packet;
    fillXdpContext(cpu);
    const verdict =
      jit !== undefined && compiled?.ok
        ? jit.repeat(compiled, 1, ctx.base, undefined, meter)
        : interpreter.run(this.#image.executable, ctx.base, 0, Infinity, undefined, meter);
    const { view, bytes } = host.space;
    const length = Math.min(packet.size, this.size);
    bytes.copyWithin(at, packet.start, packet.start + length);
    view.setUint32(this.#entry(index) + BATCH_ENTRY.LENGTH, length, true);
    view.setUint32(this.#entry(index) + BATCH_ENTRY.VERDICT, verdict, true);
  }

  #checked(index: number): number {
    if (!this.#open) throw new RangeError('the batch is closed');
    if (!(index >= 0 && index < this.capacity)) throw new RangeError(`packet ${index} of ${this.capacity}`);
    return index;
  }

  #entry(index: number): number {
    return this.#memory.list.base + index * BATCH_ENTRY.SIZE;
  }

  #address(index: number): number {
    return this.#memory.packets.base + index * this.#memory.stride + HEADROOM;
  }

  #length(index: number): number {
    return this.#cpu.host.space.view.getUint32(this.#entry(index) + BATCH_ENTRY.LENGTH, true);
  }
}
