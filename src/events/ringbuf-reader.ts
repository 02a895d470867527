/**
 * What programs send through a ring buffer, in order and without copying. The same on the userspace subsystem and on the
 * kernel.
 *
 *     const reader = RingbufReader.open(sys, mapFd, maxEntries);
 *     for (const record of reader.read()) …     // bytes that are valid until the next record is asked for
 *     await reader.wait(signal);
 *
 * The memory is shared with whoever writes: a length that cannot be is an error, never followed.
 */
import { FormatError } from '../errors/index.ts';
import type { BpfSys, MapView } from '../sys/index.ts';
import { readU64, writeU64 } from '../util/index.ts';

const PAGE = 4096;
const HEADER = 8;
const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;

export class RingbufReader {
  readonly #sys: BpfSys;
  readonly #fd: number;
  readonly #size: number;
  readonly #consumer: MapView;
  readonly #producer: MapView;
  /** Views of the pages, and whose buffers they look at: those of the userspace subsystem move when its memory grows. */
  #views: { readonly own: DataView; readonly theirs: DataView; readonly data: Uint8Array } | undefined;

  /** @param size bytes of the ring: the map's `maxEntries`. @throws BpfError where it cannot be mapped */
  static open(sys: BpfSys, mapFd: number, size: number): RingbufReader {
    const consumer = sys.mmap(mapFd, PAGE, 0);
    try {
      return new RingbufReader(sys, mapFd, size, consumer, sys.mmap(mapFd, PAGE + 2 * size, PAGE));
    } catch (error) {
      consumer.unmap();
      throw error;
    }
  }

  private constructor(sys: BpfSys, fd: number, size: number, consumer: MapView, producer: MapView) {
    this.#sys = sys;
    this.#fd = fd;
    this.#size = size;
    this.#consumer = consumer;
    this.#producer = producer;
  }

  /** All records that are committed now; the one that was given is done with when the next is asked for. */
  *read(): IterableIterator<Uint8Array> {
    for (let position = this.#position(); ;) {
      const { theirs, data } = this.#look();
      if (position >= readU64(theirs, 0)) return;
      const at = position % this.#size;
      const header = theirs.getUint32(PAGE + at, true);
      if (header >= BUSY) return;
      const length = header % DISCARD;
      const whole = Math.ceil((length + HEADER) / 8) * 8;
      if (whole > this.#size || at + whole > data.length) {
        throw new FormatError(`a record of ${length} bytes in the ring buffer`, { offset: at });
      }
      if (header < DISCARD) yield data.subarray(at + HEADER, at + HEADER + length);
      position += whole;
      this.#setPosition(position);
    }
  }

  /** Wait until there is a record, or `signal` aborts. */
  wait(signal?: AbortSignal): Promise<void> {
    return this.#sys.poll(this.#fd, signal);
  }

  close(): void {
    this.#consumer.unmap();
    this.#producer.unmap();
    this.#views = undefined;
  }

  #look(): { readonly own: DataView; readonly theirs: DataView; readonly data: Uint8Array } {
    const own = this.#consumer.bytes;
    const theirs = this.#producer.bytes;
    if (this.#views?.theirs.buffer !== theirs.buffer) {
      this.#views = { own: viewOf(own), theirs: viewOf(theirs), data: theirs.subarray(PAGE) };
    }
    return this.#views;
  }

  #position(): number {
    return readU64(this.#look().own, 0);
  }

  #setPosition(position: number): void {
    writeU64(this.#look().own, 0, position);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
