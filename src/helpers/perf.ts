/** `bpf_perf_event_output` and its kin: a sample into the buffer of a CPU's perf event. */
import { ERRNO, Trap } from '../errors/index.ts';
import type { Piece } from '../maps/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { memory, returnInt, uint32, uint64 } from './registers.ts';

/** @kernel BPF_F_INDEX_MASK, which as an index is BPF_F_CURRENT_CPU */
const CURRENT_CPU = 0xffffffff;
/** Bits 32 to 51 of the flags: bytes of the packet to add. @kernel BPF_F_CTXLEN_MASK */
const MAX_FLAGS = 2 ** 52 - 1;

/** `(ctx, map, flags, data, size)`; `packet`: the flags may ask for bytes of it. */
function output(env: HelperEnv, r: Int32Array, packet: boolean, slot: number): void {
  const flags = uint64(r, 3);
  const size = uint32(r, 5);
  const data = memory(env.space, r, 4, size, false, slot);
  const map = mapOf(env, r, slot, 2);
  if (map.perfEventAt === undefined) throw new Trap('r2 is not a map of perf events', slot);
  const wanted = Math.floor(flags / 2 ** 32);
  if (flags > (packet ? MAX_FLAGS : CURRENT_CPU)) return returnInt(r, -ERRNO.EINVAL);
  const pieces: Piece[] = [{ address: data, length: size }];
  if (wanted > 0) {
    const length = env.packet === undefined ? 0 : env.packet.length + env.packet.rest.length;
    if (env.packet === undefined || wanted > length) return returnInt(r, -ERRNO.EFAULT);
    pieces.push({ address: env.packet.data, length: Math.min(wanted, env.packet.length) });
  }
  const index = flags % 2 ** 32;
  const event = map.perfEventAt(index === CURRENT_CPU ? env.cpu : index);
  if (typeof event === 'number') return returnInt(r, event);
  if (event.cpu !== env.cpu) return returnInt(r, -ERRNO.EOPNOTSUPP);
  returnInt(r, event.ring?.output(pieces) ?? -ERRNO.ENOSPC);
}

export const perfFamily: Family = {
  perf_event_output(env, r, slot) {
    output(env, r, env.packet !== undefined, slot);
  },
};
