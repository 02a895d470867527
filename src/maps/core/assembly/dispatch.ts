/**
 * Operations on a map that the compiled program does not know: by the type in its header. Types that the core does not
 * have are JavaScript's, see `foreign`.
 */
import { array_lookup, array_update, percpu_array_lookup, percpu_array_update } from './array';
import {
  EINVAL,
  OPERATION_DELETE,
  OPERATION_LOOKUP,
  OPERATION_UPDATE,
  TYPE_ARRAY,
  TYPE_ARRAY_OF_MAPS,
  TYPE_HASH,
  TYPE_HASH_OF_MAPS,
  TYPE_LPM_TRIE,
  TYPE_LRU_HASH,
  TYPE_LRU_PERCPU_HASH,
  TYPE_PERCPU_ARRAY,
  TYPE_PERCPU_HASH,
  MAP_COPIES,
  MAP_TYPE,
} from './generated';
import { hash_delete, hash_lookup, hash_update, percpu_hash_lookup, percpu_hash_update } from './hash';
import { foreign } from './imports';
import { lpm_delete, lpm_lookup, lpm_update } from './lpm';
import {
  lru_hash_delete,
  lru_hash_lookup,
  lru_hash_update,
  lru_percpu_hash_lookup,
  lru_percpu_hash_update,
} from './lru';

/** Helper 1. @returns the value's address, or 0 */
export function map_lookup(map: u32, key: u32, cpu: u32): u32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
      return hash_lookup(map, key);
    case TYPE_ARRAY:
      return array_lookup(map, key);
    case TYPE_PERCPU_HASH:
      return percpu_hash_lookup(map, key, cpu);
    case TYPE_PERCPU_ARRAY:
      return percpu_array_lookup(map, key, cpu);
    case TYPE_LRU_HASH:
      return lru_hash_lookup(map, key);
    case TYPE_LRU_PERCPU_HASH:
      return lru_percpu_hash_lookup(map, key, cpu);
    case TYPE_LPM_TRIE:
      return lpm_lookup(map, key);
    case TYPE_ARRAY_OF_MAPS:
      return inner(array_lookup(map, key));
    case TYPE_HASH_OF_MAPS:
      return inner(hash_lookup(map, key));
  }
  return foreign(OPERATION_LOOKUP, map, key, 0, 0, cpu);
}

/** Helper 195. @returns the address of the value on a CPU, or 0: also where there is no such CPU */
export function map_lookup_percpu(map: u32, key: u32, cpu: u32): u32 {
  return cpu < load<u32>(map, MAP_COPIES) ? map_lookup(map, key, cpu) : 0;
}

/** The address of a map in a value. */
function inner(value: u32): u32 {
  return value !== 0 ? load<u32>(value) : 0;
}

/** Helper 2. @returns 0 or -errno */
export function map_update(map: u32, key: u32, value: u32, flags: u32, cpu: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
      return hash_update(map, key, value, flags);
    case TYPE_ARRAY:
      return array_update(map, key, value, flags);
    case TYPE_PERCPU_HASH:
      return percpu_hash_update(map, key, value, flags, cpu);
    case TYPE_PERCPU_ARRAY:
      return percpu_array_update(map, key, value, flags, cpu);
    case TYPE_LRU_HASH:
      return lru_hash_update(map, key, value, flags, cpu);
    case TYPE_LRU_PERCPU_HASH:
      return lru_percpu_hash_update(map, key, value, flags, cpu);
    case TYPE_LPM_TRIE:
      return lpm_update(map, key, value, flags);
  }
  return foreign(OPERATION_UPDATE, map, key, value, flags, cpu);
}

/** Helper 3. @returns 0 or -errno */
export function map_delete(map: u32, key: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
      return hash_delete(map, key);
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      return lru_hash_delete(map, key);
    case TYPE_LPM_TRIE:
      return lpm_delete(map, key);
    case TYPE_ARRAY:
    case TYPE_PERCPU_ARRAY:
      return -EINVAL;
  }
  return foreign(OPERATION_DELETE, map, key, 0, 0, 0);
}
