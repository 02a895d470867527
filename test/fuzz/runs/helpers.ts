/** Helpers whose results are compared. What is not in the list differs by nature: between two runs on one machine. */
import { READERS } from './addresses.ts';
import { HELPER_NAMES } from '../../../src/uapi/index.ts';

const COMPARED =
  'map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem map_lookup_percpu_elem \
for_each_map_elem loop tail_call get_smp_processor_id get_numa_node_id \
skb_load_bytes skb_load_bytes_relative skb_store_bytes skb_pull_data skb_change_tail skb_change_head skb_change_proto \
skb_change_type skb_vlan_push skb_vlan_pop skb_adjust_room set_hash set_hash_invalid skb_ecn_set_ce get_cgroup_classid get_route_realm \
csum_diff l3_csum_replace l4_csum_replace csum_update csum_level \
xdp_adjust_head xdp_adjust_meta xdp_adjust_tail xdp_get_buff_len xdp_load_bytes xdp_store_bytes \
redirect redirect_peer redirect_neigh redirect_map perf_event_output skb_output xdp_output \
probe_read probe_read_kernel probe_read_str probe_read_kernel_str probe_read_user probe_read_user_str copy_from_user strtol strtoul strncmp snprintf \
spin_lock spin_unlock kptr_xchg dynptr_from_mem dynptr_read dynptr_write dynptr_data user_ringbuf_drain \
ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query ringbuf_reserve_dynptr \
ringbuf_submit_dynptr ringbuf_discard_dynptr sk_lookup_tcp sk_lookup_udp skc_lookup_tcp sk_release sk_fullsock sk_storage_get sk_storage_delete \
timer_init timer_set_callback timer_start timer_cancel get_local_storage get_retval set_retval'.split(' ');

/** By number. */
export const comparedHelpers: ReadonlySet<number> = new Set(COMPARED.map((name) => HELPER_NAMES.indexOf(name)));

/** Those that a caller without CAP_PERFMON may call, by number. */
export const helpersOfAll: ReadonlySet<number> = new Set(
  [...comparedHelpers].filter((id) => !READERS.test(HELPER_NAMES[id])),
);
