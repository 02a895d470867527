/**
 * Where everything lies inside a map's memory: the one table that the map types, the interpreter's helpers and compiled
 * code share. All fields are 32-bit little-endian words; offsets and sizes are in bytes; addresses are absolute, 0 is
 * "none". Programs never see the header, the buckets or an element's own header: only keys and values.
 *
 * ```
 * array          VALUES → [value 0][value 1]…                         one value each ELEM_SIZE bytes
 * percpu_array   VALUES → [cpu 0: value 0, value 1, …][cpu 1: …]      CPU_STRIDE bytes between CPUs
 * hash           BUCKETS → [first element of chain 0][of chain 1]…    BUCKET_MASK + 1 words
 *                element = [NEXT HASH STATE LINK][key, padded to 8][value, padded to 8]
 * percpu_hash    the same, with one padded value for each CPU, CPU_STRIDE bytes apart
 * ```
 */

/** The header at `BpfMap.address`. */
export const MAP_HEADER = {
  TYPE: 0,
  KEY_SIZE: 4,
  VALUE_SIZE: 8,
  MAX_ENTRIES: 12,
  FLAGS: 16,
  /** Array: bytes from one value to the next. Hash: bytes from one element to the next in its slab. */
  ELEM_SIZE: 20,
  /** Per-CPU types: bytes from one CPU's value to the next CPU's. 0 elsewhere. */
  CPU_STRIDE: 24,
  /** Array: address of the first value. */
  VALUES: 28,
  /** Hash: address of the bucket words. */
  BUCKETS: 32,
  /** Hash: buckets - 1; the bucket of hash `h` is `h & BUCKET_MASK`. */
  BUCKET_MASK: 36,
  /** Hash: start value of `hashKey`. */
  SEED: 40,
  /** Hash: elements in the table. */
  COUNT: 44,
  /** Hash: first of the elements that may be handed out, chained through LINK. */
  FREE: 48,
  /** Hash: bytes from an element to its value; the key lies at HASH_ELEM.KEY. */
  VALUE_OFFSET: 52,
  SIZE: 64,
} as const;

/** An element of a hash. */
export const HASH_ELEM = {
  /** Next element of the chain; kept while the element is RETIRED, so that a reader may walk on. */
  NEXT: 0,
  /** `hashKey` of its key. */
  HASH: 4,
  /** One of ELEM_STATE. */
  STATE: 8,
  /** Next element of the free list. */
  LINK: 12,
  KEY: 16,
} as const;

/** FREE: nobody may touch it. LIVE: in the table. RETIRED: deleted or replaced, readable while a program runs. */
export const ELEM_STATE = { FREE: 0, LIVE: 1, RETIRED: 2 } as const;

/** Values and keys are padded to this. */
export const MAP_ALIGN = 8;

/** `n` rounded up to MAP_ALIGN; exact beyond 2^32. */
export function padded(n: number): number {
  return Math.ceil(n / MAP_ALIGN) * MAP_ALIGN;
}

/**
 * The hash of a key of `size` bytes at `bytes[offset]`: MurmurHash3_x86_32 (Austin Appleby, public domain), chosen because it
 * takes five wasm instructions a word and mixes well enough for chains behind a power-of-two mask. 32 bits, unsigned.
 */
export function hashKey(bytes: Uint8Array, offset: number, size: number, seed: number): number {
  let h = seed | 0;
  const words = offset + (size & ~3);
  let at = offset;
  for (; at < words; at += 4) {
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    h = Math.imul(rotate(h ^ scramble(word), 13), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let i = (size & 3) - 1; i >= 0; i--) tail = (tail << 8) | bytes[at + i];
  if (size & 3) h ^= scramble(tail);
  h ^= size;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function scramble(word: number): number {
  return Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
