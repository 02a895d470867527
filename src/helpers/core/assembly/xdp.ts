/** Helpers 44, 54, 65, 188: the ends of an XDP frame, within its buffer. The context is told. */
import {
  ASK,
  CONTEXT_DATA,
  CONTEXT_DATA_END,
  CONTEXT_DATA_META,
  STATE_CONTEXT,
  STATE_DATA,
  STATE_LENGTH,
  STATE_ORIGIN,
  STATE_REST,
  STATE_START,
  XDP_ETH_HLEN,
  XDP_FRAME_END,
  XDP_HEADROOM,
  XDP_MAX_META,
} from './generated';

/** Helper 44, of a frame without metadata. @returns 0 or ASK */
export function xdp_adjust_head(state: u32, delta: i32): i32 {
  const data = load<u32>(state, STATE_DATA);
  const moved = <i64>data + delta;
  const length = <i64>load<u32>(state, STATE_LENGTH) - delta;
  if (load<u32>(state, STATE_START) !== data || length < <i64>XDP_ETH_HLEN) return ASK;
  if (moved < <i64>load<u32>(state, STATE_ORIGIN) - XDP_HEADROOM) return ASK;
  store<u32>(state, <u32>moved, STATE_START);
  store<u32>(state, <u32>moved, STATE_DATA);
  store<u32>(state, <u32>length, STATE_LENGTH);
  const context = load<u32>(state, STATE_CONTEXT);
  store<u32>(context, <u32>moved, CONTEXT_DATA);
  store<u32>(context, <u32>moved, CONTEXT_DATA_META);
  return 0;
}

/** Helper 54. @returns 0 or ASK */
export function xdp_adjust_meta(state: u32, delta: i32): i32 {
  const start = <i64>load<u32>(state, STATE_START) + delta;
  const size = <i64>load<u32>(state, STATE_DATA) - start;
  if (start < <i64>load<u32>(state, STATE_ORIGIN) - XDP_HEADROOM) return ASK;
  if (size < 0 || size > <i64>XDP_MAX_META || (size & 3) !== 0) return ASK;
  store<u32>(state, <u32>start, STATE_START);
  store<u32>(load<u32>(state, STATE_CONTEXT), <u32>start, CONTEXT_DATA_META);
  return 0;
}

/** Helper 65, of a frame in one piece. @returns 0 or ASK */
export function xdp_adjust_tail(state: u32, delta: i32): i32 {
  const data = load<u32>(state, STATE_DATA);
  const before = load<u32>(state, STATE_LENGTH);
  const length = <i64>before + delta;
  if (load<u32>(state, STATE_REST) !== 0 || length < <i64>XDP_ETH_HLEN) return ASK;
  if (<i64>data + length > <i64>load<u32>(state, STATE_ORIGIN) + XDP_FRAME_END) return ASK;
  if (delta > 0) zero(data + before, delta);
  store<u32>(state, <u32>length, STATE_LENGTH);
  store<u32>(load<u32>(state, STATE_CONTEXT), data + <u32>length, CONTEXT_DATA_END);
  return 0;
}

/** Beyond so many bytes `memory.fill` is quicker than a loop. */
const BULK: u32 = 64;

function zero(at: u32, size: u32): void {
  if (size > BULK) {
    memory.fill(at, 0, size);
    return;
  }
  for (; size >= 8; size -= 8, at += 8) store<u64>(at, 0);
  for (; size > 0; size--, at++) store<u8>(at, 0);
}

/** Helper 188. @returns bytes of the frame, further pieces included */
export function xdp_get_buff_len(state: u32): u32 {
  return load<u32>(state, STATE_LENGTH) + load<u32>(state, STATE_REST);
}
