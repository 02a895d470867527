import { readFile } from 'node:fs/promises';
import { loadCollectionSpec } from 'skep/loader';
import { createKernel } from 'skep/kernel';
import { readPackets } from 'skep/pcap';

const spec = loadCollectionSpec(await readFile('count.o'));
spec.maps.counts.maxEntries = 256;
const kernel = createKernel();                       // or: await openLinux() from 'skep/linux'
using collection = spec.load(kernel);                // BpfError, VerifierError {log, insn, summary}
for await (const packet of readPackets('traffic.pcap'))
  collection.programs.count.run({ data: packet.data });
for (const [protocol, value] of collection.maps.counts)
  console.log(protocol, value.packets, value.bytes); // decoded by BTF; .bytes view without it
