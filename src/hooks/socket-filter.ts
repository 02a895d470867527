/**
 * Filters at sockets of this process: an eBPF program, or a classic one. Each run answers how many bytes of the packet are
 * let through. A run that does not come to its end (a program runs already; it takes more than it may; it is one that nobody
 * verified, and goes wrong) drops the packet, and is counted: a filter that fails lets nothing through.
 *
 * What an eBPF program sees of a packet comes from the packet's own facts: `ancillary` as the fields of `__sk_buff` that
 * mean the same, `socket` behind `sk`. Where a packet has no device, `ifindex` is 0. All other fields are 0.
 */
import { ClassicProgram, translateClassic } from '../cbpf/index.ts';
import type { ClassicAncillary, ClassicInstruction, ClassicPacket } from '../cbpf/index.ts';
import { SK_BUFF, offsetsOf } from '../contracts/index.ts';
import { BpfError, ERRNO, Trap, UnsupportedError } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import type { SocketFacts, SocketFilter, SocketPacket } from '../sys/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import { verify } from '../verifier/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { AttachedProgram } from './attached.ts';
import { createImage } from './cpu.ts';
import { mayWriteContext, packetReach } from './program-facts.ts';
import type { PacketReach } from './program-facts.ts';
import { SOCK, SOCK_SIZE } from './test-socket.ts';

const AT = offsetsOf(SK_BUFF, [
  ...(['len', 'pkt_type', 'mark', 'queue_mapping', 'protocol', 'vlan_present', 'vlan_tci', 'vlan_proto'] as const),
  ...(['ingress_ifindex', 'ifindex', 'cb', 'hash', 'sk'] as const),
]);

/** A copy of what goes out has not come in anywhere. */
const PACKET_OUTGOING = 4;

const NO_BYTES = new Uint8Array(0);
/** What a socket with an address of IPv6 shows as one of IPv4. @kernel LOOPBACK4_IPV6 */
const V4_OF_V6 = [127, 0, 0, 6];

/** Two bytes of the network in a field of 16 bits. */
const swap16 = (value = 0): number => ((value & 0xff) << 8) | ((value >> 8) & 0xff);

/** Most bytes of a packet that are there, headers included; further ones are missing, as in a capture that cuts packets. */
export const MAX_SHOWN = 1 << 17;
/** Bytes that are copied one by one. */
const FEW = 12;
/** Above every address. */
const OUTSIDE = 2 ** 33;

/** Index behind the last byte that a program may look at. */
function reached({ start = 0, network = start, link = start }: SocketPacket, reach: PacketReach): number {
  return Math.max(start + reach.data, network + reach.network, link + reach.link);
}

/**
 * What the filters of a CPU share: room for a packet, and the context while it is of a socket's packet. What has not changed
 * since the last packet is not written again.
 */
class SocketContext {
  /** Filters that use it. */
  users = 0;
  readonly #cpu: Cpu;
  readonly #room: Region;
  #ancillary: ClassicAncillary | undefined;
  #socket: SocketFacts | undefined;
  /** What the room begins with. */
  #headers: Uint8Array | undefined;
  #revision: number | undefined;
  /** Whether `cb` may hold something. */
  #written = false;

  constructor(cpu: Cpu) {
    const options = { kind: 'packet', name: 'packet of a socket', writable: false, contains: () => false } as const;
    const room = cpu.host.space.allocate(MAX_SHOWN, options);
    if (room === undefined) throw new BpfError(ERRNO.ENOMEM, 'attach', 'no memory for packets');
    this.#cpu = cpu;
    this.#room = room;
  }

  free(): void {
    if (this.#cpu.prepared === this) this.#cpu.prepared = undefined;
    this.#cpu.host.space.free(this.#room);
  }

  /**
   * Put a packet there.
   * @param reach how far it will be looked at
   * @param written whether the context will be written
   */
  place(packet: SocketPacket, reach: PacketReach, written: boolean): void {
    const cpu = this.#cpu;
    const { ancillary, socket, headers } = packet;
    if (cpu.prepared !== this) this.#prepare();
    if (ancillary !== this.#ancillary || (ancillary as object) === packet) this.#writeAncillary(ancillary);
    if (socket !== this.#socket) this.#writeSocket(socket);
    if (headers === undefined) this.#show(packet, reach);
    else this.#showBehind(headers, packet, reach);
    const { view } = cpu.host.space;
    const ctx = cpu.ctx.base;
    view.setUint32(ctx + AT.len, packet.length ?? cpu.packet.length, true);
    if (this.#written) {
      view.setFloat64(ctx + AT.cb, 0);
      view.setFloat64(ctx + AT.cb + 8, 0);
      view.setUint32(ctx + AT.cb + 16, 0);
    }
    this.#written = written;
  }

  #show(packet: SocketPacket, reach: PacketReach): void {
    const { bytes, start = 0, network = start, link = start, end = bytes.length } = packet;
    // Bytes before all headers cannot be reached.
    const first = Math.min(start, network, link);
    const last = Math.min(end, first + MAX_SHOWN);
    this.#copy(bytes, first, Math.min(last, reached(packet, reach)), this.#room.base);
    this.#headers = undefined;
    this.#point(packet, this.#room.base - first);
    this.#cpu.packet.length = Math.max(last - start, 0);
  }

  #copy(bytes: Uint8Array, from: number, to: number, at: number): void {
    const memory = this.#cpu.host.space.bytes;
    // Calling `set` costs as much as some bytes one by one.
    if (to - from > FEW) memory.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at);
    else for (let i = from; i < to; i++) memory[at + i - from] = bytes[i];
  }

  #showBehind(headers: Uint8Array, packet: SocketPacket, reach: PacketReach): void {
    const { base } = this.#room;
    const { bytes, revision, start = 0 } = packet;
    if (headers !== this.#headers || revision !== this.#revision) {
      this.#cpu.host.space.bytes.set(headers, base);
      this.#point(packet, base);
      this.#headers = headers;
      this.#revision = revision;
    }
    const before = headers.length;
    const length = Math.min(bytes.length, MAX_SHOWN - before);
    const wanted = reached(packet, reach) - before;
    this.#copy(bytes, 0, wanted > FEW ? length : Math.min(length, wanted), base + before);
    this.#cpu.packet.length = before + length - start;
  }

  /** Where data and headers begin, of a packet whose first byte is at an address. */
  #point({ start = 0, network = start, link }: SocketPacket, first: number): void {
    const { packet } = this.#cpu;
    packet.data = first + start;
    packet.network = first + network;
    packet.mac = link === undefined ? OUTSIDE : first + link;
  }

  /** Others have used the memory. */
  #prepare(): void {
    const { ctx, host, skbContext } = this.#cpu;
    ctx.size = SK_BUFF.size;
    ctx.writable = true;
    host.space.bytes.fill(0, ctx.base, ctx.base + SK_BUFF.size);
    skbContext.clear();
    this.#ancillary = this.#socket = this.#headers = undefined;
    this.#written = false;
    this.#cpu.prepared = this;
  }

  #writeAncillary(facts: ClassicAncillary | undefined): void {
    this.#ancillary = facts;
    const { view } = this.#cpu.host.space;
    const write = (offset: number, value = 0): void => view.setUint32(this.#cpu.ctx.base + offset, value, true);
    write(AT.pkt_type, facts?.pktType);
    write(AT.mark, facts?.mark);
    write(AT.queue_mapping, facts?.queue);
    write(AT.protocol, swap16(facts?.protocol));
    write(AT.vlan_present, facts?.vlanPresent);
    write(AT.vlan_tci, facts?.vlanTci);
    write(AT.vlan_proto, swap16(facts?.vlanTpid));
    write(AT.ingress_ifindex, facts?.pktType === PACKET_OUTGOING ? 0 : facts?.ifindex);
    write(AT.ifindex, facts?.ifindex);
    write(AT.hash, facts?.rxhash);
  }

  #writeSocket(facts: SocketFacts | undefined): void {
    this.#socket = facts;
    const { sock, host, ctx } = this.#cpu;
    const { bytes, view } = host.space;
    view.setUint32(ctx.base + AT.sk, facts === undefined ? 0 : sock.base, true);
    if (facts === undefined) return;
    bytes.fill(0, sock.base, sock.base + SOCK_SIZE);
    const write = (offset: number, value: number): void => view.setUint32(sock.base + offset, value, true);
    const six = facts.localAddress?.length === 16 || facts.remoteAddress?.length === 16;
    const { localAddress = NO_BYTES, remoteAddress = NO_BYTES } = facts;
    bytes.set(localAddress, sock.base + (six ? SOCK.src_ip6 : SOCK.src_ip4));
    bytes.set(remoteAddress, sock.base + (six ? SOCK.dst_ip6 : SOCK.dst_ip4));
    if (six && localAddress.some((byte) => byte !== 0)) bytes.set(V4_OF_V6, sock.base + SOCK.src_ip4);
    write(SOCK.family, facts.family);
    write(SOCK.type, facts.type);
    write(SOCK.protocol, facts.protocol);
    write(SOCK.src_port, facts.localPort ?? 0);
    write(SOCK.dst_port, swap16(facts.remotePort));
    write(SOCK.state, facts.state);
    write(SOCK.rx_queue_mapping, -1);
  }
}

const contexts = new WeakMap<Cpu, SocketContext>();

function holdContext(cpu: Cpu): SocketContext {
  const context = contexts.get(cpu) ?? new SocketContext(cpu);
  contexts.set(cpu, context);
  context.users++;
  return context;
}

function dropContext(cpu: Cpu, context: SocketContext): void {
  if (--context.users > 0) return;
  contexts.delete(cpu);
  cpu.host.rcu.defer(() => context.free());
}

/** An eBPF program of type socket_filter at a socket. */
export class ProgramFilter implements SocketFilter {
  failures = 0;
  readonly looksBefore: boolean;
  readonly #cpu: Cpu;
  readonly #context: SocketContext;
  readonly #program: AttachedProgram;
  readonly #reach: PacketReach;
  readonly #writes: boolean;
  readonly #released: () => void;

  /**
   * @param released called once, when the filter is closed
   * @throws BpfError ENOMEM
   */
  constructor(cpu: Cpu, image: ProgramImage, fuel: number | undefined, released: () => void) {
    this.#cpu = cpu;
    this.#context = holdContext(cpu);
    this.#program = new AttachedProgram(cpu, image, fuel, cpu.skbContext);
    this.#reach = packetReach(image);
    this.looksBefore = this.#reach.network > 0 || this.#reach.link > 0;
    this.#writes = mayWriteContext(image);
    this.#released = released;
  }

  run(packet: SocketPacket): number {
    const { env, host } = this.#cpu;
    if (!host.rcu.idle) {
      this.failures++;
      return 0;
    }
    this.#context.place(packet, this.#reach, this.#writes);
    env.packet = this.#cpu.packet;
    try {
      return this.#program.run(this.#cpu.ctx.base);
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      this.failures++;
      return 0;
    } finally {
      env.packet = undefined;
    }
  }

  close(): void {
    dropContext(this.#cpu, this.#context);
    this.#released();
  }
}

/** A classic program at a socket, interpreted. */
export class ClassicFilter implements SocketFilter {
  readonly failures = 0;
  readonly #program: ClassicProgram;
  /** The packet in one piece; one object for all of them. */
  readonly #whole: { -readonly [K in keyof ClassicPacket]: ClassicPacket[K] } = { bytes: NO_BYTES };
  #joined = NO_BYTES;

  /** @throws BpfError EINVAL with the reason, where Linux would refuse the program */
  constructor(insns: readonly ClassicInstruction[]) {
    this.#program = new ClassicProgram(insns);
  }

  run(packet: SocketPacket): number {
    const { headers, bytes, end } = packet;
    if (headers === undefined && end === undefined) return this.#program.run(packet);
    const whole = this.#whole;
    whole.bytes = headers === undefined ? bytes.subarray(0, end) : this.#join(headers, bytes);
    whole.start = packet.start;
    whole.network = packet.network;
    whole.link = packet.link;
    whole.length = packet.length;
    whole.ancillary = packet.ancillary;
    return this.#program.run(whole);
  }

  #join(headers: Uint8Array, bytes: Uint8Array): Uint8Array {
    const length = headers.length + bytes.length;
    if (this.#joined.length !== length) {
      const room = length <= this.#joined.buffer.byteLength ? this.#joined.buffer : new ArrayBuffer(2 * length);
      this.#joined = new Uint8Array(room, 0, length);
    }
    this.#joined.set(headers);
    this.#joined.set(bytes, headers.length);
    return this.#joined;
  }

  close(): void {}
}

const ALL_CAPS = (1n << 64n) - 1n;

/**
 * A classic program at a socket: translated and compiled where it can be, as Linux does, else interpreted.
 * @throws BpfError EINVAL with the reason, where Linux would refuse the program
 */
export function classicFilter(cpu: Cpu | undefined, insns: readonly ClassicInstruction[]): SocketFilter {
  const interpreted = new ClassicFilter(insns);
  const image = cpu?.jit && imageOfClassic(insns);
  // Without loops a run takes no more than there are instructions.
  return cpu && image ? new ProgramFilter(cpu, image, Infinity, () => {}) : interpreted;
}

/** @returns undefined where a program asks for what no context shows, or is more than the verifier takes. */
function imageOfClassic(classic: readonly ClassicInstruction[]): ProgramImage | undefined {
  try {
    const insns = translateClassic(classic);
    const type = { progType: PROG_TYPE.SOCKET_FILTER, expectedAttachType: 0, progFlags: 0 };
    const result = verify({ ...type, insns, license: 'GPL', caps: ALL_CAPS, mapOf: () => undefined, logLevel: 0 });
    return result.ok ? createImage(result.program, 0, [], true) : undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}
