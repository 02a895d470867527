/**
 * The pcapng format: blocks in sections; a section has its own byte order and interfaces. Packets come in enhanced,
 * simple and (obsolete) packet blocks; blocks of other types are skipped.
 * Refuses: a file that does not start with a section header, versions other than 1.x, block lengths that are too small,
 * not a multiple of 4, contradicted by the trailing length or over 16 MiB (blocks that are read), packets of an
 * interface that was not described, packets that do not fit their block, options that do not fit theirs.
 * Source: draft-ietf-opsawg-pcapng.
 */
import { Packet } from './packet.ts';
import { MAX_CAPTURED } from './record-format.ts';
import type { Fail, PacketSink, RecordFormat } from './record-format.ts';
import { splitTicks } from './ticks.ts';

const MAX_BLOCK = 1 << 24;

/** Type, length, and the byte-order magic of a section header; also the length of the smallest block. */
const HEAD = 12;
export const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** The block types that are read, with the length in bytes of their fixed part (head and trailing length included). */
const BLOCKS = new Map([
  [SECTION_HEADER, { name: 'section header block', least: 28 }],
  [1, { name: 'interface description block', least: 20 }],
  [2, { name: 'packet block', least: 32 }],
  [3, { name: 'simple packet block', least: 16 }],
  [6, { name: 'enhanced packet block', least: 32 }],
]);

/** Options of an interface description. */
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

interface Interface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapLength: number;
  /** Ticks per second. */
  readonly resolution: number;
  /** Seconds to add to each time stamp. */
  readonly offset: number;
}

export class PcapngFormat implements RecordFormat {
  name = 'a block';
  readonly headLength = HEAD;
  readonly #fail: Fail;
  #little = true;
  #inSection = false;
  #interfaces: Interface[] = [];

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  measure(view: DataView, pos: number): number {
    if (view.getUint32(pos, true) === SECTION_HEADER) this.#startSection(view, pos);
    else if (!this.#inSection) this.#fail('a pcapng file must start with a section header block');
    const type = view.getUint32(pos, this.#little);
    const length = view.getUint32(pos + 4, this.#little);
    const block = BLOCKS.get(type);
    this.name = block?.name ?? `a block of type 0x${type.toString(16)}`;
    if (length < (block?.least ?? HEAD) || length % 4 !== 0) this.#fail(`${this.name}: length ${length} is wrong`, 4);
    if (block && length > MAX_BLOCK) this.#fail(`${this.name}: length ${length} is over ${MAX_BLOCK}`, 4);
    return length;
  }

  wants(view: DataView, pos: number): boolean {
    return BLOCKS.has(view.getUint32(pos, this.#little));
  }

  read(bytes: Uint8Array, view: DataView, pos: number, length: number, sink: PacketSink): void {
    const trailing = view.getUint32(pos + length - 4, this.#little);
    if (trailing !== length) this.#fail(`${this.name}: length ${length}, but ${trailing} at its end`, length - 4);
    switch (view.getUint32(pos, this.#little)) {
      case 1:
        this.#interfaces.push(this.#interfaceDescription(view, pos, length));
        break;
      case 2:
        this.#packet(bytes, view, pos, length, view.getUint16(pos + 8, this.#little), sink);
        break;
      case 3:
        this.#simplePacket(bytes, view, pos, length, sink);
        break;
      case 6:
        this.#packet(bytes, view, pos, length, view.getUint32(pos + 8, this.#little), sink);
    }
  }

  #startSection(view: DataView, pos: number): void {
    const magic = view.getUint32(pos + 8, true);
    if (magic !== BYTE_ORDER_MAGIC && magic !== 0x4d3c2b1a)
      this.#fail(`byte-order magic 0x${magic.toString(16)} is none`, 8);
    this.#little = magic === BYTE_ORDER_MAGIC;
    this.#interfaces = [];
    this.#inSection = true;
  }

  #interfaceDescription(view: DataView, pos: number, length: number): Interface {
    let resolution = 1e6;
    let offset = 0;
    const end = pos + length - 4;
    for (let at = pos + 16; at + 4 <= end;) {
      const code = view.getUint16(at, this.#little);
      const size = view.getUint16(at + 2, this.#little);
      if (code === 0) break;
      if (at + 4 + size > end) this.#fail(`option ${code} of ${size} bytes does not fit its block`, at - pos);
      if (code === IF_TSRESOL && size >= 1) {
        const value = view.getUint8(at + 4);
        resolution = value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value;
      } else if (code === IF_TSOFFSET && size >= 8) offset = Number(view.getBigInt64(at + 4, this.#little));
      at += 4 + ((size + 3) & ~3);
    }
    const linkType = view.getUint16(pos + 8, this.#little);
    return { linkType, snapLength: view.getUint32(pos + 12, this.#little), resolution, offset };
  }

  /** Enhanced packet blocks and the older packet blocks differ only in where the interface is written. */
  #packet(bytes: Uint8Array, view: DataView, pos: number, length: number, index: number, sink: PacketSink): void {
    const from = this.#interfaces[index] ?? this.#fail(`interface ${index} was not described`, 8);
    const captured = view.getUint32(pos + 20, this.#little);
    if (captured > length - 32 || captured > MAX_CAPTURED)
      this.#fail(`captured length ${captured} does not fit its block`, 20);
    const high = view.getUint32(pos + 12, this.#little);
    const low = view.getUint32(pos + 16, this.#little);
    const time = splitTicks(high, low, from.resolution);
    const data = bytes.subarray(pos + 28, pos + 28 + captured);
    const originalLength = view.getUint32(pos + 24, this.#little);
    sink(new Packet(data, time.seconds + from.offset, time.nanoseconds, originalLength, from.linkType, index));
  }

  /** Has neither time nor captured length: all that the snap length of interface 0 allows. */
  #simplePacket(bytes: Uint8Array, view: DataView, pos: number, length: number, sink: PacketSink): void {
    const from = this.#interfaces[0] ?? this.#fail('interface 0 was not described', 8);
    const originalLength = view.getUint32(pos + 8, this.#little);
    const captured = Math.min(originalLength, from.snapLength || originalLength);
    if (captured > length - 16 || captured > MAX_CAPTURED)
      this.#fail(`packet length ${captured} does not fit its block`, 8);
    sink(new Packet(bytes.subarray(pos + 12, pos + 12 + captured), 0, 0, originalLength, from.linkType, 0));
  }
}
