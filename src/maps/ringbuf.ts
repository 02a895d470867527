/**
 * BPF_MAP_TYPE_RINGBUF: records from programs to user space, in order. User space maps a page with its own position, then a
 * page with the programs' and the data, once: a record never runs over the end (see docs/adr/0007-map-core.md). What is
 * quick is in src/maps/core/assembly/ringbuf.ts. @kernel ringbuf_map_ops
 *
 * Refuses: every command on elements (-ENOTSUPP), mapping more than there is (-EINVAL).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { PAGE, RING } from '../memory/index.ts';
import { readU64 } from '../util/index.ts';
import type { MapDeps, MapInfo, Mapping } from './bpf-map.ts';
import { KeylessCoreMap } from './keyless-map.ts';
import { allocateValues, writeHeader } from './storage.ts';
import { wholeRecord } from './user-ringbuf.ts';

/** @kernel BPF_RB_FORCE_WAKEUP */
const FORCE_WAKEUP = 2;

export class RingbufMap extends KeylessCoreMap {
  readonly #size: number;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): RingbufMap | number {
    const region = allocateValues(info, deps, RING.DATA + info.maxEntries, (offset) => offset >= RING.DATA);
    return region === undefined ? -ERRNO.ENOMEM : new RingbufMap(info, deps, region);
  }

  private constructor(info: MapInfo, deps: MapDeps, region: Region) {
    super(info, deps, region, -ERRNO.ENOTSUPP);
    this.#size = region.size;
    writeHeader(info, deps, region.base);
  }

  override get userValueSize(): number {
    return 0;
  }

  mapping(offset: number, length: number): Mapping | number {
    const address = this.address + RING.CONSUMER + offset;
    const there = this.address + this.#size - address;
    if (offset + length > 2 * PAGE + 2 * this.info.maxEntries || there <= 0) return -ERRNO.EINVAL;
    return { address, length: Math.min(length, there), writable: offset === 0 && length <= PAGE };
  }

  /** Helper 131. @returns an address or 0 */
  reserve(size: number, flags: number): number {
    return this.call(() => this.fn.ringbuf_reserve(this.address, size, flags)) >>> 0;
  }

  /** Helper 130. @returns 0, -EINVAL, -EAGAIN */
  output(data: number, size: number, flags: number): number {
    return this.call(() => this.fn.ringbuf_output(this.address, data, size, flags));
  }

  /** Helpers 132 and 133. */
  commit(record: number, flags: number, discard: boolean): void {
    this.call(() => (discard ? this.fn.ringbuf_discard(record, flags) : this.fn.ringbuf_submit(record, flags)));
  }

  /** Helper 134. */
  query(what: number): number {
    return this.call(() => this.fn.ringbuf_query(this.address, what)) >>> 0;
  }

  runStopped(): void {
    const { view } = this.deps.memory;
    const [pending, written] = [RING.PENDING, RING.PRODUCER].map((field) => readU64(view, this.address + field));
    // Positions are the program's to corrupt: no more is looked at than there is.
    for (let at = pending; at < written && at < pending + this.info.maxEntries;) {
      const header = this.address + RING.DATA + ((at % this.info.maxEntries) & -8);
      const length = view.getUint32(header, true);
      if (length >= RING.BUSY) this.commit(header + RING.RECORD_HEADER, FORCE_WAKEUP, true);
      at += wholeRecord(length % RING.DISCARD);
    }
  }

  get readable(): boolean {
    return this.query(0) !== 0;
  }

  /** Whether a record has asked since the last time that whoever waits is woken. */
  takeWake(): boolean {
    const { view } = this.deps.memory;
    const asked = view.getUint32(this.address + RING.WAKE, true) !== 0;
    view.setUint32(this.address + RING.WAKE, 0, true);
    return asked;
  }
}
