/**
 * Captures of either format, fed in pieces of any size. Packets are views of the pieces; only a record that straddles
 * two of them is copied, and nothing is allocated for a length that the format refuses.
 * Refuses: what is neither pcap nor pcapng, and what the formats refuse; a file that ends within a record. Packets
 * before the bad place have been delivered by then.
 */
import { FormatError } from '../errors/index.ts';
import { plainBytes } from '../util/index.ts';
import { isPcapMagic, PcapFormat } from './pcap.ts';
import { PcapngFormat, SECTION_HEADER } from './pcapng.ts';
import type { PacketSink, RecordFormat } from './record-format.ts';

const MAGIC_LENGTH = 4;

export class CaptureParser {
  readonly #file: string;
  readonly #sink: PacketSink;
  #format: RecordFormat | undefined;
  /** Offset in the file of the record being read. */
  #offset = 0;
  /** Length of a record that nobody wants, and how many bytes of it are still to come. */
  #skipLength = 0;
  #skip = 0;
  /** A record that the last piece ended within: its first `#heldLength` bytes; it may grow up to the array's length. */
  #held = new Uint8Array(0);
  #heldLength = 0;

  /**
   * @param sink called for each packet
   * @param file name for messages
   */
  constructor(sink: PacketSink, file = '') {
    this.#sink = sink;
    this.#file = file;
  }

  /** Read the next piece of the file. @throws FormatError */
  push(bytes: Uint8Array): void {
    const piece = plainBytes(bytes);
    let pos = 0;
    while (pos < piece.length) {
      if (this.#skip > 0) pos += this.#skipIn(piece.length - pos);
      else if (this.#heldLength > 0) pos += this.#fillHeld(piece, pos);
      else pos = this.#readFrom(piece, pos);
    }
  }

  /** The file has ended. @throws FormatError if it ended within a record */
  end(): void {
    if (this.#format === undefined && this.#heldLength === 0) this.#fail('the file is empty: not a capture');
    if (this.#format === undefined) this.#fail('not a capture: neither pcap nor pcapng');
    if (this.#heldLength > 0 || this.#skip > 0) {
      const kept = this.#heldLength > 0 ? ` (only ${this.#heldLength} bytes of it)` : '';
      this.#fail(`the capture ends within ${this.#format!.name}${kept}`);
    }
  }

  readonly #fail = (problem: string, delta = 0): never => {
    throw new FormatError(problem, { file: this.#file, offset: this.#offset + delta });
  };

  /** Read all complete records from `pos` on and hold the rest. @returns where it stopped */
  #readFrom(piece: Uint8Array, pos: number): number {
    const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
    while (pos < piece.length) {
      const need = this.#need(view, pos, piece.length - pos);
      if (this.#skip > 0) return pos;
      if (need > piece.length - pos) {
        this.#held = new Uint8Array(need);
        this.#held.set(piece.subarray(pos));
        this.#heldLength = piece.length - pos;
        return piece.length;
      }
      if (need > 0) this.#format!.read(piece, view, pos, need, this.#sink);
      pos += need;
      this.#offset += need;
    }
    return pos;
  }

  /** Add bytes to the held record and read it once it is complete. @returns how many bytes were taken */
  #fillHeld(piece: Uint8Array, pos: number): number {
    const taken = Math.min(this.#held.length - this.#heldLength, piece.length - pos);
    this.#held.set(piece.subarray(pos, pos + taken), this.#heldLength);
    this.#heldLength += taken;
    if (this.#heldLength < this.#held.length) return taken;
    const view = new DataView(this.#held.buffer);
    const need = this.#need(view, 0, this.#heldLength);
    if (this.#skip > 0) {
      this.#skipIn(this.#heldLength);
      this.#heldLength = 0;
    } else if (need > this.#heldLength) {
      const longer = new Uint8Array(need);
      longer.set(this.#held);
      this.#held = longer;
    } else if (need > 0) {
      const record = this.#held;
      this.#heldLength = 0;
      this.#format!.read(record, view, 0, need, this.#sink);
      this.#offset += need;
    }
    return taken;
  }

  /**
   * Bytes that must be there to go on at `pos`, where `have` are: more than `have` means wait for them, 0 means
   * that the record is to be skipped (`#skip` is set).
   */
  #need(view: DataView, pos: number, have: number): number {
    if (this.#format === undefined) {
      if (have < MAGIC_LENGTH) return MAGIC_LENGTH;
      this.#format = this.#recognise(view.getUint32(pos));
    }
    if (have < this.#format.headLength) return this.#format.headLength;
    const length = this.#format.measure(view, pos);
    if (this.#format.wants(view, pos)) return length;
    this.#skipLength = this.#skip = length;
    return 0;
  }

  #skipIn(available: number): number {
    const skipped = Math.min(this.#skip, available);
    this.#skip -= skipped;
    if (this.#skip === 0) this.#offset += this.#skipLength;
    return skipped;
  }

  #recognise(magic: number): RecordFormat {
    if (isPcapMagic(magic)) return new PcapFormat(magic, this.#fail);
    if (magic === SECTION_HEADER) return new PcapngFormat(this.#fail);
    if (magic >>> 16 === 0x1f8b) return this.#fail('gzip-compressed: decompress it first');
    return this.#fail(`not a capture: starts with 0x${magic.toString(16).padStart(8, '0')}, neither pcap nor pcapng`);
  }
}
