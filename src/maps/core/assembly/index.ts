/** The map core: what it exports to JavaScript and to compiled programs. Addresses and sizes are unsigned words. */
export { array_lookup, array_update, percpu_array_lookup, percpu_array_update } from './array';
export { map_delete, map_lookup, map_lookup_percpu, map_update } from './dispatch';
export { enlist, init, reclaim } from './elements';
export { ringbuf_discard, ringbuf_output, ringbuf_query, ringbuf_reserve, ringbuf_submit } from './ringbuf';
export { lpm_delete, lpm_lookup, lpm_next, lpm_update } from './lpm';
export { bloom_peek, bloom_push } from './bloom';
export { queue_peek, queue_pop, queue_push } from './queue';
export { hashBytes as hash_bytes } from './bytes';
export {
  lru_hash_delete,
  lru_hash_lookup,
  lru_hash_update,
  lru_percpu_hash_lookup,
  lru_percpu_hash_update,
  lru_percpu_hash_update_all,
} from './lru';
export {
  hash_delete,
  hash_lookup,
  hash_next,
  hash_update,
  percpu_hash_lookup,
  percpu_hash_update,
  percpu_hash_update_all,
} from './hash';
