/** How a map of each type is made, as far as programs can be given one. */
import { helperTakesMap } from '../../../src/contracts/index.ts';
import { MAP_FLAG, MAP_TYPE_NAMES } from '../../../src/uapi/index.ts';
import type { MapJson } from './generator.ts';

const PLAIN = { key_size: 4, value_size: 16, max_entries: 4 };
const INDEX = { key_size: 4, value_size: 4, max_entries: 4 };

const SHAPES: Readonly<Record<string, Omit<MapJson, 'type'>>> = {
  hash: PLAIN,
  array: PLAIN,
  percpu_hash: PLAIN,
  percpu_array: PLAIN,
  lru_hash: PLAIN,
  lru_percpu_hash: PLAIN,
  lpm_trie: { key_size: 8, value_size: 16, max_entries: 4, map_flags: MAP_FLAG.NO_PREALLOC },
  prog_array: INDEX,
  perf_event_array: INDEX,
  stack_trace: { key_size: 4, value_size: 64, max_entries: 4 },
  cgroup_array: INDEX,
  devmap: INDEX,
  devmap_hash: INDEX,
  cpumap: { ...INDEX, max_entries: 1 },
  xskmap: INDEX,
  sockmap: INDEX,
  sockhash: INDEX,
  reuseport_sockarray: { key_size: 4, value_size: 8, max_entries: 4 },
  queue: { key_size: 0, value_size: 16, max_entries: 4 },
  stack: { key_size: 0, value_size: 16, max_entries: 4 },
  bloom_filter: { key_size: 0, value_size: 16, max_entries: 4 },
  ringbuf: { key_size: 0, value_size: 0, max_entries: 4096 },
  user_ringbuf: { key_size: 0, value_size: 0, max_entries: 4096 },
};

/** Types that can be made without more ado. */
export const MAP_KINDS = Object.keys(SHAPES);

export const mapOfKind = (type: string): MapJson => ({ type, ...SHAPES[type] });

/** Types that helper `id` takes, of those that can be made; all where it takes none of them. */
export function kindsFor(id: number): readonly string[] {
  const kinds = MAP_KINDS.filter((type) => helperTakesMap(id, MAP_TYPE_NAMES.indexOf(type)) ?? true);
  return kinds.length ? kinds : MAP_KINDS;
}
