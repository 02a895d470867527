/** `skep run`: a program of an object, once per packet of a capture or of a device. */
import { parseArgs } from 'node:util';
import { BpfError, FormatError } from '../errors/index.ts';
import { loadCollectionSpec } from '../loader/index.ts';
import type { Collection, CollectionSpec, Program } from '../loader/index.ts';
import { attachSocketFilter, readPackets } from '../node/index.ts';
import { LINKTYPE, linkTypeName } from '../pcap/index.ts';
import type { Packet, PacketReader } from '../pcap/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { PROG_TYPE, PROG_TYPE_NAMES } from '../uapi/index.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { backendName } from './exchange.ts';
import type { BackendName } from './exchange.ts';
import { inputName, readInput } from './input.ts';
import { checkSource, liveHelp, liveJson, liveOptions, liveText, runLive } from './live.ts';
import type { LiveValues } from './live.ts';
import { mapTexts, mapsJson, reportJson, reportText, Tally } from './run-report.ts';
import { thousands } from './table.ts';

const help = `usage: skep run OBJECT [PROGRAM] --pcap FILE|- [options]
       skep run OBJECT [PROGRAM] --iface NAME [options]

Verifies and loads the object, runs the program once for each packet of a capture, and prints how often it returned
which value and what its maps hold. PROGRAM is needed only where the object has several.

A socket filter sees what a packet socket shows it: the whole frame from its link-layer header on.

  --pcap FILE          capture in pcap or pcapng format; - is standard input
${liveHelp}
  --limit N            stop after N packets; with --iface and linux: that the kernel's filter lets through
  --json               one JSON object instead of text; integers beyond 2^53 are strings
  --backend NAME       userspace (default) or linux, the running kernel (needs root and the package koffi)

Of a capture that is cut or broken, the packets before the bad place count; the exit code is then 2. It is 1 where the
program could not be run on some packets.

examples:
  skep run count.bpf.o --pcap traffic.pcap
  tcpdump -w - -c 1000 | skep run filter.o --pcap - --json
  skep run count.bpf.o --iface lo --duration 10
`;

const options = {
  ...liveOptions,
  pcap: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean' },
  backend: { type: 'string' },
} as const;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [object, wanted, ...rest] = positionals;
  if (object === undefined) throw new UsageError('skep run: which object?');
  if (rest.length > 0) throw new UsageError('skep run takes one object and one program');
  checkSource(values, 'skep run');
  const limit = values.limit === undefined ? Infinity : Number(values.limit);
  if (!(limit >= 0) || (limit !== Infinity && !Number.isInteger(limit)))
    throw new UsageError(`--limit is a number of packets, not ${values.limit}`);
  const backend = backendName(values.backend);

  const spec = loadCollectionSpec(await readInput(object, io), { file: inputName(object) });
  for (const warning of spec.warnings) io.err(`skep: warning: ${warning}\n`);
  const name = chooseProgram(spec, wanted);
  using collection = spec.load(await openBackend(backend), { programs: [name] });
  const program = collection.programs[name];
  if (values.pcap === undefined) return await runOnDevice(program, values, limit, collection, backend, io);

  const capture = inputName(values.pcap);
  const tally = new Tally();
  const packets = readPackets(values.pcap === '-' ? io.stdin() : values.pcap, capture);
  const problem = await runAll(program, packets, limit, tally, io);
  if (problem && !(problem instanceof FormatError)) throw problem;

  const report = {
    program: name,
    progType: program.type,
    backend,
    capture,
    tally,
    collection,
    error: problem?.message,
  };
  io.out(values.json ? `${JSON.stringify(reportJson(report), null, 2)}\n` : reportText(report));
  if (problem) throw problem;
  return tally.failures.size > 0 ? 1 : 0;
}

/** The program that was asked for, or the only one. */
export function chooseProgram(spec: CollectionSpec, wanted: string | undefined): string {
  const names = Object.keys(spec.programs);
  const list = names.join(', ') || 'none';
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted;
    throw new UsageError(`no program ${wanted} in ${spec.file} (there: ${list})`);
  }
  if (names.length === 1) return names[0];
  if (names.length === 0) throw new FormatError('no program in it', { file: spec.file });
  throw new UsageError(`${spec.file} has several programs, say which: ${list}`);
}

export async function openBackend(name: BackendName): Promise<BpfSys> {
  if (name === 'linux') return (await import('../linux/index.ts')).openLinux();
  const [{ createKernel }, { kernelSetting }] = await Promise.all([
    import('../kernel/index.ts'),
    import('../linux/index.ts'),
  ]);
  return createKernel({ kernelSetting });
}

/** The program as the filter of a packet socket. */
async function runOnDevice(
  program: Program,
  values: LiveValues & { readonly json?: boolean },
  limit: number,
  collection: Collection,
  backend: BackendName,
  io: Io,
): Promise<number> {
  const type = PROG_TYPE_NAMES[program.type] ?? String(program.type);
  if (program.type !== PROG_TYPE.SOCKET_FILTER)
    throw new UsageError(`--iface: a packet socket takes programs of type socket_filter, ${program.name} is ${type}`);
  const result = await runLive(values, limit, (socket) => attachSocketFilter(socket, program));
  const counted = backend === 'userspace';
  if (values.json) {
    const report = { program: program.name, type, backend, ...liveJson(result, counted), maps: mapsJson(collection) };
    io.out(`${JSON.stringify(report, null, 2)}\n`);
    return 0;
  }
  const heading = `program ${program.name} (${type}, ${backend}) on ${result.iface}, ${result.seconds.toFixed(1)} s\n`;
  io.out([heading, liveText(result, counted), ...mapTexts(collection)].join('\n'));
  return 0;
}

/** Milliseconds between two lines of progress. */
const PROGRESS = 200;

/** Run all packets up to the limit. @returns the error that ended the capture early */
async function runAll(
  program: Program,
  packets: PacketReader,
  limit: number,
  tally: Tally,
  io: Io,
): Promise<Error | undefined> {
  let shown = performance.now();
  let linkType = -1;
  try {
    if (limit > 0)
      for await (const batch of packets.batches()) {
        if (batch[0].linkType !== linkType) {
          linkType = batch[0].linkType;
          if (linkType !== LINKTYPE.ETHERNET)
            io.err(
              `skep: warning: packets are ${linkTypeName(linkType)}, not ETHERNET: the program sees them as they are\n`,
            );
        }
        runBatch(program, batch, limit, tally);
        if (tally.packets >= limit) break;
        if (io.interactive && performance.now() - shown > PROGRESS) {
          shown = performance.now();
          io.err(`\r${thousands(tally.packets)} packets`);
        }
      }
    return undefined;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  } finally {
    if (io.interactive) io.err('\r\x1b[K');
  }
}

function runBatch(program: Program, batch: readonly Packet[], limit: number, tally: Tally): void {
  for (const { data } of batch) {
    if (tally.packets >= limit) return;
    try {
      tally.ran(data.length, program.run({ data }).retval);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      tally.failed(data.length, error.message);
    }
  }
}

export const command: Command = { help, run };
