/** `skep cbpf`: classic BPF programs shown, run over a capture, and translated to eBPF. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { formatInsn } from '../asm/index.ts';
import {
  CLASSIC_FORMATS,
  ClassicProgram,
  assertClassic,
  checkClassic,
  formatClassic,
  formatClassicInsn,
  losesInListing,
  parseClassic,
  translateClassic,
} from '../cbpf/index.ts';
import type { ClassicFormat, ClassicInstruction, ClassicPacket } from '../cbpf/index.ts';
import { FormatError } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { attachSocketFilter, readPackets } from '../node/index.ts';
import { LINKTYPE } from '../pcap/index.ts';
import type { Packet } from '../pcap/index.ts';
import { UsageError, type Command, type Io } from './command.ts';
import { inputName, readInput } from './input.ts';
import { checkSource, liveHelp, liveJson, liveOptions, liveText, runLive } from './live.ts';
import { formatTable, thousands } from './table.ts';

const help = `usage: skep cbpf show PROGRAM|- [--format NAME] [--json]
       skep cbpf run PROGRAM|- --pcap FILE|- [--limit N] [--json]
       skep cbpf run PROGRAM|- --iface NAME [--limit N] [--duration SECONDS] [--json]
       skep cbpf translate PROGRAM|- [--hex | -o FILE] [--json]

A PROGRAM is the text of a classic BPF program, in any of the forms that show prints.

show prints it, and says why Linux would refuse it; the exit code is then 1.
run runs it once for each packet of a capture, as on a packet socket, and prints how many bytes of each it lets through:
a packet for which 0 is returned is dropped. Facts that a capture does not hold (mark, queue, hash, CPU) are 0, and so
is the device's own.
translate prints the eBPF program of type socket_filter that gives the same results.

  --format NAME        d, dd or ddd: as tcpdump prints with that option (default d); asm: the language of bpf_asm;
                       raw: the one line that bpf_asm prints
  --pcap FILE          capture in pcap or pcapng format; - is standard input
${liveHelp}
  --limit N            stop after N packets
  --hex                one 8-byte slot a line, in hexadecimal
  -o, --output FILE    raw bytes into a file
  --json               one JSON object

examples:
  tcpdump -ddd -y EN10MB 'tcp port 80' | skep cbpf show - --format asm
  tcpdump -d -y EN10MB 'udp or arp' | skep cbpf run - --pcap traffic.pcap
  skep cbpf translate filter.asm
`;

const options = {
  ...liveOptions,
  format: { type: 'string' },
  pcap: { type: 'string' },
  limit: { type: 'string' },
  hex: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  json: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>['values'];
type Verb = (insns: ClassicInstruction[], values: Values, io: Io) => number | Promise<number>;

const parse = (args: string[]) => parseArgs({ args, options, allowPositionals: true });

/** What can be done, and the options that belong to it. */
const VERBS: Readonly<Record<string, { run: Verb; takes: readonly (keyof Values)[] }>> = {
  show: { run: show, takes: ['format', 'json'] },
  run: { run: runCapture, takes: ['pcap', 'iface', 'duration', 'limit', 'json'] },
  translate: { run: translate, takes: ['hex', 'output', 'json'] },
};

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args);
  const [verb, path, ...rest] = positionals;
  if (verb === undefined || !Object.hasOwn(VERBS, verb))
    throw new UsageError(verb ? `no such command: skep cbpf ${verb}` : 'skep cbpf: say show, run or translate');
  if (path === undefined || rest.length) throw new UsageError(`skep cbpf ${verb} takes one program`);
  const { run, takes } = VERBS[verb];
  for (const option of Object.keys(values) as (keyof Values)[])
    if (!takes.includes(option)) throw new UsageError(`skep cbpf ${verb} has no option --${option}`);
  if (path === '-' && values.pcap === '-')
    throw new UsageError('standard input is the program or the capture, not both');
  const text = new TextDecoder().decode(await readInput(path, io));
  return run(parseClassic(text, { file: inputName(path) }), values, io);
}

const isFormat = (text: string): text is ClassicFormat => (CLASSIC_FORMATS as readonly string[]).includes(text);
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function show(insns: ClassicInstruction[], { format = 'd', json: asJson }: Values, io: Io): number {
  if (!isFormat(format)) throw new UsageError(`--format is ${CLASSIC_FORMATS.join(', ')}, not ${format}`);
  const refused = checkClassic(insns);
  if (asJson) {
    const rows = insns.map((insn, at) => ({ ...insn, text: formatClassicInsn(insn, at) }));
    io.out(json({ instructions: rows, valid: !refused, ...(refused && { refused }) }));
    return refused ? 1 : 0;
  }
  io.out(formatClassic(insns, format));
  const lost = format === 'd' || format === 'asm' ? insns.findIndex(losesInListing) : -1;
  if (lost >= 0)
    io.err(`skep: warning: instruction ${lost} has fields that this form does not show; --format dd does\n`);
  if (refused)
    io.err(`skep: Linux refuses it: ${refused.insn < 0 ? '' : `instruction ${refused.insn}: `}${refused.problem}\n`);
  return refused ? 1 : 0;
}

const ETH_HLEN = 14;

/** A captured packet as a packet socket shows it. */
function asSeen({ data, linkType, originalLength }: Packet): ClassicPacket {
  const ethernet = linkType === LINKTYPE.ETHERNET && data.length >= ETH_HLEN;
  const protocol = ethernet ? (data[12] << 8) | data[13] : 0;
  const network = ethernet ? ETH_HLEN : 0;
  return { bytes: data, link: 0, network, length: originalLength, ancillary: { protocol, ifindex: 0 } };
}

interface Counts {
  packets: number;
  bytes: number;
  passed: number;
  /** What is left of the packets that pass, cut to what was returned. */
  passedBytes: number;
  /** Packets by returned value. */
  readonly returns: Map<number, number>;
}

function count(program: ClassicProgram, packet: Packet, counts: Counts): void {
  const returned = program.run(asSeen(packet));
  counts.packets++;
  counts.bytes += packet.data.length;
  if (returned > 0) counts.passed++;
  counts.passedBytes += Math.min(returned, packet.data.length);
  counts.returns.set(returned, (counts.returns.get(returned) ?? 0) + 1);
}

async function runCapture(insns: ClassicInstruction[], values: Values, io: Io): Promise<number> {
  const { pcap, limit: wanted } = values;
  checkSource(values, 'skep cbpf run');
  const limit = wanted === undefined ? Infinity : Number(wanted);
  if (wanted !== undefined && !/^\d+$/.test(wanted))
    throw new UsageError(`--limit is a number of packets, not ${wanted}`);
  if (pcap === undefined) return runOnDevice(insns, values, limit, io);
  const program = new ClassicProgram(insns);
  const counts: Counts = { packets: 0, bytes: 0, passed: 0, passedBytes: 0, returns: new Map() };
  const capture = inputName(pcap);
  const packets = readPackets(pcap === '-' ? io.stdin() : pcap, capture);
  let problem: FormatError | undefined;
  try {
    if (limit > 0)
      for await (const packet of packets) {
        count(program, packet, counts);
        if (counts.packets >= limit) break;
      }
  } catch (error) {
    // The packets before the bad place count.
    if (!(error instanceof FormatError)) throw error;
    problem = error;
  }
  io.out(values.json ? json(reportJson(counts, capture, problem)) : reportText(counts, capture));
  if (problem) throw problem;
  return 0;
}

/** The program as the filter of a packet socket, compiled. */
async function runOnDevice(insns: ClassicInstruction[], values: Values, limit: number, io: Io): Promise<number> {
  const { createKernel } = await import('../kernel/index.ts');
  const result = await runLive(values, limit, (socket) => attachSocketFilter(socket, insns, { sys: createKernel() }));
  io.out(
    values.json
      ? json(liveJson(result, true))
      : `classic program on ${result.iface}, ${result.seconds.toFixed(1)} s\n\n${liveText(result, true)}`,
  );
  return 0;
}

const byCount = (returns: Counts['returns']): [number, number][] =>
  [...returns].sort(([a, n], [b, m]) => m - n || a - b);

function reportText({ packets, bytes, passed, passedBytes, returns }: Counts, capture: string): string {
  const rows = byCount(returns).map(([value, n]) => [String(value), thousands(n), value === 0 ? 'drop' : '']);
  return [
    `${thousands(packets)} packets, ${thousands(bytes)} bytes of ${capture}\n`,
    `let through: ${thousands(passed)} packets, ${thousands(passedBytes)} bytes\n`,
    rows.length > 0 ? `\n${formatTable([['return', 'packets', 'meaning'], ...rows])}` : '',
  ].join('');
}

function reportJson({ returns, ...counts }: Counts, capture: string, problem: FormatError | undefined): object {
  const rows = byCount(returns).map(([value, packets]) => ({ value, packets }));
  return { capture, ...counts, returns: rows, ...(problem && { error: problem.message }) };
}

async function translate(insns: ClassicInstruction[], values: Values, io: Io): Promise<number> {
  if (values.hex && values.output !== undefined) throw new UsageError('--hex and --output exclude each other');
  assertClassic(insns);
  const translated = translateClassic(insns);
  const line = (_: Instruction, at: number): string => formatInsn(translated, at, { raw: true });
  const bytes = encode(translated);
  const slots = translated.map((_, at) => Buffer.from(bytes.subarray(at * 8, at * 8 + 8)).toString('hex'));
  if (values.output !== undefined) await writeFile(values.output, bytes);
  if (values.json) io.out(json({ type: 'socket_filter', slots, text: translated.map(line) }));
  else if (values.hex) io.out(slots.map((slot) => `${slot}\n`).join(''));
  else if (values.output === undefined)
    io.out(translated.map((one, at) => `${String(at).padStart(4)}: ${line(one, at)}\n`).join(''));
  return 0;
}

export const command: Command = { help, run };
