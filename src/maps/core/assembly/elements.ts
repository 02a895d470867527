/**
 * Where the elements of a hash come from and go to. An element that leaves the table is RETIRED: it keeps its contents until
 * `reclaim`, which is called when no program runs. One exception keeps a program that deletes and inserts millions of
 * times in one run from taking all memory: once RETAIN are retired the oldest is handed out again at once. It stays an
 * element, so that old pointers stay safe; only its contents are new.
 *
 * Links lie in memory that a wrong program might have written: a link that does not lead to an element of the map, in the
 * state that it must have, is `corrupt`, and so is a walk that is longer than there are elements.
 */
import {
  CORRUPT_FREE_LIST,
  CORRUPT_RETIRED,
  ELEM_LINK,
  ELEM_STATE,
  LIST_END,
  MAP_ELEM_SIZE,
  MAP_FREE,
  MAP_NEXT_PENDING,
  MAP_PENDING,
  MAP_PENDING_COUNT,
  MAP_PENDING_LAST,
  MAP_RETAIN,
  MAP_UNUSED,
  MAP_UNUSED_END,
  STATE_FREE,
  STATE_PENDING_MAPS,
  STATE_RECLAIMING,
  STATE_RETIRED,
} from './generated';
import { corrupt, grow } from './imports';

/** Address of CORE_STATE. */
let state: u32 = 0;

/** @param address of CORE_STATE, once for each instance. */
export function init(address: u32): void {
  state = address;
}

/** A free element, with whatever contents it had; 0 when the memory is exhausted. */
export function take(map: u32): u32 {
  const free = load<u32>(map, MAP_FREE);
  if (free !== 0) {
    if (load<u32>(free, ELEM_STATE) !== (map | STATE_FREE)) corrupt(map, CORRUPT_FREE_LIST);
    store<u32>(map, load<u32>(free, ELEM_LINK), MAP_FREE);
    return free;
  }
  if (load<u32>(map, MAP_UNUSED) === load<u32>(map, MAP_UNUSED_END)) {
    const pending = load<u32>(map, MAP_PENDING_COUNT);
    const reuse = pending >= load<u32>(map, MAP_RETAIN);
    if (reuse || !grow(map)) return pending > 0 ? reuseOldest(map) : 0;
  }
  const fresh = load<u32>(map, MAP_UNUSED);
  store<u32>(map, fresh + load<u32>(map, MAP_ELEM_SIZE), MAP_UNUSED);
  return fresh;
}

/** An element that was taken and is not used after all, or that nobody may point to. */
export function giveBack(map: u32, elem: u32): void {
  store<u32>(elem, map | STATE_FREE, ELEM_STATE);
  store<u32>(elem, load<u32>(map, MAP_FREE), ELEM_LINK);
  store<u32>(map, elem, MAP_FREE);
}

/** An element has left the table: programs that run may still read it. */
export function retire(map: u32, elem: u32): void {
  store<u32>(elem, map | STATE_RETIRED, ELEM_STATE);
  store<u32>(elem, 0, ELEM_LINK);
  const count = load<u32>(map, MAP_PENDING_COUNT);
  if (count === 0) store<u32>(map, elem, MAP_PENDING);
  else store<u32>(load<u32>(map, MAP_PENDING_LAST), elem, ELEM_LINK);
  store<u32>(map, elem, MAP_PENDING_LAST);
  store<u32>(map, count + 1, MAP_PENDING_COUNT);
  if (load<u32>(map, MAP_NEXT_PENDING) === 0) enlist(map);
}

/** Put a map into the list of those that have retired elements. */
export function enlist(map: u32): void {
  const next = load<u32>(state, STATE_PENDING_MAPS);
  store<u32>(map, next !== 0 ? next : LIST_END, MAP_NEXT_PENDING);
  store<u32>(state, map, STATE_PENDING_MAPS);
}

/** No program runs: everything that is retired may be handed out again. */
export function reclaim(): void {
  let map = load<u32>(state, STATE_PENDING_MAPS);
  store<u32>(state, 0, STATE_PENDING_MAPS);
  let wrong: u32 = 0;
  while (map > LIST_END) {
    store<u32>(state, map, STATE_RECLAIMING);
    const next = load<u32>(map, MAP_NEXT_PENDING);
    store<u32>(map, 0, MAP_NEXT_PENDING); // a list in a circle ends here
    if (!reclaimMap(map)) wrong = map;
    map = next;
  }
  if (wrong !== 0) corrupt(wrong, CORRUPT_RETIRED);
}

/** Put the retired elements before the free ones. @returns false: the list is corrupt; what is left of it is lost. */
function reclaimMap(map: u32): bool {
  const first = load<u32>(map, MAP_PENDING);
  let count = load<u32>(map, MAP_PENDING_COUNT);
  store<u32>(map, 0, MAP_PENDING);
  store<u32>(map, 0, MAP_PENDING_COUNT);
  if (count === 0) return true;
  let elem = first;
  for (let next = first; count > 0; count--) {
    elem = next;
    // An element that was given back is no longer retired: a list in a circle ends.
    if (load<u32>(elem, ELEM_STATE) !== (map | STATE_RETIRED)) return false;
    store<u32>(elem, map | STATE_FREE, ELEM_STATE);
    next = load<u32>(elem, ELEM_LINK);
  }
  store<u32>(elem, load<u32>(map, MAP_FREE), ELEM_LINK);
  store<u32>(map, first, MAP_FREE);
  return true;
}

function reuseOldest(map: u32): u32 {
  const elem = load<u32>(map, MAP_PENDING);
  if (load<u32>(elem, ELEM_STATE) !== (map | STATE_RETIRED)) corrupt(map, CORRUPT_RETIRED);
  store<u32>(map, load<u32>(elem, ELEM_LINK), MAP_PENDING);
  store<u32>(map, load<u32>(map, MAP_PENDING_COUNT) - 1, MAP_PENDING_COUNT);
  return elem;
}
