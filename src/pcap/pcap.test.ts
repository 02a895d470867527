/** Both formats in every variant, in pieces of every size, whole and cut. */
import { describe, expect, it } from 'vitest';
import * as build from '../../test/support/captures.ts';
import type { Endian } from '../../test/support/captures.ts';
import { FormatError } from '../errors/index.ts';
import { encodePcap, linkTypeName, PacketReader, packetsOf } from './index.ts';
import type { Packet } from './index.ts';
import { splitTicks } from './ticks.ts';

const ENDIANS: Endian[] = ['little', 'big'];
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

interface Outcome {
  packets: Packet[];
  error: FormatError | undefined;
}

/** Read all, in pieces of `size` bytes, through the asynchronous reader. */
async function readInPieces(file: Uint8Array, size: number): Promise<Outcome> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let pos = 0; pos < file.length; pos += size) yield file.slice(pos, pos + size);
  }
  const packets: Packet[] = [];
  try {
    for await (const packet of new PacketReader(pieces(), 'x.pcap')) packets.push(packet);
    return { packets, error: undefined };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { packets, error };
  }
}

function readAtOnce(file: Uint8Array): Outcome {
  const packets: Packet[] = [];
  try {
    for (const packet of packetsOf(file, 'x.pcap')) packets.push(packet);
    return { packets, error: undefined };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { packets, error };
  }
}

const message = (file: Uint8Array): string => readAtOnce(file).error?.message ?? 'no error';

describe.each(ENDIANS)('pcap, %s-endian', (endian) => {
  it.each([
    ['microseconds', build.PCAP_MAGIC.micro, 0, 1000],
    ['nanoseconds', build.PCAP_MAGIC.nano, 0, 1],
    ['long record headers', build.PCAP_MAGIC.kuznetzov, 8, 1000],
  ])('%s', (_name, magic, extraHeader, unit) => {
    const file = build.join(
      build.pcapHeader(endian, magic, 113),
      build.pcapRecord(endian, [1_700_000_000, 123_456], bytes(1, 2, 3), { original: 1500, extraHeader }),
      build.pcapRecord(endian, [0xffffffff, 999_999], bytes(), { extraHeader }),
    );
    const { packets, error } = readAtOnce(file);
    expect(error).toBeUndefined();
    expect(packets).toMatchObject([
      { seconds: 1_700_000_000, nanoseconds: 123_456 * unit, originalLength: 1500, linkType: 113, interface: 0 },
      { seconds: 0xffffffff, nanoseconds: 999_999 * unit, originalLength: 0, capturedLength: 0 },
    ]);
    expect(packets[0].data).toEqual(bytes(1, 2, 3));
    expect(packets[0].capturedLength).toBe(3);
  });

  it('carries a fraction of more than a second', () => {
    const record = build.pcapRecord(endian, [10, 2_500_000], bytes(1));
    const [packet] = readAtOnce(build.join(build.pcapHeader(endian, build.PCAP_MAGIC.micro), record)).packets;
    expect(packet).toMatchObject({ seconds: 12, nanoseconds: 500_000_000 });
  });

  it('refuses an absurd captured length without reading on', () => {
    const file = build.join(
      build.pcapHeader(endian, build.PCAP_MAGIC.micro),
      build.pcapRecord(endian, [1, 0], bytes(9)),
      build.pcapRecord(endian, [1, 0], bytes(9), { captured: 0xfffffff0 }),
    );
    expect(readAtOnce(file).packets).toHaveLength(1);
    expect(message(file)).toBe('x.pcap, offset 0x31: captured length 4294967280 is over 262144');
  });
});

/** Two sections of different byte order, with every kind of packet block and blocks to skip between them. */
function twoSections(): Uint8Array {
  const nano = (endian: Endian): Uint8Array =>
    build.join(
      build.option(endian, 2, bytes(0x65, 0x74, 0x68)),
      build.option(endian, 9, bytes(9)),
      build.option(endian, 14, build.u64(endian, -3600n)),
      build.option(endian, 0, bytes()),
    );
  return build.join(
    build.sectionHeader('little'),
    build.interfaceBlock('little', { linkType: 1 }),
    build.interfaceBlock('little', { linkType: 101, options: nano('little') }),
    build.enhancedPacket('little', 0, 1_700_000_000_000_001n, bytes(1, 2, 3, 4, 5), { original: 60 }),
    build.block('little', 5, new Uint8Array(100)),
    build.enhancedPacket('little', 1, 1_700_000_000_000_000_007n, bytes(6)),
    build.sectionHeader('big'),
    build.interfaceBlock('big', { linkType: 276, snapLength: 2 }),
    build.block('big', 0x8000_0001, new Uint8Array(3)),
    build.simplePacket('big', bytes(7, 8), 900),
    build.oldPacket('big', 0, 5_000_000n, bytes(9)),
  );
}

describe('pcapng', () => {
  it('reads sections, interfaces and all packet blocks', () => {
    const { packets, error } = readAtOnce(twoSections());
    expect(error).toBeUndefined();
    expect(packets.map(({ data, ...rest }) => ({ ...rest, data: [...data] }))).toEqual([
      {
        data: [1, 2, 3, 4, 5],
        seconds: 1_700_000_000,
        nanoseconds: 1000,
        originalLength: 60,
        linkType: 1,
        interface: 0,
      },
      { data: [6], seconds: 1_699_996_400, nanoseconds: 7, originalLength: 1, linkType: 101, interface: 1 },
      { data: [7, 8], seconds: 0, nanoseconds: 0, originalLength: 900, linkType: 276, interface: 0 },
      { data: [9], seconds: 5, nanoseconds: 0, originalLength: 1, linkType: 276, interface: 0 },
    ]);
  });

  it('skips a long unknown block without storing it', async () => {
    const file = build.join(
      build.sectionHeader('little'),
      build.interfaceBlock('little'),
      build.block('little', 0xbad, new Uint8Array(70_000)),
      build.enhancedPacket('little', 0, 0n, bytes(1)),
    );
    for (const size of [1000, 65_536, file.length]) expect((await readInPieces(file, size)).packets).toHaveLength(1);
  });

  const start = build.join(build.sectionHeader('little'), build.interfaceBlock('little', { snapLength: 100 }));
  const withLength = (block: Uint8Array, at: number, length: number): Uint8Array => {
    const changed = block.slice();
    new DataView(changed.buffer).setUint32(at < 0 ? block.length + at : at, length, true);
    return changed;
  };
  const packet = build.enhancedPacket('little', 0, 0n, bytes(1, 2, 3, 4));
  it.each([
    ['no section header', build.sectionHeader('little').fill(1, 8, 12), 'offset 0x8: byte-order magic 0x1010101'],
    [
      'undescribed interface',
      build.join(start, build.enhancedPacket('little', 3, 0n, bytes(1))),
      'interface 3 was not',
    ],
    ['packet over its block', build.join(start, withLength(packet, 20, 5)), 'captured length 5 does not fit'],
    ['simple packet over its block', build.join(start, build.simplePacket('little', bytes(1), 99)), 'packet length 99'],
    ['length not a multiple of 4', build.join(start, withLength(packet, 4, 35)), 'length 35 is wrong'],
    ['length too small', build.join(start, withLength(packet, 4, 28)), 'length 28 is wrong'],
    ['unequal lengths', build.join(start, withLength(packet, -4, 40)), 'length 36, but 40 at its end'],
    ['absurd length', build.join(start, withLength(packet, 4, 0xfffffff0)), 'length 4294967280 is over 16777216'],
    [
      'option over its block',
      build.join(start, build.interfaceBlock('little', { options: bytes(9, 0, 200, 0) })),
      'option 9 of 200 bytes does not fit',
    ],
  ])('refuses: %s', (_name, file, expected) => expect(message(file)).toContain(expected));
});

describe('in pieces, cut, or not a capture', () => {
  const pcap = build.join(
    build.pcapHeader('big', build.PCAP_MAGIC.nano),
    build.pcapRecord('big', [1, 2], bytes(1, 2, 3, 4, 5)),
    build.pcapRecord('big', [3, 4], bytes()),
    build.pcapRecord('big', [5, 6], bytes(6)),
  );

  it.each([
    ['pcap', pcap],
    ['pcapng', twoSections()],
  ])('%s: pieces of any size give the same packets', async (_name, file) => {
    const whole = readAtOnce(file);
    for (let size = 1; size <= file.length; size++) expect(await readInPieces(file, size)).toEqual(whole);
  });

  it.each([
    ['pcap', pcap],
    ['pcapng', twoSections()],
  ])('%s: cut anywhere, it gives the packets before the cut, then an error', async (_name, file) => {
    const whole = readAtOnce(file).packets;
    let boundaries = 0;
    for (let length = 0; length < file.length; length++) {
      for (const { packets, error } of [
        readAtOnce(file.slice(0, length)),
        await readInPieces(file.slice(0, length), 7),
      ]) {
        expect(packets).toEqual(whole.slice(0, packets.length));
        if (error === undefined) boundaries++;
        else if (length >= 24) expect(error.message).toMatch(/^x\.pcap, offset 0x[0-9a-f]+: the capture ends within /);
      }
    }
    // A cut between two records is no error; both readers must have seen the same ones.
    expect(boundaries).toBe(2 * (file === pcap ? 3 : 10));
  });

  it.each([
    ['empty', bytes(), 'x.pcap, offset 0x0: the file is empty: not a capture'],
    ['too short', bytes(0xd4, 0xc3), 'x.pcap, offset 0x0: not a capture: neither pcap nor pcapng'],
    ['text', bytes(0x68, 0x65, 0x6c, 0x6c, 0x6f), 'starts with 0x68656c6c, neither pcap nor pcapng'],
    ['compressed', bytes(0x1f, 0x8b, 8, 0, 0), 'gzip-compressed'],
    ['another version', build.pcapHeader('little', build.PCAP_MAGIC.micro).fill(9, 4, 5), 'pcap version 9.4 is not'],
  ])('%s', (_name, file, expected) => expect(message(file)).toContain(expected));

  it('ends the stream when the reader leaves early', async () => {
    let ended = false;
    async function* pieces(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield pcap;
      } finally {
        ended = true;
      }
    }
    for await (const packet of new PacketReader(pieces())) if (packet.seconds === 1) break;
    expect(ended).toBe(true);
  });
});

describe('splitTicks', () => {
  it.each([1, 10, 1e3, 1e6, 1e9, 1e10, 1e12, 2, 2 ** 20, 2 ** 32, 2 ** 36, 2 ** 37, 2 ** 64])(
    'is exact at %d ticks per second',
    (resolution) => {
      for (const ticks of [0n, 1n, 999_999n, 1n << 32n, 1_700_000_000_123_456_789n, (1n << 64n) - 1n]) {
        const perSecond = BigInt(resolution);
        expect(splitTicks(Number(ticks >> 32n), Number(ticks & 0xffffffffn), resolution)).toEqual({
          seconds: Number(ticks / perSecond),
          nanoseconds: Number(((ticks % perSecond) * 1_000_000_000n) / perSecond),
        });
      }
    },
  );
});

describe('encodePcap', () => {
  const packets = [
    { data: bytes(1, 2, 3), seconds: 7, nanoseconds: 123_456_789, originalLength: 60 },
    { data: bytes(4), seconds: 8, nanoseconds: 0 },
  ];

  it('writes what the reader reads', () => {
    const read = readAtOnce(encodePcap(packets, { linkType: 1, nanoseconds: true }));
    expect(read.packets).toMatchObject([packets[0], { ...packets[1], originalLength: 1 }]);
    expect(read.packets[0].data).toEqual(bytes(1, 2, 3));
    expect(readAtOnce(encodePcap(packets, { linkType: 1 })).packets[0].nanoseconds).toBe(123_456_000);
  });

  it('cuts at the snap length', () => {
    const [packet] = readAtOnce(encodePcap(packets, { linkType: 1, snapLength: 2 })).packets;
    expect(packet).toMatchObject({ capturedLength: 2, originalLength: 60 });
  });
});

it('names link types', () => {
  expect([1, 276, 9999].map(linkTypeName)).toEqual(['ETHERNET', 'LINUX_SLL2', 'LINKTYPE 9999']);
});
