/**
 * BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK: values in a ring of MAX_ENTRIES, the oldest at FIRST. A queue gives the oldest, a
 * stack the newest.
 *
 * Refuses: flags but BPF_EXIST (-EINVAL), which lets a push into a full map take the place of the oldest (else -E2BIG);
 * peek and pop of an empty one (-ENOENT, with a value of zeros).
 */
import { copy } from './bytes';
import {
  BPF_EXIST,
  E2BIG,
  EINVAL,
  ENOENT,
  MAP_COUNT,
  MAP_ELEM_SIZE,
  MAP_FIRST,
  MAP_MAX_ENTRIES,
  MAP_TYPE,
  MAP_VALUES,
  MAP_VALUE_SIZE,
  TYPE_STACK,
} from './generated';

/** Address of the value that is `behind` the oldest. */
function valueAt(map: u32, behind: u32): u32 {
  const slots = load<u32>(map, MAP_MAX_ENTRIES);
  const index = load<u32>(map, MAP_FIRST) + behind;
  return load<u32>(map, MAP_VALUES) + (index % slots) * load<u32>(map, MAP_ELEM_SIZE);
}

/** Forget the oldest. */
function shift(map: u32): void {
  store<u32>(map, (load<u32>(map, MAP_FIRST) + 1) % load<u32>(map, MAP_MAX_ENTRIES), MAP_FIRST);
  store<u32>(map, load<u32>(map, MAP_COUNT) - 1, MAP_COUNT);
}

/** Helper 87. @returns 0 or -errno */
export function queue_push(map: u32, value: u32, flags: u32): i32 {
  if (flags !== 0 && flags !== BPF_EXIST) return -EINVAL;
  if (load<u32>(map, MAP_COUNT) >= load<u32>(map, MAP_MAX_ENTRIES)) {
    if (flags !== BPF_EXIST) return -E2BIG;
    shift(map);
  }
  const count = load<u32>(map, MAP_COUNT);
  copy(valueAt(map, count), value, load<u32>(map, MAP_VALUE_SIZE));
  store<u32>(map, count + 1, MAP_COUNT);
  return 0;
}

/** Helper 89. @returns 0 or -errno */
export function queue_peek(map: u32, value: u32): i32 {
  const count = load<u32>(map, MAP_COUNT);
  const size = load<u32>(map, MAP_VALUE_SIZE);
  if (count === 0) {
    memory.fill(value, 0, size);
    return -ENOENT;
  }
  copy(value, valueAt(map, load<u32>(map, MAP_TYPE) === TYPE_STACK ? count - 1 : 0), size);
  return 0;
}

/** Helper 88. @returns 0 or -errno */
export function queue_pop(map: u32, value: u32): i32 {
  const error = queue_peek(map, value);
  if (error !== 0) return error;
  if (load<u32>(map, MAP_TYPE) === TYPE_STACK) store<u32>(map, load<u32>(map, MAP_COUNT) - 1, MAP_COUNT);
  else shift(map);
  return 0;
}
