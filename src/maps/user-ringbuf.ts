/**
 * BPF_MAP_TYPE_USER_RINGBUF: records from user space to programs. User space maps a page with the reader's position, then a
 * page with its own and the data; programs drain it. Where Linux maps the data twice in a row, so that a record may
 * run over the end, here it lies there once: a writer puts a discarded record at the end instead, which both understand.
 * Positions only grow. What user space writes is not trusted. @kernel user_ringbuf_map_ops
 *
 * Refuses: every command on elements (-ENOTSUPP), mapping more than there is (-EINVAL).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { PAGE } from '../memory/index.ts';
import { readU64, writeU64 } from '../util/index.ts';
import type { MapDeps, MapInfo, Mapping } from './bpf-map.ts';
import { KeylessMap } from './keyless-map.ts';
import { allocateHeader } from './storage.ts';

/** Length and two bits, then four bytes of nothing. @kernel BPF_RINGBUF_HDR_SZ, BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT */
export const RINGBUF = { HEADER: 8, BUSY: 0x8000_0000, DISCARD: 0x4000_0000 } as const;

/** One record: its bytes lie in the data. */
export interface UserSample {
  readonly address: number;
  readonly length: number;
}

export class UserRingbufMap extends KeylessMap {
  readonly #ring: Region;
  #draining = false;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): UserRingbufMap | number {
    const header = allocateHeader(info, deps, 0);
    const size = 2 * PAGE + info.maxEntries;
    const ring =
      header &&
      deps.memory.allocate(size, {
        kind: 'map-value',
        name: `map ${info.name}`,
        contains: (offset) => offset >= 2 * PAGE,
      });
    if (header !== undefined && ring !== undefined) return new UserRingbufMap(info, deps, header, ring);
    if (header !== undefined) deps.memory.free(header);
    return -ERRNO.ENOMEM;
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region, ring: Region) {
    super(info, deps, [header, ring], -ERRNO.ENOTSUPP);
    this.#ring = ring;
  }

  override get userValueSize(): number {
    return 0;
  }

  mapping(offset: number, length: number): Mapping | number {
    const there = this.#ring.size - offset;
    if (offset + length > 2 * PAGE + 2 * this.info.maxEntries || there <= 0) return -ERRNO.EINVAL;
    return { address: this.#ring.base + offset, length: Math.min(length, there), writable: offset !== 0 };
  }

  /** @returns whether nobody else was reading. */
  startDrain(): boolean {
    const free = !this.#draining;
    this.#draining = true;
    return free;
  }

  endDrain(): void {
    this.#draining = false;
  }

  runStopped(): void {
    this.endDrain();
  }

  /**
   * The next record, 'discarded' for one to skip.
   * @returns -ENODATA at the end, -EBUSY: it is being written, -EINVAL, -E2BIG: it cannot be one
   */
  peek(): UserSample | 'discarded' | number {
    const { view } = this.deps.memory;
    const [read, written] = [this.#position(0), this.#position(PAGE)];
    if (written % 8 !== 0) return -ERRNO.EINVAL;
    if (read >= written) return -ERRNO.ENODATA;
    const at = this.#ring.base + 2 * PAGE + (read % this.info.maxEntries);
    const header = view.getUint32(at, true);
    const length = header & ~(RINGBUF.BUSY | RINGBUF.DISCARD);
    if (header & RINGBUF.BUSY) return -ERRNO.ENODATA;
    const whole = wholeRecord(length);
    if (whole > written - read) return -ERRNO.EINVAL;
    if (length > this.info.maxEntries) return -ERRNO.E2BIG;
    if (header & RINGBUF.DISCARD) return 'discarded';
    // Behind the end there is no second copy of the data.
    if (at + whole > this.#ring.base + this.#ring.size) return -ERRNO.EINVAL;
    return { address: at + RINGBUF.HEADER, length };
  }

  /** The reader is done with the next record. */
  advance(): void {
    const { view } = this.deps.memory;
    const read = this.#position(0);
    const at = this.#ring.base + 2 * PAGE + (read % this.info.maxEntries);
    const length = view.getUint32(at, true) & ~(RINGBUF.BUSY | RINGBUF.DISCARD);
    this.#setPosition(0, read + wholeRecord(length));
  }

  #position(offset: number): number {
    return readU64(this.deps.memory.view, this.#ring.base + offset);
  }

  #setPosition(offset: number, value: number): void {
    writeU64(this.deps.memory.view, this.#ring.base + offset, value);
  }
}

/** Bytes that a record of `length` bytes takes. */
export const wholeRecord = (length: number): number => Math.ceil((length + RINGBUF.HEADER) / 8) * 8;
