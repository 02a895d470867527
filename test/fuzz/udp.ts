/**
 * Filters at a UDP socket on loopback, in user space against the kernel. Each case is one program (eBPF or classic, random or
 * hand-written) at one socket, first of the kernel and then of user space, and the same datagrams for both: what is
 * delivered must be the same, byte by byte, and so must be the program's map.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { formatProgram } from '../../src/asm/index.ts';
import { ClassicProgram, checkClassic, formatClassic } from '../../src/cbpf/index.ts';
import type { ClassicInstruction } from '../../src/cbpf/index.ts';
import { BpfError } from '../../src/errors/index.ts';
import { loadLibc } from '../../src/ffi/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { Instruction } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { EngineName, Kernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import { Program } from '../../src/loader/index.ts';
import { attachSocketFilter } from '../../src/node/sockets/attach.ts';
import type { SocketFilterLink } from '../../src/node/sockets/attach.ts';
import { datagramDescriptor } from '../../src/node/sockets/dgram-filter.ts';
import { FlowPacket, IPPROTO, PACKET_TYPE } from '../../src/node/sockets/ip-headers.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { NETLINK_FACTS, SOCKET_FACTS, classicProgram } from '../support/classic-programs.ts';
import { counting, udpProgram } from '../support/udp-programs.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';

let whyNot = 'the package koffi is not installed';
const libc = await loadLibc();
const linux = libc && (await openLinux().catch(unavailable));

function unavailable(error: unknown): undefined {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
}

/** Datagrams of a case. */
const DATAGRAMS = 100;
/** All that wait at the socket at once, in bytes: more than its buffer holds would be lost. */
const WAITING = 100_000;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const SOL_SOCKET = 1;
const SO_NO_CHECK = 11;
const MAP_ENTRIES = 256;
const VALUE_SIZE = 16;
/** The kernel keeps longer datagrams in several pieces, and looks for no netlink attributes in them. */
const ONE_PIECE = 16_000;
const WITHOUT_NETLINK = SOCKET_FACTS.filter((fact) => !NETLINK_FACTS.includes(fact));
const counts = { datagrams: 0, delivered: 0, dropped: 0, cut: 0, ebpf: 0, classic: 0, counting: 0 };

interface Line {
  readonly sender: Socket;
  readonly receiver: Socket;
}

let line: Promise<Line> | undefined;

/** The sockets of all cases. Between cases they do not keep the process. */
async function openLine(): Promise<Line> {
  const receiver = createSocket('udp4').bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  const sender = createSocket('udp4');
  sender.connect((receiver.address() as AddressInfo).port, '127.0.0.1');
  await once(sender, 'connect');
  sender.unref();
  // In user space the UDP checksum is zero; so it is here.
  const on = new Uint8Array(Int32Array.of(1).buffer);
  if (libc?.setsockopt(datagramDescriptor(sender), SOL_SOCKET, SO_NO_CHECK, on) !== 0) throw new Error('SO_NO_CHECK');
  return { sender, receiver };
}

/** A program that both sides load. */
interface Subject {
  readonly text: string;
  attach(receiver: Socket, sys: BpfSys): { link: SocketFilterLink; map?: () => string; close(): void };
}

function classicSubject(insns: readonly ClassicInstruction[]): Subject {
  return {
    text: formatClassic(insns, 'dd'),
    attach: (receiver, sys) => ({ link: attachSocketFilter(receiver, insns, { sys }), close: () => {} }),
  };
}

function programSubject(make: (mapFd: number) => Instruction[], usesMap: boolean): Subject {
  return {
    text: formatProgram(make(0)).join('\n'),
    attach(receiver, sys) {
      const spec = { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: VALUE_SIZE, maxEntries: MAP_ENTRIES };
      const mapFd = usesMap ? sys.bpf(BPF_CMD.MAP_CREATE, spec) : -1;
      const attr = { progType: PROG_TYPE.SOCKET_FILTER, insns: encode(make(mapFd)), license: 'Apache-2.0' };
      const fd = sys.bpf(BPF_CMD.PROG_LOAD, attr);
      if (fd < 0) throw new BpfError(fd, 'BPF_PROG_LOAD', sys.backend);
      using program = new Program(sys, fd, { name: 'filter', type: PROG_TYPE.SOCKET_FILTER });
      return {
        link: attachSocketFilter(receiver, program),
        map: usesMap ? () => dump(sys, mapFd) : undefined,
        close: () => mapFd >= 0 && sys.close(mapFd),
      };
    },
  };
}

function dump(sys: BpfSys, mapFd: number): string {
  const key = new Uint32Array(1);
  const value = new Uint8Array(VALUE_SIZE);
  const lines: string[] = [];
  for (key[0] = 0; key[0] < MAP_ENTRIES; key[0]++) {
    sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: new Uint8Array(key.buffer), value });
    if (value.some((byte) => byte !== 0)) lines.push(`${key[0]}: ${Buffer.from(value).toString('hex')}`);
  }
  return lines.join('\n');
}

/** Whether a classic program looks at what no two packets share: IPv4's identification and checksum. */
function isSteady(insns: readonly ClassicInstruction[], datagrams: readonly Uint8Array[], random: Random): boolean {
  const program = new ClassicProgram(insns);
  const end = { address: LOOPBACK, port: 0 };
  const socket = { family: 2, type: 2, protocol: IPPROTO.UDP, state: 7 };
  const ends = { source: end, destination: end, ifindex: 1, type: PACKET_TYPE.HOST };
  const { headers, start, network, link, ancillary } = new FlowPacket({ ...ends, protocol: IPPROTO.UDP, socket });
  return datagrams.every((data) => {
    const bytes = Uint8Array.from([...headers, ...data]);
    const results = Array.from({ length: 4 }, () => {
      bytes.set(random.bytes(2), network + 4);
      bytes.set(random.bytes(2), network + 10);
      return program.run({ bytes, start, network, link, ancillary });
    });
    return new Set(results).size === 1;
  });
}

function datagramsOf(random: Random): Uint8Array[] {
  let room = WAITING / 2;
  return Array.from({ length: DATAGRAMS }, () => {
    const wanted = random.oneIn(20) ? random.below(1473) : random.oneIn(200) ? random.below(40_000) : random.below(120);
    const length = wanted <= room ? wanted : random.below(40);
    room -= length;
    const data = new Uint8Array(length).fill(random.u32() & 0xff);
    data.set(random.bytes(Math.min(length, 48)));
    return data;
  });
}

function choose(random: Random, datagrams: readonly Uint8Array[]): Subject {
  const facts = datagrams.some(({ length }) => length > ONE_PIECE) ? WITHOUT_NETLINK : SOCKET_FACTS;
  switch (random.below(8)) {
    case 0:
      counts.counting++;
      return programSubject(counting, true);
    case 1:
    case 2:
    case 3:
      for (let tries = 0; tries < 20; tries++) {
        const insns = classicProgram(random, facts);
        if (checkClassic(insns) || !isSteady(insns, datagrams, random)) continue;
        counts.classic++;
        return classicSubject(insns);
      }
  }
  counts.ebpf++;
  const insns = udpProgram(random);
  return programSubject(() => insns, false);
}

const sendAll = (sender: Socket, datagrams: readonly Uint8Array[]): Promise<void> =>
  new Promise((resolve, reject) => {
    let left = datagrams.length;
    for (const data of datagrams) sender.send(data, (error) => (error ? reject(error) : --left === 0 && resolve()));
  });

interface Outcome {
  readonly delivered: readonly Buffer[];
  readonly map: string | undefined;
}

async function through(subject: Subject, sys: BpfSys, datagrams: readonly Uint8Array[]): Promise<Outcome> {
  const { sender, receiver } = await (line ??= openLine());
  const delivered: Buffer[] = [];
  const listener = (data: Buffer): void => void delivered.push(data);
  receiver.on('message', listener);
  const { link, map, close } = subject.attach(receiver, sys);
  try {
    await sendAll(sender, datagrams);
    if (link.stats === undefined) {
      // The kernel filters when it puts a datagram into the socket's queue: what comes now passes, behind all others.
      link.detach();
      const marker = Buffer.from(`the end of ${datagrams.length} datagrams`);
      await sendAll(sender, [marker]);
      while (!delivered.at(-1)?.equals(marker)) await once(receiver, 'message');
      delivered.pop();
    } else {
      const deadline = Date.now() + 5000;
      while (link.stats.packets < datagrams.length && Date.now() < deadline) await turn();
      if (link.stats.packets < datagrams.length) throw new Error(`only ${link.stats.packets} datagrams came`);
    }
    return { delivered, map: map?.() };
  } finally {
    receiver.off('message', listener);
    link.detach();
    close();
  }
}

const engines: Record<EngineName, Kernel | undefined> = { jit: undefined, interp: undefined };

function difference(theirs: Outcome, ours: Outcome): string | undefined {
  if (theirs.map !== ours.map) return `maps differ\nLinux\n${theirs.map}\nuser space\n${ours.map}`;
  const length = Math.max(theirs.delivered.length, ours.delivered.length);
  for (let n = 0; n < length; n++) {
    const [a, b] = [theirs.delivered[n], ours.delivered[n]];
    if (a !== undefined && b !== undefined && a.equals(b)) continue;
    const show = (data: Buffer | undefined): string =>
      data ? `${data.length} ${data.toString('hex', 0, 60)}` : 'none';
    return `delivered datagram ${n}: Linux ${show(a)}, user space ${show(b)}`;
  }
  return undefined;
}

export const campaign: Campaign = {
  name: 'udp',
  summary: `${DATAGRAMS} datagrams through a program at a UDP socket, in user space and in the kernel`,
  defaultCount: 10_000,
  unavailable: () => (linux ? undefined : whyNot),
  report: () => [
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  ],
  async runCase(seed, caseNumber) {
    const random = new Random(caseSeed(seed, caseNumber));
    const datagrams = datagramsOf(random);
    const subject = choose(random, datagrams);
    const engine: EngineName = random.oneIn(4) ? 'interp' : 'jit';
    engines[engine] ??= createKernel({ engine });
    const { receiver } = await (line ??= openLine());
    receiver.ref();
    const theirs = await through(subject, linux as BpfSys, datagrams);
    const ours = await through(subject, engines[engine], datagrams);
    receiver.unref();
    counts.datagrams += datagrams.length;
    counts.delivered += ours.delivered.length;
    counts.dropped += datagrams.length - ours.delivered.length;
    const lengths = new Set(datagrams.map(({ length }) => length));
    counts.cut += ours.delivered.filter(({ length }) => !lengths.has(length)).length;
    const found = difference(theirs, ours);
    return found && `${found} (${engine})\n${subject.text}`;
  },
};
