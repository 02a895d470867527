/** Copies out of the packet. On failure the destination is zeroed and the result is -EFAULT, as Linux does. */
import { ERRNO } from '../errors/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { int32, memory, returnInt, uint32 } from './registers.ts';

/** Offsets beyond are refused before they are looked at. */
const MAX_OFFSET = 0x7fffffff;
/** `start_header` of skb_load_bytes_relative. @kernel BPF_HDR_START_MAC, BPF_HDR_START_NET */
const START = { MAC: 0, NET: 1 } as const;

/** Copy from `start + offset`, where all of it lies before the packet's end, to the memory in r3 with its size in r4. */
function load(env: HelperEnv, r: Int32Array, start: number | undefined, offset: number, slot: number): void {
  const size = uint32(r, 4);
  const to = memory(env.space, r, 3, size, true, slot);
  const { bytes } = env.space;
  const { packet } = env;
  const end = packet === undefined ? 0 : packet.data + packet.length;
  if (start === undefined || offset > MAX_OFFSET || start + offset + size > end) {
    bytes.fill(0, to, to + size);
    return returnInt(r, -ERRNO.EFAULT);
  }
  bytes.copyWithin(to, start + offset, start + offset + size);
  returnInt(r, 0);
}

export const skbFamily: Family = {
  skb_load_bytes(env, r, slot) {
    load(env, r, env.packet?.data, uint32(r, 2), slot);
  },
  skb_load_bytes_relative(env, r, slot) {
    const header = int32(r, 5);
    const { packet } = env;
    const start = header === START.MAC ? packet?.mac : header === START.NET ? packet?.network : undefined;
    load(env, r, start, uint32(r, 2), slot);
  },
};
