/**
 * BPF_MAP_TYPE_BLOOM_FILTER: whether a value was ever pushed; never a wrong "no". Each value sets HASHES bits of a power of two of
 * them. The positions come from two hashes ("enhanced double hashing", Dillinger and Manolios 2004): as good as hashes of
 * their own, at the price of two.
 *
 * Refuses: flags (-EINVAL). A value that was not pushed is -ENOENT.
 */
import { hashBytes } from './bytes';
import {
  CORRUPT_FILTER,
  EINVAL,
  ENOENT,
  MAP_BUCKETS,
  MAP_BUCKET_MASK,
  MAP_HASHES,
  MAP_SEED,
  MAP_VALUE_SIZE,
} from './generated';
import { corrupt } from './imports';

/** Most hash functions: `map_extra` has four bits for them. */
const MAX_HASHES: u32 = 15;

/** Set the bits of a value, or look at them. @returns whether all were set */
function bits(map: u32, value: u32, set: bool): bool {
  const hashes = load<u32>(map, MAP_HASHES);
  if (hashes > MAX_HASHES) corrupt(map, CORRUPT_FILTER);
  const size = load<u32>(map, MAP_VALUE_SIZE);
  const seed = load<u32>(map, MAP_SEED);
  const mask = load<u32>(map, MAP_BUCKET_MASK);
  const at = load<u32>(map, MAP_BUCKETS);
  let bit = hashBytes(value, size, seed);
  let step = hashBytes(value, size, ~seed);
  let all = true;
  for (let i: u32 = 1; i <= hashes; i++) {
    const byte = at + ((bit & mask) >> 3);
    const one: u32 = 1 << (bit & 7);
    const old = load<u8>(byte);
    if ((old & one) === 0) {
      all = false;
      if (!set) break;
      store<u8>(byte, old | one);
    }
    bit += step;
    step += i;
  }
  return all;
}

/** Helper 87. @returns 0 or -errno */
export function bloom_push(map: u32, value: u32, flags: u32): i32 {
  if (flags !== 0) return -EINVAL;
  bits(map, value, true);
  return 0;
}

/** Helper 89. @returns 0 or -errno */
export function bloom_peek(map: u32, value: u32): i32 {
  return bits(map, value, false) ? 0 : -ENOENT;
}
