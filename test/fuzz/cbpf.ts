/**
 * Classic BPF against Linux. Each case: a wild program, whose verdict must be that of SO_ATTACH_FILTER; a program that
 * only a socket can run; and one that is translated. The second and third run on packets through a socket of this process
 * and in the interpreter; the translation is loaded by Linux and by user space, on both engines, and all four 32-bit
 * results must be the same.
 */
import { ClassicProgram, checkClassic, formatClassic, translateClassic } from '../../src/cbpf/index.ts';
import type { ClassicInstruction } from '../../src/cbpf/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { COMMON_FACTS, SOCKET_FACTS, classicProgram, wildClassicProgram } from '../support/classic-programs.ts';
import { openClassicSocket } from '../support/classic-socket.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';

let whyNot = 'the package koffi is not installed';
const socket = await openClassicSocket();
const linux = socket && (await openLinux().catch(unavailable));

function unavailable(error: unknown): undefined {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
}

const ETH_HLEN = 14;
/** For local experiments: nothing in the kernel looks further. */
const ETHERTYPE = 0x88b5;
const PACKETS = 4;
const counts = { accepted: 0, refused: 0, runs: 0, translatedRuns: 0, nonZero: 0 };

const text = (insns: readonly ClassicInstruction[]): string => `\n${formatClassic(insns, 'dd')}`;

function compareVerdict(random: Random): string | undefined {
  const insns = wildClassicProgram(random);
  const theirs = socket?.attach(insns) === 0;
  const ours = checkClassic(insns);
  counts[theirs ? 'accepted' : 'refused']++;
  if (theirs === !ours) return undefined;
  return `Linux ${theirs ? 'takes' : 'refuses'} it, we say: ${ours ? ours.problem : 'good'}${text(insns)}`;
}

/** Attributes that follow one another, some broken; or anything. */
function packetBytes(random: Random): Uint8Array {
  const data = random.bytes(random.oneIn(4) ? random.below(12) : 40 + random.below(80));
  if (random.oneIn(2))
    for (let at = random.below(8) * 4; at + 4 <= data.length;) {
      const length = random.oneIn(12) ? random.below(4) : 4 + random.below(20);
      data.set([length, 0, random.below(4), random.oneIn(4) ? 0x80 : 0], at);
      at += Math.max(4, (length + 3) & ~3);
    }
  return data;
}

/** A program on a Unix socket, whose packets have no device, no protocol and no headers. */
function compareSocket(random: Random, insns: readonly ClassicInstruction[]): string | undefined {
  const attached = socket?.attach(insns);
  if (attached !== 0) return `Linux refuses a good program: ${attached}${text(insns)}`;
  const program = new ClassicProgram(insns);
  for (let n = 0; n < PACKETS; n++) {
    const bytes = packetBytes(random);
    if (bytes.length === 0) continue;
    const theirs = socket?.pass(bytes);
    const returned = program.run({ bytes });
    const ours = returned === 0 ? -1 : Math.min(returned, bytes.length);
    counts.runs++;
    if (returned !== 0) counts.nonZero++;
    if (theirs !== ours) return `Linux lets ${theirs} bytes through, we ${ours}; ${hex(bytes)}${text(insns)}`;
  }
  return undefined;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function load(sys: BpfSys, insns: Uint8Array): { fd: number; log: string } {
  const attr = { progType: PROG_TYPE.SOCKET_FILTER, insns, license: 'Apache-2.0' };
  const fd = sys.bpf(BPF_CMD.PROG_LOAD, attr);
  if (fd >= 0) return { fd, log: '' };
  const logBuf = new Uint8Array(1 << 24);
  sys.bpf(BPF_CMD.PROG_LOAD, { ...attr, logLevel: 1, logBuf });
  return {
    fd,
    log: Buffer.from(logBuf.subarray(0, logBuf.indexOf(0)))
      .toString('latin1')
      .slice(-600),
  };
}

/** The translation everywhere; a test run's packets come from the device `lo`, and are for this host or not by address. */
export function compareTranslation(random: Random, insns: readonly ClassicInstruction[]): string | undefined {
  const program = new ClassicProgram(insns);
  const slots = encode(translateClassic(insns));
  const backends: [string, BpfSys][] = [
    ['linux', linux as BpfSys],
    ['interpreter', createKernel({ engine: 'interp' })],
    ['jit', createKernel({ engine: 'jit' })],
  ];
  const frames = Array.from({ length: PACKETS }, () => {
    const frame = new Uint8Array(ETH_HLEN + 1 + random.below(70));
    new DataView(frame.buffer).setUint16(12, ETHERTYPE);
    frame.set(random.bytes(frame.length - ETH_HLEN), ETH_HLEN);
    return frame;
  });
  for (const [name, sys] of backends) {
    const { fd, log } = load(sys, slots);
    if (fd < 0) return `${name} refuses the translation: ${fd}\n${log}${text(insns)}`;
    try {
      for (const frame of frames) {
        const attr = { progFd: fd, dataIn: frame, retval: 0 };
        const code = sys.bpf(BPF_CMD.PROG_TEST_RUN, attr);
        if (code < 0) return `${name}: test run: ${code}; ${hex(frame)}${text(insns)}`;
        const ours = program.run({ bytes: frame, start: ETH_HLEN, network: ETH_HLEN, link: 0, ancillary });
        counts.translatedRuns++;
        if (attr.retval >>> 0 !== ours)
          return `${name} returns ${attr.retval >>> 0}, classic ${ours}; ${hex(frame)}${text(insns)}`;
      }
    } finally {
      sys.close(fd);
    }
  }
  return undefined;
}

/** To an address of zeros, which is not that of `lo`'s: it is that. */
const ancillary = { protocol: ETHERTYPE, pktType: 0, ifindex: 1 };

export const campaign: Campaign = {
  name: 'cbpf',
  summary: 'classic programs: verdicts and results of Linux, of the interpreter, and of translations on both engines',
  defaultCount: 20_000,
  unavailable: () => (linux ? undefined : whyNot),
  report: () => [
    `verdicts: ${counts.accepted} taken, ${counts.refused} refused`,
    `runs on a socket: ${counts.runs}, of which ${counts.nonZero} let something through; of translations: ${counts.translatedRuns}`,
  ],
  runCase(seed, caseNumber) {
    const random = new Random(caseSeed(seed, caseNumber));
    return (
      compareVerdict(random) ??
      compareSocket(random, classicProgram(random, SOCKET_FACTS)) ??
      both(random, classicProgram(random, COMMON_FACTS))
    );
  },
};

const both = (random: Random, insns: readonly ClassicInstruction[]): string | undefined =>
  compareSocket(random, insns) ?? compareTranslation(random, insns);
