/**
 * BPF_MAP_TYPE_HASH and BPF_MAP_TYPE_PERCPU_HASH: chains behind a power of two of buckets, a new element at the front of its
 * chain. Updating a hash replaces the element, in its place of the chain; updating a per-CPU hash overwrites one CPU's
 * value in place, and a new element has zeros on the others.
 *
 * Refuses: flags beyond BPF_EXIST (-EINVAL), BPF_NOEXIST of a key that is there (-EEXIST), BPF_EXIST of one that is not
 * (-ENOENT), a new key when full (-E2BIG), no memory (-ENOMEM).
 */
import { copy, equal, hashOf } from './bytes';
import { retire, take } from './elements';
import {
  BPF_EXIST,
  BPF_NOEXIST,
  CORRUPT_CHAIN,
  CORRUPT_CIRCLE,
  E2BIG,
  EEXIST,
  EINVAL,
  ELEM_HASH,
  ELEM_KEY,
  ELEM_NEXT,
  ELEM_STATE,
  ENOENT,
  ENOMEM,
  MAP_BUCKETS,
  MAP_BUCKET_MASK,
  MAP_CAPACITY,
  MAP_COPIES,
  MAP_COUNT,
  MAP_CPU_STRIDE,
  MAP_FIRST_BUCKET,
  MAP_KEY_SIZE,
  MAP_MAX_ENTRIES,
  MAP_VALUE_OFFSET,
  MAP_VALUE_SIZE,
  STATE_LIVE,
} from './generated';
import { corrupt } from './imports';

/** Address of the word that leads to the first element of a chain. */
export function bucketOf(map: u32, hash: u32): u32 {
  return load<u32>(map, MAP_BUCKETS) + ((hash & load<u32>(map, MAP_BUCKET_MASK)) << 2);
}

/** Address of the word that leads to the element of a key, or of the 0 that ends its chain. */
export function linkTo(map: u32, key: u32, hash: u32): u32 {
  let link = bucketOf(map, hash);
  let steps = load<u32>(map, MAP_CAPACITY);
  for (let elem = load<u32>(link); elem !== 0; elem = load<u32>(link)) {
    if (load<u32>(elem, ELEM_STATE) !== (map | STATE_LIVE)) corrupt(map, CORRUPT_CHAIN);
    if (load<u32>(elem, ELEM_HASH) === hash && equal(elem + ELEM_KEY, key, load<u32>(map, MAP_KEY_SIZE))) break;
    if (steps-- === 0) corrupt(map, CORRUPT_CIRCLE);
    link = elem + ELEM_NEXT;
  }
  return link;
}

/** The element of a key, or 0. */
export function find(map: u32, key: u32): u32 {
  return load<u32>(linkTo(map, key, hashOf(map, key)));
}

/** Address of a key's value, or 0. */
export function hash_lookup(map: u32, key: u32): u32 {
  const elem = find(map, key);
  return elem !== 0 ? elem + load<u32>(map, MAP_VALUE_OFFSET) : 0;
}

/** Address of a key's value on a CPU, or 0. */
export function percpu_hash_lookup(map: u32, key: u32, cpu: u32): u32 {
  const value = hash_lookup(map, key);
  return value !== 0 ? value + cpu * load<u32>(map, MAP_CPU_STRIDE) : 0;
}

/** Why a key that is there (`old`) or not (0) cannot be updated; 0 when it can. */
export function refused(map: u32, old: u32, flags: u32): i32 {
  if (flags > BPF_EXIST) return -EINVAL;
  if (old !== 0) return flags === BPF_NOEXIST ? -EEXIST : 0;
  if (flags === BPF_EXIST) return -ENOENT;
  return load<u32>(map, MAP_COUNT) >= load<u32>(map, MAP_MAX_ENTRIES) ? -E2BIG : 0;
}

/** A new element for a key; its value is not written yet. 0: no memory. */
export function create(map: u32, key: u32, hash: u32): u32 {
  const elem = take(map);
  if (elem === 0) return 0;
  copy(elem + ELEM_KEY, key, load<u32>(map, MAP_KEY_SIZE));
  store<u32>(elem, hash, ELEM_HASH);
  store<u32>(elem, map | STATE_LIVE, ELEM_STATE);
  return elem;
}

export function addCount(map: u32, by: i32): void {
  store<u32>(map, load<u32>(map, MAP_COUNT) + by, MAP_COUNT);
}

/** Put an element before the others of its chain: who walks it does not meet what was added meanwhile. */
export function add(map: u32, elem: u32, hash: u32): void {
  const bucket = bucketOf(map, hash);
  store<u32>(elem, load<u32>(bucket), ELEM_NEXT);
  store<u32>(bucket, elem);
  addCount(map, 1);
  const index = hash & load<u32>(map, MAP_BUCKET_MASK);
  if (index < load<u32>(map, MAP_FIRST_BUCKET)) store<u32>(map, index, MAP_FIRST_BUCKET);
}

export function hash_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const hash = hashOf(map, key);
  const link = linkTo(map, key, hash);
  const old = load<u32>(link);
  const no = refused(map, old, flags);
  if (no !== 0) return no;
  const elem = create(map, key, hash);
  if (elem === 0) return -ENOMEM;
  copy(elem + load<u32>(map, MAP_VALUE_OFFSET), value, load<u32>(map, MAP_VALUE_SIZE));
  if (old !== 0) {
    store<u32>(elem, load<u32>(old, ELEM_NEXT), ELEM_NEXT);
    store<u32>(link, elem);
    retire(map, old);
  } else {
    add(map, elem, hash);
  }
  return 0;
}

/** A program's update: of its CPU's value. */
export function percpu_hash_update(map: u32, key: u32, value: u32, flags: u32, cpu: u32): i32 {
  const elem = forPercpu(map, key, flags);
  if (<i32>elem < 0 && <i32>elem > -MAX_ERRNO) return elem;
  const stride = load<u32>(map, MAP_CPU_STRIDE);
  copy(elem + load<u32>(map, MAP_VALUE_OFFSET) + cpu * stride, value, load<u32>(map, MAP_VALUE_SIZE));
  return 0;
}

/** User space's update: of all CPUs' values, each padded. */
export function percpu_hash_update_all(map: u32, key: u32, values: u32, flags: u32): i32 {
  const elem = forPercpu(map, key, flags);
  if (<i32>elem < 0 && <i32>elem > -MAX_ERRNO) return elem;
  const size = load<u32>(map, MAP_CPU_STRIDE) * load<u32>(map, MAP_COPIES);
  memory.copy(elem + load<u32>(map, MAP_VALUE_OFFSET), values, size);
  return 0;
}

/** Errors are -MAX_ERRNO to -1; no element lies there: the last 64 KiB of addresses are nobody's. */
const MAX_ERRNO = 4096;

/** The element of a key, made with zeros where there was none; -errno. */
function forPercpu(map: u32, key: u32, flags: u32): u32 {
  const hash = hashOf(map, key);
  const old = load<u32>(linkTo(map, key, hash));
  const no = refused(map, old, flags);
  if (no !== 0) return no;
  if (old !== 0) return old;
  const elem = create(map, key, hash);
  if (elem === 0) return -ENOMEM;
  const size = load<u32>(map, MAP_CPU_STRIDE) * load<u32>(map, MAP_COPIES);
  memory.fill(elem + load<u32>(map, MAP_VALUE_OFFSET), 0, size);
  add(map, elem, hash);
  return elem;
}

export function hash_delete(map: u32, key: u32): i32 {
  const link = linkTo(map, key, hashOf(map, key));
  const elem = load<u32>(link);
  if (elem === 0) return -ENOENT;
  // Its own NEXT stays, for whoever stands on it.
  store<u32>(link, load<u32>(elem, ELEM_NEXT));
  addCount(map, -1);
  retire(map, elem);
  return 0;
}

/** The element behind that of a key; the first where the key (or its address) is none; 0 behind the last. */
export function hash_next(map: u32, key: u32): u32 {
  const mask = load<u32>(map, MAP_BUCKET_MASK);
  const buckets = load<u32>(map, MAP_BUCKETS);
  const elem = key !== 0 ? find(map, key) : 0;
  let bucket = load<u32>(map, MAP_FIRST_BUCKET);
  let next: u32 = 0;
  if (elem !== 0) {
    bucket = (load<u32>(elem, ELEM_HASH) & mask) + 1;
    next = load<u32>(elem, ELEM_NEXT);
  }
  for (; next === 0 && bucket <= mask; bucket++) next = load<u32>(buckets + (bucket << 2));
  if (elem === 0) store<u32>(map, next !== 0 ? bucket - 1 : bucket, MAP_FIRST_BUCKET);
  if (next !== 0 && load<u32>(next, ELEM_STATE) !== (map | STATE_LIVE)) corrupt(map, CORRUPT_CHAIN);
  return next;
}
