/** Ring buffers: records reserved, written in place and committed, or copied in one step. */
import { ERRNO, Trap } from '../errors/index.ts';
import { RingbufMap } from '../maps/index.ts';
import { RING } from '../memory/index.ts';
import { readDynptr, writeDynptr } from './dynptr.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { memory, returnInt, returnUint, uint32, uint64 } from './registers.ts';

/** Flags and sizes beyond 32 bits are as wrong as the largest of 32. */
const word = (value: number): number => Math.min(value, 0xffffffff);

function ringOf(env: HelperEnv, r: Int32Array, slot: number): RingbufMap {
  const map = mapOf(env, r, slot);
  if (map instanceof RingbufMap) return map;
  throw new Trap('r1 is not a ring buffer', slot);
}

/** The ring that the record at an address belongs to. */
function ringAt(env: HelperEnv, record: number, slot: number): RingbufMap {
  const region = env.space.regionAt(record);
  const map = region && env.mapAt(region.base);
  if (map instanceof RingbufMap && record >= map.address + RING.DATA + RING.RECORD_HEADER) return map;
  throw new Trap('r1 is not a record of a ring buffer', slot);
}

function commit(env: HelperEnv, record: number, flags: number, discard: boolean, slot: number): void {
  ringAt(env, record, slot).commit(record, word(flags), discard);
}

/** `(dynptr, flags)`: a null dynptr has no record. */
function commitDynptr(env: HelperEnv, r: Int32Array, discard: boolean, slot: number): void {
  const { address } = readDynptr(env, r, 1, slot);
  if (address !== 0) commit(env, address, uint64(r, 2), discard, slot);
  writeDynptr(env, uint32(r, 1), 0, 0);
  returnInt(r, 0);
}

export const ringbufFamily: Family = {
  /** `(map, data, size, flags)` */
  ringbuf_output(env, r, slot) {
    const ring = ringOf(env, r, slot);
    const size = uint32(r, 3);
    const data = memory(env.space, r, 2, size, false, slot);
    returnInt(r, ring.output(data, size, word(uint64(r, 4))));
  },
  /** `(map, size, flags)`: an address, or 0 */
  ringbuf_reserve(env, r, slot) {
    returnUint(r, ringOf(env, r, slot).reserve(word(uint64(r, 2)), word(uint64(r, 3))));
  },
  ringbuf_submit(env, r, slot) {
    commit(env, uint32(r, 1), uint64(r, 2), false, slot);
    returnInt(r, 0);
  },
  ringbuf_discard(env, r, slot) {
    commit(env, uint32(r, 1), uint64(r, 2), true, slot);
    returnInt(r, 0);
  },
  /** `(map, what)` */
  ringbuf_query(env, r, slot) {
    returnUint(r, ringOf(env, r, slot).query(word(uint64(r, 2))));
  },
  /** `(map, size, flags, dynptr)` */
  ringbuf_reserve_dynptr(env, r, slot) {
    const ring = ringOf(env, r, slot);
    const [size, flags] = [uint32(r, 2), uint64(r, 3)];
    const out = memory(env.space, r, 4, 16, true, slot);
    const error = flags !== 0 ? -ERRNO.EINVAL : size > 0xffffff ? -ERRNO.E2BIG : 0;
    const record = error ? 0 : ring.reserve(size, 0);
    writeDynptr(env, out, record, record === 0 ? 0 : size);
    returnInt(r, error || (record === 0 ? -ERRNO.EINVAL : 0));
  },
  ringbuf_submit_dynptr(env, r, slot) {
    commitDynptr(env, r, false, slot);
  },
  ringbuf_discard_dynptr(env, r, slot) {
    commitDynptr(env, r, true, slot);
  },
};
