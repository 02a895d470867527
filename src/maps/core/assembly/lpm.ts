/**
 * BPF_MAP_TYPE_LPM_TRIE: prefixes of bits, and for a key the value of the longest that it starts with. A binary trie whose
 * paths are compressed: a node stands for a prefix, its children for longer ones that go on with 0 (LEFT) or 1 (RIGHT).
 * BRANCH nodes have two children, no value and no bits: theirs are those of any node below. A key is a word with the length in
 * bits, then the bits, highest first; those behind the length are kept and mean nothing.
 *
 * Refuses: lengths beyond the key's bits and flags beyond BPF_EXIST (-EINVAL), BPF_NOEXIST of a prefix that is there (-EEXIST),
 * BPF_EXIST of one that is not (-ENOENT), a new one when full (-ENOSPC), no memory (-ENOMEM).
 *
 * On every path lengths grow, so that a walk is at most as long as a key has bits, whatever the memory holds.
 */
import { copy } from './bytes';
import { retire, take } from './elements';
import {
  BPF_EXIST,
  BPF_NOEXIST,
  CORRUPT_FREE_LIST,
  CORRUPT_TRIE,
  EEXIST,
  EINVAL,
  ELEM_LINK,
  ELEM_STATE,
  ENOENT,
  ENOMEM,
  ENOSPC,
  LPM_NODE_BITS,
  LPM_NODE_BRANCH_SIZE,
  LPM_NODE_LEFT,
  LPM_NODE_LENGTH,
  LPM_NODE_RIGHT,
  MAP_BRANCHES,
  MAP_COUNT,
  MAP_ELEM_SIZE,
  MAP_KEY_SIZE,
  MAP_MAX_ENTRIES,
  MAP_ROOT,
  MAP_VALUE_OFFSET,
  MAP_VALUE_SIZE,
  STATE_BRANCH,
  STATE_FREE,
  STATE_LIVE,
} from './generated';
import { corrupt } from './imports';

/** Bytes of the length before the bits of a key. */
const LENGTH_SIZE: u32 = 4;

function maxLength(map: u32): u32 {
  return (load<u32>(map, MAP_KEY_SIZE) - LENGTH_SIZE) << 3;
}

function lengthOf(node: u32): u32 {
  return load<u16>(node, LPM_NODE_LENGTH);
}

function isLive(map: u32, node: u32): bool {
  return load<u32>(node, ELEM_STATE) === (map | STATE_LIVE);
}

/** The node that a link leads to, or 0; `above` is the least length that it may have. */
function follow(map: u32, link: u32, above: u32): u32 {
  const node = load<u32>(link);
  if (node === 0) return 0;
  if (!isLive(map, node) && load<u32>(node, ELEM_STATE) !== (map | STATE_BRANCH)) corrupt(map, CORRUPT_TRIE);
  const length = lengthOf(node);
  if (length < above || length > maxLength(map)) corrupt(map, CORRUPT_TRIE);
  return node;
}

/** Bits that two have in common, from the first on; at most `limit`. Those before `from` are equal. */
function common(a: u32, b: u32, from: u32, limit: u32): u32 {
  for (let bit = from & ~31; bit < limit; bit += 32) {
    const differ = bswap<u32>(load<u32>(a + (bit >> 3)) ^ load<u32>(b + (bit >> 3)));
    if (differ !== 0) return min<u32>(limit, bit + clz<u32>(differ));
  }
  return limit;
}

/** Address of the word that leads on from a node by a bit of a key. */
function childLink(node: u32, bits: u32, bit: u32): u32 {
  const right = ((<u32>load<u8>(bits + (bit >> 3))) >> (7 - (bit & 7))) & 1;
  return node + LPM_NODE_LEFT + right * (LPM_NODE_RIGHT - LPM_NODE_LEFT);
}

/**
 * What `walk` found: where it ended, the link before, how many bits the key has in common with the prefixes there, and one of
 * them, whose node is the last one or below it.
 */
let link: u32 = 0;
let parentLink: u32 = 0;
let equalBits: u32 = 0;
let witness: u32 = 0;

/** The word that leads to the next node of a way. */
function step(on: u32): void {
  parentLink = link;
  link = on;
}

function start(map: u32): u32 {
  parentLink = 0;
  link = map + MAP_ROOT;
  return follow(map, link, 0);
}

/**
 * Compare a key with what lies on its way. Only nodes with a value tell their bits: behind branches there is one.
 * @returns the key's own node, if it has a value; 0
 */
function compare(map: u32, key: u32): u32 {
  const length = load<u32>(key);
  const bits = key + LENGTH_SIZE;
  equalBits = 0;
  witness = 0;
  let node = start(map);
  while (node !== 0) {
    const nodeLength = lengthOf(node);
    const live = isLive(map, node);
    if (live) {
      const limit = min<u32>(nodeLength, length);
      equalBits = common(node + LPM_NODE_BITS, bits, equalBits, limit);
      witness = node;
      if (equalBits < limit || nodeLength > length) return 0;
      if (nodeLength === length) return node;
    }
    step(nodeLength < length ? childLink(node, bits, nodeLength) : node + LPM_NODE_LEFT);
    node = follow(map, link, nodeLength + 1);
    if (node === 0 && !live) corrupt(map, CORRUPT_TRIE);
  }
  return 0;
}

/** Go towards a key. @returns the node that is the key's, or that it would stand above or beside; 0: behind a leaf */
function walk(map: u32, key: u32): u32 {
  let node = compare(map, key);
  if (node !== 0) return node;
  const length = load<u32>(key);
  node = start(map);
  while (node !== 0) {
    const nodeLength = lengthOf(node);
    if (nodeLength > equalBits || nodeLength === length) break;
    step(childLink(node, key + LENGTH_SIZE, nodeLength));
    node = follow(map, link, nodeLength + 1);
  }
  return node;
}

/** Whether the node that `walk` found has the key's prefix. */
function isExact(node: u32, key: u32): bool {
  return node !== 0 && equalBits === lengthOf(node) && equalBits === load<u32>(key);
}

/** Bits of a key, 32 at once: those from `32 * index` on, the first one highest. */
function windowAt(bits: u32, index: u32): u32 {
  return bswap<u32>(load<u32>(bits + (index << 2)));
}

/** Address of the value of the longest prefix, or 0. */
export function lpm_lookup(map: u32, key: u32): u32 {
  const length = load<u32>(key);
  if (length > maxLength(map)) return 0;
  const bits = key + LENGTH_SIZE;
  let found: u32 = 0;
  let same: u32 = 0;
  let above: u32 = 0;
  // Each step waits for the one before, so it is short: a shift takes the bit out of a local.
  let index: u32 = 0;
  let window = windowAt(bits, index);
  for (let node = load<u32>(map, MAP_ROOT); node !== 0;) {
    const state = load<u32>(node, ELEM_STATE);
    const nodeLength = lengthOf(node);
    if (nodeLength < above) corrupt(map, CORRUPT_TRIE);
    if (state !== (map | STATE_BRANCH)) {
      if (state !== (map | STATE_LIVE)) corrupt(map, CORRUPT_TRIE);
      if (nodeLength > length) break;
      same = common(node + LPM_NODE_BITS, bits, same, nodeLength);
      if (same < nodeLength) break;
      found = node;
    }
    if (nodeLength >= length) break;
    if (nodeLength >> 5 !== index) {
      index = nodeLength >> 5;
      window = windowAt(bits, index);
    }
    above = nodeLength + 1;
    const right = (window << nodeLength) >> 31;
    node = load<u32>(node + LPM_NODE_LEFT + right * (LPM_NODE_RIGHT - LPM_NODE_LEFT));
  }
  return found !== 0 ? found + load<u32>(map, MAP_VALUE_OFFSET) : 0;
}

/** A node for a key's prefix, without children. Its value is not written yet. 0: no memory */
function create(map: u32, key: u32): u32 {
  const node = take(map);
  if (node === 0) return 0;
  const branch = node + load<u32>(map, MAP_ELEM_SIZE) - LPM_NODE_BRANCH_SIZE;
  if (load<u32>(branch, ELEM_STATE) === 0) giveBranch(map, branch); // the element is used for the first time
  store<u32>(node, map | STATE_LIVE, ELEM_STATE);
  store<u32>(node, 0, LPM_NODE_LEFT);
  store<u32>(node, 0, LPM_NODE_RIGHT);
  store<u16>(node, <u16>load<u32>(key), LPM_NODE_LENGTH);
  copy(node + LPM_NODE_BITS, key + LENGTH_SIZE, load<u32>(map, MAP_KEY_SIZE) - LENGTH_SIZE);
  return node;
}

/** A branch behind so many bits. There always is one: a trie has fewer of them than nodes with a value. */
function takeBranch(map: u32, length: u32): u32 {
  const branch = load<u32>(map, MAP_BRANCHES);
  if (load<u32>(branch, ELEM_STATE) !== (map | STATE_FREE)) corrupt(map, CORRUPT_FREE_LIST);
  store<u32>(map, load<u32>(branch, ELEM_LINK), MAP_BRANCHES);
  store<u32>(branch, map | STATE_BRANCH, ELEM_STATE);
  store<u16>(branch, <u16>length, LPM_NODE_LENGTH);
  return branch;
}

/** A branch that is not used any more. No program can point to it. */
function giveBranch(map: u32, branch: u32): void {
  store<u32>(branch, map | STATE_FREE, ELEM_STATE);
  store<u32>(branch, load<u32>(map, MAP_BRANCHES), ELEM_LINK);
  store<u32>(map, branch, MAP_BRANCHES);
}

/** Give a node the children of another, and its place at the end of `link`. */
function replace(old: u32, node: u32): void {
  store<u32>(node, load<u32>(old, LPM_NODE_LEFT), LPM_NODE_LEFT);
  store<u32>(node, load<u32>(old, LPM_NODE_RIGHT), LPM_NODE_RIGHT);
  store<u32>(link, node);
}

export function lpm_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags > BPF_EXIST || load<u32>(key) > maxLength(map)) return -EINVAL;
  const old = walk(map, key);
  const exact = isExact(old, key);
  const isNew = !exact || !isLive(map, old);
  if (isNew) {
    if (flags === BPF_EXIST) return -ENOENT;
    if (load<u32>(map, MAP_COUNT) >= load<u32>(map, MAP_MAX_ENTRIES)) return -ENOSPC;
  } else if (flags === BPF_NOEXIST) {
    return -EEXIST;
  }
  const node = create(map, key);
  if (node === 0) return -ENOMEM;
  copy(node + load<u32>(map, MAP_VALUE_OFFSET), value, load<u32>(map, MAP_VALUE_SIZE));
  if (isNew) store<u32>(map, load<u32>(map, MAP_COUNT) + 1, MAP_COUNT);
  if (!exact) {
    insert(map, key, node, old);
  } else {
    replace(old, node);
    if (isNew) giveBranch(map, old);
    else retire(map, old);
  }
  return 0;
}

/** Put a node where `walk` ended: alone, above `old`, or beside it behind a branch. */
function insert(map: u32, key: u32, node: u32, old: u32): void {
  let top = node;
  if (old !== 0) {
    if (equalBits < load<u32>(key)) {
      top = takeBranch(map, equalBits);
      store<u32>(childLink(top, key + LENGTH_SIZE, equalBits), node);
    }
    store<u32>(childLink(top, witness + LPM_NODE_BITS, equalBits), old);
  }
  store<u32>(link, top);
}

export function lpm_delete(map: u32, key: u32): i32 {
  if (load<u32>(key) > maxLength(map)) return -EINVAL;
  const node = walk(map, key);
  if (!isExact(node, key) || !isLive(map, node)) return -ENOENT;
  store<u32>(map, load<u32>(map, MAP_COUNT) - 1, MAP_COUNT);
  const left = load<u32>(node, LPM_NODE_LEFT);
  const right = load<u32>(node, LPM_NODE_RIGHT);
  if (left !== 0 && right !== 0) {
    replace(node, takeBranch(map, lengthOf(node)));
  } else {
    store<u32>(link, left | right);
    if ((left | right) === 0 && parentLink !== 0) dissolve(map, parentLink);
  }
  retire(map, node);
  return 0;
}

/** A branch that has lost a child gives its place to the other. */
function dissolve(map: u32, above: u32): void {
  const parent = load<u32>(above);
  if (isLive(map, parent)) return;
  store<u32>(above, load<u32>(parent, LPM_NODE_LEFT) | load<u32>(parent, LPM_NODE_RIGHT));
  giveBranch(map, parent);
}

/** The first node of a subtree: children come before their parent, LEFT before RIGHT. */
function firstOf(map: u32, top: u32): u32 {
  let node = follow(map, top, 0);
  for (let next = node; next !== 0;) {
    node = next;
    next = follow(map, node + LPM_NODE_LEFT, lengthOf(node) + 1);
    if (next === 0) next = follow(map, node + LPM_NODE_RIGHT, lengthOf(node) + 1);
  }
  if (node !== 0 && !isLive(map, node)) corrupt(map, CORRUPT_TRIE);
  return node;
}

/** The node behind that of a prefix; the first where the prefix (or its address) is none; 0 behind the last. */
export function lpm_next(map: u32, key: u32): u32 {
  const root = map + MAP_ROOT;
  if (key === 0 || load<u32>(key) > maxLength(map)) return firstOf(map, root);
  const found = walk(map, key);
  if (!isExact(found, key) || !isLive(map, found)) return firstOf(map, root);
  let parent: u32 = 0; // the last node on the way that has a value and not the key's
  let subtree: u32 = 0; // where the last way to the left could have gone to the right, if that is further down
  for (let node = load<u32>(root); node !== found;) {
    const on = childLink(node, key + LENGTH_SIZE, lengthOf(node));
    if (on === node + LPM_NODE_LEFT && load<u32>(node, LPM_NODE_RIGHT) !== 0) {
      subtree = node + LPM_NODE_RIGHT;
      parent = 0;
    } else if (isLive(map, node)) {
      subtree = 0;
      parent = node;
    }
    node = load<u32>(on);
  }
  return subtree !== 0 ? firstOf(map, subtree) : parent;
}
