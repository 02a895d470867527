/** Mutated captures: the reader gives packets and, where bytes are bad, a FormatError with an offset; nothing else. */
import { FormatError } from '../../src/errors/index.ts';
import { packetsOf } from '../../src/pcap/index.ts';
import { Random } from '../../src/util/index.ts';
import * as build from '../support/captures.ts';
import type { Endian } from '../support/captures.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import { mutate } from './mutate.ts';

/** A random valid capture with a few packets. */
function capture(random: Random): Uint8Array {
  const endian = random.pick<Endian>(['little', 'big']);
  const packets = Array.from({ length: random.below(6) }, () => random.bytes(random.below(80)));
  if (random.oneIn(2)) {
    const magic = random.pick([build.PCAP_MAGIC.micro, build.PCAP_MAGIC.nano]);
    const records = packets.map((data, i) => build.pcapRecord(endian, [i, random.u32()], data));
    return build.join(build.pcapHeader(endian, magic), ...records);
  }
  const options = build.option(endian, 9, Uint8Array.of(random.u32() & 0xff));
  const blocks = packets.map((data, i) => {
    const ticks = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
    const kinds = [
      () => build.enhancedPacket(endian, i & 1, ticks, data),
      () => build.oldPacket(endian, i & 1, ticks, data),
      () => build.simplePacket(endian, data),
      () => build.block(endian, random.u32(), data),
    ];
    return random.pick(kinds)();
  });
  const interfaces = [build.interfaceBlock(endian, { options }), build.interfaceBlock(endian, { snapLength: 64 })];
  return build.join(build.sectionHeader(endian), ...interfaces, ...blocks);
}

function check(file: Uint8Array): string | undefined {
  let captured = 0;
  try {
    for (const packet of packetsOf(file, 'fuzz.pcap')) {
      captured += packet.capturedLength;
      if (packet.nanoseconds < 0 || packet.nanoseconds >= 1e9) return `nanoseconds ${packet.nanoseconds}`;
    }
  } catch (error) {
    if (!(error instanceof FormatError)) return `threw ${error instanceof Error ? error.stack : String(error)}`;
    if (error.offset < 0 || error.offset > file.length + 4) return `offset ${error.offset} of ${file.length} bytes`;
  }
  return captured > file.length ? `${captured} bytes captured of a file of ${file.length}` : undefined;
}

export const campaign: Campaign = {
  name: 'captures',
  summary: 'mutated pcap and pcapng files: packets or a FormatError',
  defaultCount: 2_000_000,
  runCase(seed, n) {
    const random = new Random(caseSeed(seed, n));
    const file = mutate(capture(random), random);
    const problem = check(file);
    return problem && `${problem}\nfile: ${Buffer.from(file).toString('hex')}`;
  },
};
