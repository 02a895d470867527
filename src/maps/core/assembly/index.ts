/** The map core: what it exports to JavaScript and to compiled programs. Addresses and sizes are unsigned words. */
export { init, reclaim } from './elements';
export { hashBytes as hash_bytes } from './bytes';
export {
  hash_delete,
  hash_lookup,
  hash_next,
  hash_update,
  percpu_hash_lookup,
  percpu_hash_update,
  percpu_hash_update_all,
} from './hash';
