/**
 * The buffer of one perf event, laid out as Linux maps it: a page of positions, then 2^n pages of records that may wrap.
 * Positions only grow. Whoever reads moves `data_tail`, in memory that it shares with programs: it is not trusted.
 * Source: perf_event_open(2).
 */
import { ERRNO } from '../errors/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import { PAGE } from '../memory/index.ts';
import { readU64, writeU64 } from '../util/index.ts';

/** Of `struct perf_event_mmap_page`. */
export const PERF_PAGE = { HEAD: 1024, TAIL: 1032, DATA_OFFSET: 1040, DATA_SIZE: 1048 } as const;
/** @kernel perf_event_header.type */
export const PERF_RECORD = { LOST: 2, SAMPLE: 9 } as const;

/** Type, flags, size. */
const HEADER = 8;
const LOST_SIZE = 24;

/** Bytes of the memory. */
export interface Piece {
  readonly address: number;
  readonly length: number;
}

export class PerfRing {
  readonly region: Region;
  readonly #space: AddressSpace;
  readonly #size: number;
  #head = 0;
  #lost = 0;

  /** @param bytes of the mapping: a page and none or 2^n more. @returns -EINVAL, -ENOMEM */
  static create(space: AddressSpace, bytes: number): PerfRing | number {
    const pages = bytes / PAGE - 1;
    if (!Number.isInteger(pages) || pages < 0 || (pages & (pages - 1)) !== 0) return -ERRNO.EINVAL;
    const region = space.allocate(bytes, { kind: 'map', name: 'perf event', writable: false, contains: () => false });
    return region === undefined ? -ERRNO.ENOMEM : new PerfRing(space, region, bytes - PAGE);
  }

  constructor(space: AddressSpace, region: Region, size: number) {
    this.region = region;
    this.#space = space;
    this.#size = size;
    space.view.setUint32(region.base + PERF_PAGE.DATA_OFFSET, PAGE, true);
    space.view.setUint32(region.base + PERF_PAGE.DATA_SIZE, size, true);
  }

  get readable(): boolean {
    return this.#head > this.#tail();
  }

  /** A sample of these bytes. @returns 0, or -ENOSPC: it is counted as lost. */
  output(pieces: readonly Piece[]): number {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const raw = Math.ceil((length + 4) / 8) * 8 - 4;
    const size = HEADER + 4 + raw;
    const told = this.#lost > 0 ? LOST_SIZE : 0;
    if (this.#head - this.#tail() + size + told > this.#size || size > 0xffff) {
      this.#lost++;
      return -ERRNO.ENOSPC;
    }
    if (told) this.#tellLost();
    const record = new Uint8Array(size);
    const view = new DataView(record.buffer);
    writeHeader(view, PERF_RECORD.SAMPLE, size);
    view.setUint32(HEADER, raw, true);
    let at = HEADER + 4;
    for (const { address, length: bytes } of pieces) {
      record.set(this.#space.bytes.subarray(address, address + bytes), at);
      at += bytes;
    }
    this.#append(record);
    return 0;
  }

  /** A reader that claims to be ahead has read everything; one far behind, nothing. */
  #tail(): number {
    const { view } = this.#space;
    const at = this.region.base + PERF_PAGE.TAIL;
    return Math.min(Math.max(readU64(view, at), this.#head - this.#size), this.#head);
  }

  #tellLost(): void {
    const record = new Uint8Array(LOST_SIZE);
    const view = new DataView(record.buffer);
    writeHeader(view, PERF_RECORD.LOST, LOST_SIZE);
    view.setUint32(16, this.#lost, true);
    this.#lost = 0;
    this.#append(record);
  }

  #append(record: Uint8Array): void {
    const { bytes, view } = this.#space;
    const data = this.region.base + PAGE;
    const at = this.#head % this.#size;
    const first = Math.min(record.length, this.#size - at);
    bytes.set(record.subarray(0, first), data + at);
    bytes.set(record.subarray(first), data);
    this.#head += record.length;
    writeU64(view, this.region.base + PERF_PAGE.HEAD, this.#head);
  }
}

function writeHeader(view: DataView, type: number, size: number): void {
  view.setUint32(0, type, true);
  view.setUint16(6, size, true);
}
