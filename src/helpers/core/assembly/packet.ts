/** Helpers 9, 26, 39, 189, 190: copies from and to the packet, inside of what the program sees. */
import { ASK, STATE_DATA, STATE_LENGTH, STORE_FLAG_RECOMPUTE_CSUM } from './generated';

/** Beyond so many bytes `memory.copy` is quicker. */
const BULK: u32 = 64;

/** The last piece may lie upon the one before. */
function copy(to: u32, from: u32, size: u32): void {
  if (size > BULK) {
    memory.copy(to, from, size);
  } else if (size >= 8) {
    const last = size - 8;
    for (let at: u32 = 0; at < last; at += 8) store<u64>(to + at, load<u64>(from + at));
    store<u64>(to + last, load<u64>(from + last));
  } else if (size >= 4) {
    const last = load<u32>(from + size - 4);
    store<u32>(to, load<u32>(from));
    store<u32>(to + size - 4, last);
  } else if (size >= 2) {
    const last = load<u16>(from + size - 2);
    store<u16>(to, load<u16>(from));
    store<u16>(to + size - 2, last);
  } else if (size === 1) {
    store<u8>(to, load<u8>(from));
  }
}

/** Whether the packet has these bytes. */
function inside(state: u32, offset: u32, size: u32): bool {
  return <u64>offset + size <= <u64>load<u32>(state, STATE_LENGTH);
}

/** Helpers 26 and 189. @returns 0 or ASK */
export function load_bytes(state: u32, offset: u32, to: u32, size: u32): i32 {
  if (!inside(state, offset, size)) return ASK;
  copy(to, load<u32>(state, STATE_DATA) + offset, size);
  return 0;
}

/** Helpers 9 and 190; the latter has no flags: 0. @returns 0 or ASK */
export function store_bytes(state: u32, offset: u32, from: u32, size: u32, flags: u32): i32 {
  if (flags > STORE_FLAG_RECOMPUTE_CSUM || !inside(state, offset, size)) return ASK;
  copy(load<u32>(state, STATE_DATA) + offset, from, size);
  return 0;
}

/** Helper 39. @returns 0 or ASK */
export function skb_pull_data(state: u32, size: u32): i32 {
  return inside(state, 0, size) ? 0 : ASK;
}
