/**
 * Helpers that give the program an object to give back, take one away, or give a second pointer into one.
 *
 * Source: bpf-helpers(7); `ref_obj_id` and `refs` in the log of Linux 6.18 after a call of each.
 */
import { HELPER_NAMES } from '../uapi/index.ts';

const ids = (names: string): ReadonlySet<number> => new Set(names.split(' ').map((name) => HELPER_NAMES.indexOf(name)));

const ACQUIRES = ids('sk_lookup_tcp sk_lookup_udp skc_lookup_tcp ringbuf_reserve kptr_xchg');
const CASTS = ids(
  'sk_fullsock tcp_sock skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock ' +
    'skc_to_udp6_sock skc_to_unix_sock skc_to_mptcp_sock',
);
/** By helper: the argument that is taken away, counted from 1. */
const RELEASES: ReadonlyMap<number, number> = new Map(
  Object.entries({
    sk_release: 1,
    ringbuf_submit: 1,
    ringbuf_discard: 1,
    ringbuf_submit_dynptr: 1,
    ringbuf_discard_dynptr: 1,
    kptr_xchg: 2,
  }).map(([name, arg]) => [HELPER_NAMES.indexOf(name), arg]),
);

/** Whether the result must be given back. @kernel is_acquire_function */
export const helperAcquires = (id: number): boolean => ACQUIRES.has(id);
/** Whether the result points into the same object as the argument. @kernel is_ptr_cast_function */
export const helperCasts = (id: number): boolean => CASTS.has(id);
/** Register whose object is taken away, 0 for none. @kernel OBJ_RELEASE */
export const helperReleases = (id: number): number => RELEASES.get(id) ?? 0;
