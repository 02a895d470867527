/**
 * BPF_MAP_TYPE_RINGBUF: records from programs to one reader; see RING in src/memory/layout.ts. A record is reserved, filled and
 * submitted or discarded; the reader stops at the first that is still busy. A record never runs over the end: what is left
 * there becomes a discarded record. A reader that has read everything before a record is to be woken when the record is
 * there, unless BPF_RB_NO_WAKEUP; BPF_RB_FORCE_WAKEUP always wakes.
 *
 * Refuses: flags that there are not (reserve: 0, output: -EINVAL), records that do not fit now (0, -EAGAIN): what was not
 * read, or lies behind a busy record, is not overwritten.
 */
import { copy } from './bytes';
import {
  CORRUPT_RECORD,
  EAGAIN,
  EINVAL,
  MAP_MAX_ENTRIES,
  MAP_TYPE,
  RING_BUSY,
  RING_CONSUMER,
  RING_DATA,
  RING_DISCARD,
  RING_PENDING,
  RING_PRODUCER,
  RING_RECORD_HEADER,
  RING_WAKE,
  TYPE_RINGBUF,
} from './generated';
import { corrupt } from './imports';

/** Longest record. @kernel RINGBUF_MAX_RECORD_SZ */
const MAX_RECORD: u32 = 0x3fffffff;
const PAGE_SHIFT: u32 = 12;
/** @kernel BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP */
const NO_WAKEUP: u32 = 1;
const FORCE_WAKEUP: u32 = 2;
/** What bpf_ringbuf_query asks for. @kernel BPF_RB_AVAIL_DATA and so on */
const AVAIL_DATA: u32 = 0;
const RING_SIZE: u32 = 1;
const CONS_POS: u32 = 2;
const PROD_POS: u32 = 3;

/** Bytes that a record of `size` bytes takes. */
function whole(size: u32): u32 {
  return (size + RING_RECORD_HEADER + 7) & ~7;
}

/** Address of `size` bytes for a program to fill, or 0. */
export function ringbuf_reserve(map: u32, size: u32, flags: u32): u32 {
  if (flags !== 0 || size > MAX_RECORD) return 0;
  const ring = load<u32>(map, MAP_MAX_ENTRIES);
  const mask = ring - 1;
  const total = whole(size);
  if (total > ring) return 0;
  const position = load<u64>(map, RING_PRODUCER);
  const offset = (<u32>position) & mask;
  const left = ring - offset;
  const skipped = total > left ? left : 0;
  const after = position + skipped + total;
  // Positions of user space may be anything: a reader that ran ahead leaves no room.
  const read = load<u64>(map, RING_CONSUMER);
  const oldest = pending(map, position, mask);
  const fits = after - read <= mask && after - oldest <= mask;
  // What is skipped is given up also where the rest does not fit: once it is read, a large record finds the whole ring.
  const skips = position + skipped - read <= mask && position + skipped - oldest <= mask;
  if (skipped !== 0 && skips) {
    writeHeader(map, offset, (skipped - RING_RECORD_HEADER) | RING_DISCARD);
    store<u64>(map, position + skipped, RING_PRODUCER);
  }
  if (!fits) return 0;
  const record = writeHeader(map, skipped !== 0 ? 0 : offset, size | RING_BUSY);
  store<u64>(map, after, RING_PRODUCER);
  return record + RING_RECORD_HEADER;
}

/** Position of the oldest busy record, or that of the writer. */
function pending(map: u32, writer: u64, mask: u32): u64 {
  let position = load<u64>(map, RING_PENDING);
  for (let steps = mask >> 3; position < writer; steps--) {
    const length = load<u32>(map + RING_DATA + ((<u32>position) & mask));
    if (length & RING_BUSY) break;
    if (steps === 0) corrupt(map, CORRUPT_RECORD);
    position += whole(length & ~RING_DISCARD);
  }
  store<u64>(map, position, RING_PENDING);
  return position;
}

/** @returns the address of the header. */
function writeHeader(map: u32, offset: u32, length: u32): u32 {
  const at = map + RING_DATA + offset;
  store<u32>(at, length);
  store<u32>(at, (at - map) >> PAGE_SHIFT, 4);
  return at;
}

export function ringbuf_submit(record: u32, flags: u32): void {
  commit(record, flags, 0);
}

export function ringbuf_discard(record: u32, flags: u32): void {
  commit(record, flags, RING_DISCARD);
}

function commit(record: u32, flags: u32, discard: u32): void {
  const at = record - RING_RECORD_HEADER;
  const map = ((at >> PAGE_SHIFT) - load<u32>(at, 4)) << PAGE_SHIFT;
  if (load<u32>(map, MAP_TYPE) !== TYPE_RINGBUF) corrupt(map, CORRUPT_RECORD);
  store<u32>(at, (load<u32>(at) & ~RING_BUSY) | discard);
  if (flags & FORCE_WAKEUP || ((flags & NO_WAKEUP) === 0 && readerIsAt(map, at - map - RING_DATA)))
    store<u32>(map, 1, RING_WAKE);
}

/** Whether the reader's next record is the one at an offset; one that was skipped at the end comes before the first. */
function readerIsAt(map: u32, offset: u32): bool {
  const ring = load<u32>(map, MAP_MAX_ENTRIES);
  const read = (<u32>load<u64>(map, RING_CONSUMER)) & (ring - 1);
  if (read === offset) return true;
  if (offset !== 0) return false;
  const length = load<u32>(map + RING_DATA + (read & ~7));
  return (length & RING_DISCARD) !== 0 && read + whole(length & ~RING_DISCARD) === ring;
}

/** A record with a copy of `size` bytes. @returns 0 or -errno */
export function ringbuf_output(map: u32, from: u32, size: u32, flags: u32): i32 {
  if (flags & ~(NO_WAKEUP | FORCE_WAKEUP)) return -EINVAL;
  const record = ringbuf_reserve(map, size, 0);
  if (record === 0) return -EAGAIN;
  copy(record, from, size);
  commit(record, flags, 0);
  return 0;
}

/** Low word of what is asked for. */
export function ringbuf_query(map: u32, what: u32): u32 {
  const read = load<u64>(map, RING_CONSUMER);
  const written = load<u64>(map, RING_PRODUCER);
  switch (what) {
    case AVAIL_DATA:
      return <u32>(written - read);
    case RING_SIZE:
      return load<u32>(map, MAP_MAX_ENTRIES);
    case CONS_POS:
      return <u32>read;
    case PROD_POS:
      return <u32>written;
  }
  return 0;
}
