/**
 * Filters at packet sockets, in user space against the kernel. Each case is one program, eBPF or classic, at two sockets on one
 * device of a network namespace of the campaign's own, and the same frames past both: what comes through must be the same,
 * byte by byte, with the same facts.
 */
import { formatProgram } from '../../src/asm/index.ts';
import { AD, checkClassic, formatClassic } from '../../src/cbpf/index.ts';
import { BpfError } from '../../src/errors/index.ts';
import { CLASS, MODE, SIZE, encode } from '../../src/isa/index.ts';
import type { Instruction } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { EngineName } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import { Program } from '../../src/loader/index.ts';
import { attachSocketFilter } from '../../src/node/index.ts';
import type { PacketSocket, SocketFilterLink } from '../../src/node/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { COMMON_FACTS, NETLINK_FACTS, classicProgram } from '../support/classic-programs.ts';
import { enterNetworkNamespace } from '../support/network-namespace.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import { BROADCAST, MAC, MULTICAST, PacketPair, WAYS, frame, makeDevices } from '../support/packet-pair.ts';
import { udpProgram } from '../support/udp-programs.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';

let whyNot: string | undefined;
const linux = await openLinux().catch((error: unknown) => {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
  return undefined;
});

/** Frames of a case. */
const FRAMES = 24;
/** What a ring tells of a packet. */
const FACTS = [...COMMON_FACTS, ...NETLINK_FACTS, AD.HATYPE];
const counts = { frames: 0, through: 0, cut: 0, ebpf: 0, classic: 0 };

/** Type and what follows it. Linux throws away what comes in with a tag and less than two bytes behind it. */
function content(random: Random): number[] {
  const tag = random.oneIn(4) ? [0x81, 0, random.below(256), random.below(256)] : [];
  const ip4 = [0x45 + random.below(2), 0, 0, 60, 0, 1, 0, 0, 64, random.pick([1, 6, 17, 47]), 0, 0, 10, 0, 0, 1];
  const rest = random.pick([
    [8, 0, ...ip4],
    [0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 17, 64],
    [8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
    [0, random.below(200), random.below(256), random.below(256)],
    [0x88, 0xa8, 0, 5, 8, 0],
    [0x90 + random.below(16), random.below(256)],
  ]);
  return [...tag, ...rest, ...random.bytes(2 + random.below(48))];
}

function frames(random: Random): Uint8Array[] {
  return Array.from({ length: FRAMES }, () => {
    const to = random.pick([MAC.b, MAC.b, MAC.other, BROADCAST, MULTICAST]);
    const length = random.oneIn(10) ? random.below(1514) : random.oneIn(6) ? 0 : random.below(130);
    return frame(to, content(random), length);
  });
}

/** A program that both sides load. */
interface Subject {
  readonly text: string;
  attach(socket: PacketSocket, sys: BpfSys): SocketFilterLink;
}

function classicSubject(random: Random): Subject {
  const insns = classicProgram(random, FACTS);
  if (checkClassic(insns)) return classicSubject(random);
  return {
    text: formatClassic(insns, 'dd'),
    attach: (socket, sys) => attachSocketFilter(socket, insns, { sys }),
  };
}

/** The kernel shows who sent a packet where the sender is in the same namespace. */
const looksAtSocket = ({ opcode, off }: Instruction): boolean =>
  opcode === (CLASS.LDX | MODE.MEM | SIZE.DW) && off === 168;

function programSubject(random: Random, iface: string): Subject {
  const insns = udpProgram(random);
  if (iface === 'vb' && insns.some(looksAtSocket)) return programSubject(random, iface);
  return {
    text: formatProgram(insns).join('\n'),
    attach(socket, sys) {
      const attr = { progType: PROG_TYPE.SOCKET_FILTER, insns: encode(insns), license: 'GPL' };
      const fd = sys.bpf(BPF_CMD.PROG_LOAD, attr);
      if (fd < 0) throw new BpfError(fd, 'BPF_PROG_LOAD', sys.backend);
      using program = new Program(sys, fd, { name: 'filter', type: PROG_TYPE.SOCKET_FILTER });
      return attachSocketFilter(socket, program);
    },
  };
}

let entered: Promise<NetworkNamespace> | undefined;

/** The namespace of all cases, which the thread is in then. */
async function openNamespace(): Promise<NetworkNamespace> {
  const namespace = await enterNetworkNamespace();
  if (typeof namespace === 'string') throw new Error(namespace);
  makeDevices(namespace);
  return namespace;
}

const engines: Record<EngineName, BpfSys | undefined> = { jit: undefined, interp: undefined };

export const campaign: Campaign = {
  name: 'packets',
  summary: `${FRAMES} frames past a program at a packet socket, in user space and in the kernel`,
  defaultCount: 4000,
  unavailable: () => whyNot,
  report: () => [
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  ],
  async runCase(seed, caseNumber) {
    const random = new Random(caseSeed(seed, caseNumber));
    const way = random.pick(WAYS);
    const classic = random.oneIn(2);
    const subject = classic ? classicSubject(random) : programSubject(random, way.iface);
    const engine: EngineName = random.oneIn(4) ? 'interp' : 'jit';
    const ours = (engines[engine] ??= createKernel({ engine }));
    const sent = frames(random);
    const namespace = await (entered ??= openNamespace());
    namespace.enter();
    const pair = await PacketPair.open(way);
    try {
      const attach = (socket: PacketSocket, where: 'user' | 'kernel'): SocketFilterLink =>
        subject.attach(socket, where === 'user' ? ours : (linux as BpfSys));
      const { user, kernel } = await pair.compare(attach, sent);
      counts[classic ? 'classic' : 'ebpf']++;
      counts.frames += sent.length;
      counts.through += kernel.length;
      counts.cut += kernel.filter((line) => isCut(line)).length;
      const n = Array.from({ length: Math.max(user.length, kernel.length) }).findIndex((_, i) => user[i] !== kernel[i]);
      if (n < 0) return undefined;
      return `packet ${n}: Linux ${kernel[n]}, user space ${user[n]} (${way.iface}, ${engine})\n${subject.text}`;
    } finally {
      pair.close();
      namespace.leave();
    }
  },
};

function isCut(line: string): boolean {
  const { data, originalLength } = JSON.parse(line) as { data: string; originalLength: number };
  return data.length / 2 < originalLength;
}
