/**
 * Helpers of XDP programs: moving the ends of the frame, and reading and writing it by offset. Limits are those of `XDP`.
 */
import { ERRNO } from '../errors/index.ts';
import { XDP } from './core-numbers.ts';
import { onPacket } from './env.ts';
import type { HelperEnv } from './env.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { int32, memory, returnInt, returnUint, uint32 } from './registers.ts';

/** Offsets beyond are refused before they are looked at. */
const MAX_OFFSET = 0xffff;

/** Change the packet, tell the context. */
function done(packet: PacketBuffer, r: Int32Array): void {
  packet.changed();
  returnInt(r, 0);
}

/** The packet in r1; helpers of this file are called by XDP programs only. */
function frame(env: HelperEnv): PacketBuffer {
  return env.packet as PacketBuffer;
}

/** Copy between the frame, further pieces included, and the memory in r3 with its size in r4. */
function transfer(env: HelperEnv, r: Int32Array, write: boolean, slot: number): void {
  const packet = frame(env);
  const [offset, size] = [uint32(r, 2), uint32(r, 4)];
  const at = memory(env.space, r, 3, size, !write, slot);
  if (offset > MAX_OFFSET || size > MAX_OFFSET) return returnInt(r, -ERRNO.EFAULT);
  if (offset + size > packet.length + packet.rest.length) {
    return returnInt(r, -ERRNO.EINVAL);
  }
  const { bytes } = env.space;
  const inside = Math.max(0, Math.min(size, packet.length - offset));
  const [here, there] = write ? [packet.data + offset, at] : [at, packet.data + offset];
  bytes.copyWithin(here, there, there + inside);
  const from = offset + inside - packet.length;
  if (inside === size) return returnInt(r, 0);
  if (write) packet.rest.set(bytes.subarray(at + inside, at + size), from);
  else bytes.set(packet.rest.subarray(from, from + size - inside), at + inside);
  returnInt(r, 0);
}

export const xdpFamily = onPacket({
  xdp_adjust_head(env, r) {
    const packet = frame(env);
    const delta = int32(r, 2);
    const meta = packet.data - packet.start;
    const data = packet.data + delta;
    const first = packet.origin - XDP.HEADROOM + meta;
    if (data < first || data > packet.end - XDP.ETH_HLEN) return returnInt(r, -ERRNO.EINVAL);
    if (meta) env.space.bytes.copyWithin(packet.start + delta, packet.start, packet.data);
    packet.start += delta;
    packet.data = data;
    packet.length -= delta;
    done(packet, r);
  },
  xdp_adjust_meta(env, r) {
    const packet = frame(env);
    const start = packet.start + int32(r, 2);
    const size = packet.data - start;
    if (start < packet.origin - XDP.HEADROOM || size < 0) return returnInt(r, -ERRNO.EINVAL);
    if (size % 4 !== 0 || size > XDP.MAX_META) return returnInt(r, -ERRNO.EACCES);
    packet.start = start;
    done(packet, r);
  },
  xdp_adjust_tail(env, r) {
    const packet = frame(env);
    const length = packet.length + int32(r, 2);
    if (packet.rest.length || packet.data + length > packet.origin + XDP.FRAME_END || length < XDP.ETH_HLEN) {
      return returnInt(r, -ERRNO.EINVAL);
    }
    packet.setLength(length);
    done(packet, r);
  },
  xdp_get_buff_len(env, r) {
    const packet = frame(env);
    returnUint(r, packet.length + packet.rest.length);
  },
  xdp_load_bytes(env, r, slot) {
    transfer(env, r, false, slot);
  },
  xdp_store_bytes(env, r, slot) {
    transfer(env, r, true, slot);
  },
});
