/**
 * What the places of this project that programs attach to grant them: helpers and map types, each by name. Nothing is granted by
 * default; whether Linux lets programs of a type call a helper is another question, and the verifier's
 * (`helpers-allowed.ts`). Tail calls are granted nowhere: what they reach may change after it was looked at.
 */
import { HELPER_NAMES, MAP_TYPE, MAP_TYPE_NAMES, PROG_TYPE, PROG_TYPE_NAMES } from '../uapi/index.ts';

export interface Place {
  /** What messages call it. */
  readonly name: string;
  readonly progTypes: ReadonlySet<number>;
  /** Ids of the helpers that programs may call here. */
  readonly helpers: ReadonlySet<number>;
  readonly mapTypes: ReadonlySet<number>;
}

/** What a program asks of its place. */
export interface Needs {
  readonly progType: number;
  readonly helpers: readonly number[];
  readonly maps: readonly { readonly type: number }[];
}

const named = (names: string): number[] => names.split(' ').map((name) => HELPER_NAMES.indexOf(name));
const M = MAP_TYPE;

const MAPS = named('map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem');
const MAPS_BY_CPU = named('map_lookup_percpu_elem for_each_map_elem');
const PURE = named('get_prandom_u32 get_smp_processor_id get_numa_node_id loop strtol strtoul strncmp snprintf');
const CLOCKS = named('ktime_get_ns ktime_get_boot_ns ktime_get_tai_ns ktime_get_coarse_ns jiffies64');
const RINGS = named('ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query');
const DYNPTRS = named(
  'ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_from_mem dynptr_read dynptr_write dynptr_data',
);
const TASK = named('get_current_pid_tgid get_current_uid_gid get_current_comm');
const READS = named(
  'probe_read probe_read_str probe_read_kernel probe_read_kernel_str probe_read_user probe_read_user_str',
);
const PACKET = named('skb_load_bytes skb_load_bytes_relative');
const LOCKS = named('spin_lock spin_unlock');

/** Maps that hold values. */
const STORES = [
  ...[M.HASH, M.ARRAY, M.PERCPU_HASH, M.PERCPU_ARRAY, M.LRU_HASH, M.LRU_PERCPU_HASH, M.LPM_TRIE, M.QUEUE, M.STACK],
  ...[M.BLOOM_FILTER, M.ARRAY_OF_MAPS, M.HASH_OF_MAPS],
];

const EVERYWHERE = [...MAPS, ...MAPS_BY_CPU, ...PURE, ...CLOCKS, ...RINGS, ...DYNPTRS, ...LOCKS];

/** A socket that filters what it receives. */
export const SOCKET_PLACE: Omit<Place, 'name'> = {
  progTypes: new Set([PROG_TYPE.SOCKET_FILTER]),
  helpers: new Set([...EVERYWHERE, ...PACKET, ...named('trace_printk perf_event_output')]),
  mapTypes: new Set([...STORES, M.RINGBUF, M.PERF_EVENT_ARRAY]),
};

/** An event of the running process. */
export const EVENT_PLACE: Omit<Place, 'name'> = {
  progTypes: new Set([PROG_TYPE.TRACEPOINT, PROG_TYPE.RAW_TRACEPOINT]),
  helpers: new Set([...EVERYWHERE, ...TASK, ...READS, ...named('trace_printk trace_vprintk perf_event_output')]),
  mapTypes: new Set([...STORES, M.RINGBUF, M.PERF_EVENT_ARRAY]),
};

/** A moment that comes again and again. */
export const INTERVAL_PLACE: Omit<Place, 'name'> = { ...EVENT_PLACE, progTypes: new Set([PROG_TYPE.PERF_EVENT]) };

/** Why a program cannot be attached to a place: what it needs and is not granted. Undefined: it can. */
export function notGranted({ progType, helpers, maps }: Needs, place: Place): string | undefined {
  if (!place.progTypes.has(progType))
    return `${place.name} takes no program of type ${PROG_TYPE_NAMES[progType] ?? progType}`;
  const helper = helpers.find((id) => !place.helpers.has(id));
  if (helper !== undefined) return `${place.name} does not grant bpf_${HELPER_NAMES[helper]}`;
  const map = maps.find(({ type }) => !place.mapTypes.has(type));
  return map && `${place.name} does not grant maps of type ${MAP_TYPE_NAMES[map.type] ?? map.type}`;
}
