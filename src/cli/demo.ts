/** `skep` without a command: the bundled program counts the packets of the bundled capture by protocol. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createKernel } from '../kernel/index.ts';
import { loadCollectionSpec } from '../loader/index.ts';
import { readPackets } from '../node/index.ts';
import type { Io } from './command.ts';
import { formatTable, thousands } from './table.ts';

const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/count-by-protocol/${name}`, import.meta.url));

/** Source: IANA, Protocol Numbers. 256 is the program's own number for what is not IP. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6 in IP',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  89: 'OSPF',
  132: 'SCTP',
  256: 'not IP',
};

interface Counter {
  readonly packets: number;
  readonly bytes: number;
}

export async function demo(io: Io): Promise<number> {
  const spec = loadCollectionSpec(await readFile(example('count.bpf.o')), { file: 'count.bpf.o' });
  using collection = spec.load(createKernel());
  const program = collection.programs.count;
  for await (const batch of readPackets(example('traffic.pcap')).batches())
    for (const { data } of batch) program.run({ data });

  const counts = [...collection.maps.counts.as<number, Counter>()].sort(([, a], [, b]) => b.packets - a.packets);
  const sum = (field: keyof Counter): number => counts.reduce((total, [, counter]) => total + counter[field], 0);
  const row = (name: string, packets: number, bytes: number): string[] => [name, thousands(packets), thousands(bytes)];
  io.out('examples/count-by-protocol/count.bpf.o, run on each packet of traffic.pcap:\n\n');
  io.out(
    formatTable([
      ['protocol', 'packets', 'bytes'],
      ...counts.map(([number, { packets, bytes }]) => row(PROTOCOLS[number] ?? `IP ${number}`, packets, bytes)),
      row('total', sum('packets'), sum('bytes')),
    ]),
  );
  return 0;
}
