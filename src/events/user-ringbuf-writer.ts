/**
 * Records from user space to programs, through a user ring buffer. The same on the userspace subsystem and on the kernel.
 *
 *     const writer = UserRingbufWriter.open(sys, mapFd, maxEntries);
 *     writer.write(bytes);            // false: there is no room until a program drains it
 */
import { BpfError, FormatError } from '../errors/index.ts';
import type { BpfSys, MapView } from '../sys/index.ts';
import { readU64, writeU64 } from '../util/index.ts';

const PAGE = 4096;
const HEADER = 8;
const DISCARD = 0x4000_0000;

export class UserRingbufWriter {
  readonly #consumer: MapView;
  readonly #producer: MapView;
  readonly #size: number;

  /** @param size bytes of the ring: the map's `maxEntries`. @throws BpfError where it cannot be mapped */
  static open(sys: BpfSys, mapFd: number, size: number): UserRingbufWriter {
    const consumer = sys.mmap(mapFd, PAGE, 0);
    try {
      return new UserRingbufWriter(consumer, sys.mmap(mapFd, PAGE + size, PAGE), size);
    } catch (error) {
      consumer.unmap();
      throw error;
    }
  }

  private constructor(consumer: MapView, producer: MapView, size: number) {
    this.#consumer = consumer;
    this.#producer = producer;
    this.#size = size;
  }

  /**
   * Give a record to programs.
   * @returns false: it does not fit now
   * @throws BpfError -E2BIG: it never will
   */
  write(bytes: Uint8Array): boolean {
    const whole = Math.ceil((HEADER + bytes.length) / 8) * 8;
    if (whole > this.#size) throw new BpfError(-7, 'user ring buffer', `a record of ${bytes.length} bytes`);
    const [read, written] = [position(this.#consumer), position(this.#producer)];
    if (read > written || written - read > this.#size) throw new FormatError('positions of the user ring buffer');
    const at = written % this.#size;
    const left = this.#size - at;
    const padding = whole > left ? left : 0;
    if (written - read + padding + whole > this.#size) return false;
    if (padding > 0) this.#record(at, padding - HEADER, DISCARD);
    const start = padding > 0 ? 0 : at;
    this.#producer.bytes.set(bytes, PAGE + start + HEADER);
    this.#record(start, bytes.length, 0);
    setPosition(this.#producer, written + padding + whole);
    return true;
  }

  close(): void {
    this.#consumer.unmap();
    this.#producer.unmap();
  }

  #record(at: number, length: number, flags: number): void {
    const view = viewOf(this.#producer);
    view.setUint32(PAGE + at, (length | flags) >>> 0, true);
    view.setUint32(PAGE + at + 4, 0, true);
  }
}

function viewOf({ bytes }: MapView): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const position = (from: MapView): number => readU64(viewOf(from), 0);
const setPosition = (to: MapView, value: number): void => writeU64(viewOf(to), 0, value);
