/**
 * The pcap format: a file header of 24 bytes, then records of a 16-byte header and the packet. Both byte orders,
 * microseconds and nanoseconds, and the variant of Alexey Kuznetzov with 8 more bytes per record header.
 * Refuses: other versions than 2.x (2.0 to 2.2 kept no lengths in this order), more than 256 KiB captured of a packet.
 * Source: draft-ietf-opsawg-pcap; pcap-savefile(5).
 */
import { Packet } from './packet.ts';
import { MAX_CAPTURED } from './record-format.ts';
import type { Fail, PacketSink, RecordFormat } from './record-format.ts';

const FILE_HEADER = 24;

/** First four bytes, read big-endian, of each variant. */
const MAGICS = new Map([
  [0xa1b2c3d4, { little: false, nano: false, recordHeader: 16 }],
  [0xd4c3b2a1, { little: true, nano: false, recordHeader: 16 }],
  [0xa1b23c4d, { little: false, nano: true, recordHeader: 16 }],
  [0x4d3cb2a1, { little: true, nano: true, recordHeader: 16 }],
  [0xa1b2cd34, { little: false, nano: false, recordHeader: 24 }],
  [0x34cdb2a1, { little: true, nano: false, recordHeader: 24 }],
]);

export function isPcapMagic(magic: number): boolean {
  return MAGICS.has(magic);
}

export class PcapFormat implements RecordFormat {
  name = 'the pcap file header';
  headLength = FILE_HEADER;
  readonly #fail: Fail;
  readonly #little: boolean;
  readonly #fractionsPerSecond: number;
  readonly #nanosecondsPerFraction: number;
  readonly #recordHeader: number;
  #inHeader = true;
  #linkType = 0;

  constructor(magic: number, fail: Fail) {
    const variant = MAGICS.get(magic)!;
    this.#fail = fail;
    this.#little = variant.little;
    this.#fractionsPerSecond = variant.nano ? 1e9 : 1e6;
    this.#nanosecondsPerFraction = variant.nano ? 1 : 1000;
    this.#recordHeader = variant.recordHeader;
  }

  measure(view: DataView, pos: number): number {
    if (this.#inHeader) return FILE_HEADER;
    const captured = view.getUint32(pos + 8, this.#little);
    if (captured > MAX_CAPTURED) this.#fail(`captured length ${captured} is over ${MAX_CAPTURED}`, 8);
    return this.#recordHeader + captured;
  }

  wants(): boolean {
    return true;
  }

  read(bytes: Uint8Array, view: DataView, pos: number, length: number, sink: PacketSink): void {
    if (this.#inHeader) return this.#readFileHeader(view, pos);
    let seconds = view.getUint32(pos, this.#little);
    let fraction = view.getUint32(pos + 4, this.#little);
    if (fraction >= this.#fractionsPerSecond) {
      seconds += Math.floor(fraction / this.#fractionsPerSecond);
      fraction %= this.#fractionsPerSecond;
    }
    const data = bytes.subarray(pos + this.#recordHeader, pos + length);
    const originalLength = view.getUint32(pos + 12, this.#little);
    sink(new Packet(data, seconds, fraction * this.#nanosecondsPerFraction, originalLength, this.#linkType, 0));
  }

  #readFileHeader(view: DataView, pos: number): void {
    const major = view.getUint16(pos + 4, this.#little);
    const minor = view.getUint16(pos + 6, this.#little);
    if (major !== 2 || minor < 3) this.#fail(`pcap version ${major}.${minor} is not supported (2.4 is)`, 4);
    // The upper bits say whether a frame check sequence follows each packet.
    this.#linkType = view.getUint32(pos + 20, this.#little) & 0x03ffffff;
    this.#inHeader = false;
    this.name = 'a packet record';
    this.headLength = this.#recordHeader;
  }
}
