/**
 * BPF_MAP_TYPE_LRU_HASH and BPF_MAP_TYPE_LRU_PERCPU_HASH: hashes that are never full. A new element takes the place of one
 * that was not used for long: elements stand in a list in the order in which they were added or updated, a look-up of a
 * program only marks them as used, and who looks for a place lets what was used since go to the end once more ("second
 * chance"), SCANS of them at most. With BPF_F_NO_COMMON_LRU each CPU has a list and its share of the elements.
 *
 * Refuses what a hash refuses, but for -E2BIG.
 */
import { copy, hashOf } from './bytes';
import { retire } from './elements';
import {
  BPF_EXIST,
  BPF_NOEXIST,
  CORRUPT_USE_LIST,
  EEXIST,
  EINVAL,
  ELEM_HASH,
  ELEM_KEY,
  ELEM_NEXT,
  ELEM_STATE,
  ENOENT,
  ENOMEM,
  LRU_LIST_COUNT,
  LRU_LIST_LIMIT,
  LRU_LIST_NEWEST,
  LRU_LIST_OLDEST,
  LRU_LIST_SIZE,
  LRU_NODE_LIST,
  LRU_NODE_NEWER,
  LRU_NODE_OLDER,
  LRU_NODE_USED,
  MAP_COPIES,
  MAP_CPU_STRIDE,
  MAP_LISTS,
  MAP_LIST_COUNT,
  MAP_NODE_OFFSET,
  MAP_VALUE_OFFSET,
  MAP_VALUE_SIZE,
  STATE_LIVE,
} from './generated';
import { add, addCount, create, find, linkTo } from './hash';
import { corrupt } from './imports';

/** Elements that were used and get a second chance while one is looked for. */
const SCANS: u32 = 128;

function nodeOf(map: u32, elem: u32): u32 {
  return elem + load<u32>(map, MAP_NODE_OFFSET);
}

function listAt(map: u32, index: u32): u32 {
  if (index >= load<u32>(map, MAP_LIST_COUNT)) corrupt(map, CORRUPT_USE_LIST);
  return load<u32>(map, MAP_LISTS) + index * LRU_LIST_SIZE;
}

/** The list that a CPU's new elements come into. */
function listOf(map: u32, cpu: u32): u32 {
  return load<u32>(map, MAP_LIST_COUNT) === 1 ? 0 : cpu;
}

function append(map: u32, index: u32, elem: u32, used: u32): void {
  const list = listAt(map, index);
  const node = nodeOf(map, elem);
  const newest = load<u32>(list, LRU_LIST_NEWEST);
  store<u32>(node, newest, LRU_NODE_OLDER);
  store<u32>(node, 0, LRU_NODE_NEWER);
  store<u32>(node, used, LRU_NODE_USED);
  store<u32>(node, index, LRU_NODE_LIST);
  if (newest === 0) store<u32>(list, elem, LRU_LIST_OLDEST);
  else store<u32>(nodeOf(map, newest), elem, LRU_NODE_NEWER);
  store<u32>(list, elem, LRU_LIST_NEWEST);
  store<u32>(list, load<u32>(list, LRU_LIST_COUNT) + 1, LRU_LIST_COUNT);
}

function unlist(map: u32, elem: u32): void {
  const node = nodeOf(map, elem);
  const list = listAt(map, load<u32>(node, LRU_NODE_LIST));
  const older = load<u32>(node, LRU_NODE_OLDER);
  const newer = load<u32>(node, LRU_NODE_NEWER);
  if (older === 0) store<u32>(list, newer, LRU_LIST_OLDEST);
  else store<u32>(nodeOf(map, older), newer, LRU_NODE_NEWER);
  if (newer === 0) store<u32>(list, older, LRU_LIST_NEWEST);
  else store<u32>(nodeOf(map, newer), older, LRU_NODE_OLDER);
  store<u32>(list, load<u32>(list, LRU_LIST_COUNT) - 1, LRU_LIST_COUNT);
}

/** Take an element out of the table at its link. */
function drop(map: u32, link: u32, elem: u32): void {
  store<u32>(link, load<u32>(elem, ELEM_NEXT));
  addCount(map, -1);
  unlist(map, elem);
  retire(map, elem);
}

function oldestOf(map: u32, list: u32): u32 {
  const elem = load<u32>(list, LRU_LIST_OLDEST);
  if (elem === 0 || load<u32>(elem, ELEM_STATE) !== (map | STATE_LIVE)) corrupt(map, CORRUPT_USE_LIST);
  return elem;
}

/** Make room for one more element in a list. */
function shrink(map: u32, index: u32): void {
  const list = listAt(map, index);
  if (load<u32>(list, LRU_LIST_COUNT) < load<u32>(list, LRU_LIST_LIMIT)) return;
  let elem = oldestOf(map, list);
  for (let scans: u32 = 0; scans < SCANS && load<u32>(nodeOf(map, elem), LRU_NODE_USED) !== 0; scans++) {
    unlist(map, elem);
    append(map, index, elem, 0);
    elem = oldestOf(map, list);
  }
  const link = linkTo(map, elem + ELEM_KEY, load<u32>(elem, ELEM_HASH));
  if (load<u32>(link) !== elem) corrupt(map, CORRUPT_USE_LIST);
  drop(map, link, elem);
}

function touch(map: u32, elem: u32): void {
  store<u32>(nodeOf(map, elem), 1, LRU_NODE_USED);
}

/** A program's look-up: address of a key's value, or 0. */
export function lru_hash_lookup(map: u32, key: u32): u32 {
  const elem = find(map, key);
  if (elem === 0) return 0;
  touch(map, elem);
  return elem + load<u32>(map, MAP_VALUE_OFFSET);
}

export function lru_percpu_hash_lookup(map: u32, key: u32, cpu: u32): u32 {
  const value = lru_hash_lookup(map, key);
  return value !== 0 ? value + cpu * load<u32>(map, MAP_CPU_STRIDE) : 0;
}

function refused(old: u32, flags: u32): i32 {
  if (flags > BPF_EXIST) return -EINVAL;
  if (old !== 0) return flags === BPF_NOEXIST ? -EEXIST : 0;
  return flags === BPF_EXIST ? -ENOENT : 0;
}

export function lru_hash_update(map: u32, key: u32, value: u32, flags: u32, cpu: u32): i32 {
  const hash = hashOf(map, key);
  const link = linkTo(map, key, hash);
  const old = load<u32>(link);
  const no = refused(old, flags);
  if (no !== 0) return no;
  const index = old !== 0 ? load<u32>(nodeOf(map, old), LRU_NODE_LIST) : listOf(map, cpu);
  if (old === 0) shrink(map, index);
  const elem = create(map, key, hash);
  if (elem === 0) return -ENOMEM;
  copy(elem + load<u32>(map, MAP_VALUE_OFFSET), value, load<u32>(map, MAP_VALUE_SIZE));
  if (old !== 0) {
    store<u32>(elem, load<u32>(old, ELEM_NEXT), ELEM_NEXT);
    store<u32>(link, elem);
    unlist(map, old);
    append(map, index, elem, 1);
    retire(map, old);
  } else {
    add(map, elem, hash);
    append(map, index, elem, 0);
  }
  return 0;
}

/** The element of a key, made with zeros where there was none; 0: no memory. */
function forPercpu(map: u32, key: u32, old: u32, cpu: u32): u32 {
  if (old !== 0) {
    touch(map, old);
    return old;
  }
  const hash = hashOf(map, key);
  const index = listOf(map, cpu);
  shrink(map, index);
  const elem = create(map, key, hash);
  if (elem === 0) return 0;
  const size = load<u32>(map, MAP_CPU_STRIDE) * load<u32>(map, MAP_COPIES);
  memory.fill(elem + load<u32>(map, MAP_VALUE_OFFSET), 0, size);
  add(map, elem, hash);
  append(map, index, elem, 0);
  return elem;
}

export function lru_percpu_hash_update(map: u32, key: u32, value: u32, flags: u32, cpu: u32): i32 {
  const old = find(map, key);
  const no = refused(old, flags);
  if (no !== 0) return no;
  const elem = forPercpu(map, key, old, cpu);
  if (elem === 0) return -ENOMEM;
  const to = elem + load<u32>(map, MAP_VALUE_OFFSET) + cpu * load<u32>(map, MAP_CPU_STRIDE);
  copy(to, value, load<u32>(map, MAP_VALUE_SIZE));
  return 0;
}

/** User space's update: of all CPUs' values, each padded. */
export function lru_percpu_hash_update_all(map: u32, key: u32, values: u32, flags: u32, cpu: u32): i32 {
  const old = find(map, key);
  const no = refused(old, flags);
  if (no !== 0) return no;
  const elem = forPercpu(map, key, old, cpu);
  if (elem === 0) return -ENOMEM;
  const size = load<u32>(map, MAP_CPU_STRIDE) * load<u32>(map, MAP_COPIES);
  memory.copy(elem + load<u32>(map, MAP_VALUE_OFFSET), values, size);
  return 0;
}

export function lru_hash_delete(map: u32, key: u32): i32 {
  const link = linkTo(map, key, hashOf(map, key));
  const elem = load<u32>(link);
  if (elem === 0) return -ENOENT;
  drop(map, link, elem);
  return 0;
}
