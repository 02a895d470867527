/**
 * Where everything lies inside a map's memory: the one table that the map types, the map core (src/maps/core, whose
 * constants are generated from this file) and compiled code share. All fields are 32-bit little-endian words; offsets and sizes are in bytes; addresses are absolute, 0 is
 * "none". Programs never see the header, the buckets or an element's own header: only keys and values.
 *
 * ```
 * array          VALUES → [value 0][value 1]…                         one value each ELEM_SIZE bytes
 * percpu_array   VALUES → [cpu 0: value 0, value 1, …][cpu 1: …]      CPU_STRIDE bytes between CPUs
 * hash           BUCKETS → [first element of chain 0][of chain 1]…    BUCKET_MASK + 1 words
 *                element = [NEXT HASH STATE LINK][key, padded to 8][value, padded to 8]
 *                header, buckets and the elements that there are from the start are one region
 * percpu_hash    the same, with one padded value for each CPU, CPU_STRIDE bytes apart
 * ```
 */

/** Set in the header's TYPE of a map whose values have fields that the kernel keeps: the core leaves it to others. */
export const FIELDS = 0x80;

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
  /** Hash: start value of the keys' hash. */
  SEED: 40,
  /** Hash: elements in the table. */
  COUNT: 44,
  /** Hash: first of the elements that may be handed out, chained through LINK. */
  FREE: 48,
  /** Hash: bytes from an element to its value; the key lies at HASH_ELEM.KEY. */
  VALUE_OFFSET: 52,
  /** Hash: oldest of the elements that are RETIRED, chained through LINK, and the newest; how many. */
  PENDING: 56,
  PENDING_LAST: 60,
  PENDING_COUNT: 64,
  /** The next map that has RETIRED elements; LIST_END behind the last; 0: this map has none. */
  NEXT_PENDING: 68,
  /** Hash: elements of the newest slab that were never handed out, from here to there. */
  UNUSED: 72,
  UNUSED_END: 76,
  /** Hash: elements that there are, in whatever state: no honest chain is longer. */
  CAPACITY: 80,
  /** Hash: so many RETIRED elements, and the oldest is handed out again at once. */
  RETAIN: 84,
  /** Hash, array: values of an element, one or one for each CPU. */
  COPIES: 88,
  /** LRU hash: address of the lists of use, LRU_LIST each, and how many there are: one, or one for each CPU. */
  LISTS: 92,
  LIST_COUNT: 96,
  /** LRU hash: bytes from an element to its LRU_NODE. */
  NODE_OFFSET: 100,
  /** Queue and stack: index of the oldest value. */
  FIRST: 104,
  /** LPM trie: the top node, an LPM_NODE, or 0. */
  ROOT: 108,
  /** Bloom filter: hash functions. Its bits lie at BUCKETS, BUCKET_MASK + 1 of them. */
  HASHES: 112,
  /** LPM trie: first of the BRANCH nodes that are not in use, chained through LINK. */
  BRANCHES: 116,
  /** Hash: no bucket before this one has an element, so that whoever empties a map from its first key on looks at each once. */
  FIRST_BUCKET: 120,
  /** Map of maps, in the places of ROOT, HASHES and BRANCHES: TYPE, KEY_SIZE and VALUE_SIZE of each map in it. */
  INNER_TYPE: 108,
  INNER_KEY_SIZE: 112,
  INNER_VALUE_SIZE: 116,
  SIZE: 128,
} as const;

/** What the map core keeps for all maps of a memory. */
export const CORE_STATE = {
  /** First of the maps that have RETIRED elements, 0: no map has. */
  PENDING_MAPS: 0,
  /** The map whose RETIRED elements are being given back. */
  RECLAIMING: 4,
  SIZE: 64,
} as const;

/**
 * What helpers in JavaScript and those that compiled programs do without it share, for each CPU: words of 32 bits, where
 * nothing else is said. The first ones are the packet of the program that runs, see src/helpers/packet-buffer.ts.
 */
export const HELPER_STATE = {
  /** Address of the first byte that the program sees, and bytes from there on. */
  DATA: 0,
  LENGTH: 4,
  /** Address of the first byte that is handed out. */
  START: 8,
  /** What DATA was at first. */
  ORIGIN: 12,
  /** Bytes behind the packet that are not in the memory. */
  REST: 16,
  /** Address of the context that says where the packet lies. */
  CONTEXT: 20,
  /** 64 bits, not 0: the state of the generator of random numbers. */
  SEED: 24,
  SIZE: 64,
} as const;

/** What a function of the helper core answers where it has done nothing: the helper itself must. No helper's result. */
export const ASK = 1;

/** Behind the last of a list whose members are told by a link that is not 0. */
export const LIST_END = 1;

/** An element of a hash. */
export const HASH_ELEM = {
  /** Next element of the chain; kept while the element is RETIRED, so that a reader may walk on. */
  NEXT: 0,
  /** Low word of its key's hash. */
  HASH: 4,
  /** Address of its map, a multiple of 64, and one of ELEM_STATE. */
  STATE: 8,
  /** Next element of the free list or of the retired ones. */
  LINK: 12,
  KEY: 16,
} as const;

/**
 * A ring buffer in the memory, in pages from the map's header on: the header, the page that user space maps to say how far
 * it has read, the page that says how far programs have written, the data. Positions are 64-bit and only grow. A record
 * starts at a multiple of 8 and never runs over the end: what is left there becomes a discarded record.
 */
export const RING = {
  /** In the header's page. Position of the oldest record that is not committed. */
  PENDING: 256,
  /** In the header's page. 1: somebody who waits for records is to be woken. */
  WAKE: 264,
  CONSUMER: 4096,
  PRODUCER: 8192,
  DATA: 12288,
  /** Before each record: its length with BUSY and DISCARD, then pages from the map's header to here. */
  RECORD_HEADER: 8,
  BUSY: 0x8000_0000,
  DISCARD: 0x4000_0000,
} as const;

/** A list of elements in the order of their use. */
export const LRU_LIST = {
  /** Used longest ago; chained through NEWER. */
  OLDEST: 0,
  /** Used last; chained through OLDER. */
  NEWEST: 4,
  COUNT: 8,
  /** So many elements, and a new one takes the place of an old one. */
  LIMIT: 12,
  SIZE: 16,
} as const;

/** What an element of an LRU hash has behind its values. */
export const LRU_NODE = {
  OLDER: 0,
  NEWER: 4,
  /** 1: used since it was last looked at. */
  USED: 8,
  /** Number of its list. */
  LIST: 12,
  SIZE: 16,
} as const;

/**
 * A node of an LPM trie: an element whose state lies where a hash's does. LINK takes the place of LENGTH and BITS once it is
 * RETIRED or FREE. Behind each element lies a BRANCH node, BRANCH_SIZE bytes at the end of ELEM_SIZE, for whoever needs one.
 */
export const LPM_NODE = {
  /** The nodes of longer prefixes, that go on with 0 and with 1. */
  LEFT: 0,
  RIGHT: 4,
  /** Bits of the prefix: 16 bits wide. */
  LENGTH: 12,
  /** The bytes of the prefix; a BRANCH has none. */
  BITS: 14,
  BRANCH_SIZE: 16,
} as const;

/**
 * FREE: nobody may touch it. LIVE: in the table. RETIRED: deleted or replaced, readable while a program runs. BRANCH: a node of
 * a trie that has no value.
 */
export const ELEM_STATE = { FREE: 0, LIVE: 1, RETIRED: 2, BRANCH: 3, MASK: 3 } as const;

/** Values and keys are padded to this. */
export const MAP_ALIGN = 8;

/** `n` rounded up to MAP_ALIGN; exact beyond 2^32. */
export function padded(n: number): number {
  return Math.ceil(n / MAP_ALIGN) * MAP_ALIGN;
}

/**
 * The hash of keys: MurmurHash64A (Austin Appleby, public domain), started with SEED ^ size * HASH_FACTOR, as words of 64 bits.
 * It takes five wasm instructions for eight bytes and mixes well enough for chains behind a power-of-two mask. The
 * map core and the JIT write it as WebAssembly; elements keep the low word.
 */
export const HASH_FACTOR = { LOW: 0x5bd1e995, HIGH: 0xc6a4a793 } as const;
export const HASH_SHIFT = 47;
