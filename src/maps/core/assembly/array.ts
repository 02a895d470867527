/**
 * BPF_MAP_TYPE_ARRAY and BPF_MAP_TYPE_PERCPU_ARRAY: values at an index, overwritten in place.
 *
 * Refuses updates with flags that there are not (-EINVAL), beyond the end (-E2BIG), with BPF_NOEXIST (-EEXIST: every element
 * exists), with BPF_F_LOCK (-EINVAL: no value here has a lock).
 */
import { copy } from './bytes';
import {
  BPF_EXIST,
  BPF_LOCK,
  BPF_NOEXIST,
  E2BIG,
  EEXIST,
  EINVAL,
  MAP_CPU_STRIDE,
  MAP_ELEM_SIZE,
  MAP_MAX_ENTRIES,
  MAP_VALUES,
  MAP_VALUE_SIZE,
} from './generated';

/** Address of the value of a key, or 0. */
export function array_lookup(map: u32, key: u32): u32 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, MAP_MAX_ENTRIES)) return 0;
  return load<u32>(map, MAP_VALUES) + index * load<u32>(map, MAP_ELEM_SIZE);
}

/** Address of a CPU's value of a key, or 0. */
export function percpu_array_lookup(map: u32, key: u32, cpu: u32): u32 {
  const value = array_lookup(map, key);
  return value !== 0 ? value + cpu * load<u32>(map, MAP_CPU_STRIDE) : 0;
}

function refused(value: u32, flags: u32): i32 {
  if (flags > (BPF_EXIST | BPF_LOCK) || (flags & ~BPF_LOCK) > BPF_EXIST) return -EINVAL;
  if (value === 0) return -E2BIG;
  if (flags & BPF_NOEXIST) return -EEXIST;
  return flags & BPF_LOCK ? -EINVAL : 0;
}

export function array_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return percpu_array_update(map, key, value, flags, 0);
}

export function percpu_array_update(map: u32, key: u32, value: u32, flags: u32, cpu: u32): i32 {
  const to = percpu_array_lookup(map, key, cpu);
  const no = refused(to, flags);
  if (no === 0) copy(to, value, load<u32>(map, MAP_VALUE_SIZE));
  return no;
}
