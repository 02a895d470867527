/** Keys and values as bytes: hashed, compared and copied in pieces of eight, then four, two and one. */
import { HASH_FACTOR, HASH_SHIFT, MAP_KEY_SIZE, MAP_SEED } from './generated';

/** Beyond so many bytes `memory.copy` is quicker than a loop. */
const BULK: u32 = 64;

/** Low word of the hash of a map's key; see `HASH_FACTOR` in src/memory/layout.ts. */
export function hashOf(map: u32, key: u32): u32 {
  return hashBytes(key, load<u32>(map, MAP_KEY_SIZE), load<u32>(map, MAP_SEED));
}

/** Low word of MurmurHash64A of `size` bytes. */
export function hashBytes(at: u32, size: u32, seed: u32): u32 {
  let hash = (<u64>seed) ^ (<u64>size * HASH_FACTOR);
  for (; size >= 8; size -= 8, at += 8) hash = (hash ^ scramble(load<u64>(at))) * HASH_FACTOR;
  if (size !== 0) {
    let tail: u64 = 0;
    let shift: u64 = 0;
    if (size & 4) {
      tail = load<u32>(at);
      at += 4;
      shift = 32;
    }
    if (size & 2) {
      tail |= (<u64>load<u16>(at)) << shift;
      at += 2;
      shift += 16;
    }
    if (size & 1) tail |= (<u64>load<u8>(at)) << shift;
    hash = (hash ^ tail) * HASH_FACTOR;
  }
  hash = (hash ^ (hash >> HASH_SHIFT)) * HASH_FACTOR;
  return <u32>(hash ^ (hash >> HASH_SHIFT));
}

function scramble(word: u64): u64 {
  word *= HASH_FACTOR;
  return (word ^ (word >> HASH_SHIFT)) * HASH_FACTOR;
}

export function equal(a: u32, b: u32, size: u32): bool {
  for (; size >= 8; size -= 8, a += 8, b += 8) if (load<u64>(a) !== load<u64>(b)) return false;
  if (size & 4) {
    if (load<u32>(a) !== load<u32>(b)) return false;
    a += 4;
    b += 4;
  }
  if (size & 2) {
    if (load<u16>(a) !== load<u16>(b)) return false;
    a += 2;
    b += 2;
  }
  return (size & 1) === 0 || load<u8>(a) === load<u8>(b);
}

export function copy(to: u32, from: u32, size: u32): void {
  if (size > BULK) {
    memory.copy(to, from, size);
    return;
  }
  for (; size >= 8; size -= 8, to += 8, from += 8) store<u64>(to, load<u64>(from));
  if (size & 4) {
    store<u32>(to, load<u32>(from));
    to += 4;
    from += 4;
  }
  if (size & 2) {
    store<u16>(to, load<u16>(from));
    to += 2;
    from += 2;
  }
  if (size & 1) store<u8>(to, load<u8>(from));
}
