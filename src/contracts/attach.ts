/**
 * What programs are attached to by BTF id, where the BTF does not say it: tracepoints that pass NULL, iterators and what
 * they pass, structs of functions that programs may replace.
 *
 * Source: measured on Linux 6.18.44 (x86-64) by loading a program for each tracepoint, each function named `bpf_iter_*`
 * and each member of each struct, and reading every argument.
 */
import { ATTACH_TYPE as A, HELPER_NAMES, PROG_TYPE as P } from '../uapi/index.ts';

/**
 * Whether the profile's kernel refuses programs of that kind with EPERM, before it looks at anything but their flags:
 * whatever a trampoline would run.
 */
export function isNeverLoaded(progType: number, attachType: number): boolean {
  if (progType === P.LSM || progType === P.EXT) return true;
  return progType === P.TRACING && TRAMPOLINES.includes(attachType);
}

const TRAMPOLINES: readonly number[] = [A.TRACE_FENTRY, A.TRACE_FEXIT, A.MODIFY_RETURN];

/** Tracepoints that may pass NULL where the others never do, by the argument's number. */
const NULL_IN_TRACEPOINTS: readonly string[] = [
  'tmigr_update_events mm_page_alloc mm_page_alloc_zone_locked mm_page_pcpu_drain mm_collapse_huge_page_isolate \
xfs_inodegc_flush xfs_inodegc_push xfs_inodegc_start xfs_inodegc_stop xfs_inodegc_queue xfs_inodegc_throttle \
xfs_fs_sync_fs xfs_blockgc_start xfs_blockgc_stop xfs_blockgc_worker xfs_blockgc_flush_all xfs_defer_create_intent \
xfs_defer_cancel_list xfs_defer_pending_finish xfs_defer_pending_abort xfs_defer_relog_intent \
xfs_defer_isolate_paused xfs_defer_item_pause xfs_defer_item_unpause xfs_defer_add_item xfs_defer_cancel_item \
xfs_defer_finish_item tcp_send_reset',
  'sched_pi_setprio mm_khugepaged_scan_pmd mm_khugepaged_scan_file mm_khugepaged_collapse_file writeback_dirty_folio \
folio_wait_writeback posix_lock_inode fcntl_setlk locks_remove_posix flock_lock_inode break_lease_noblock \
break_lease_block break_lease_unblock generic_delete_lease time_out_leases ext4_mballoc_discard ext4_mballoc_free \
hugetlbfs_alloc_inode xfs_ioc_free_eofblocks xfs_blockgc_free_space tcp_send_reset',
  'sched_stick_numa sched_swap_numa xfs_btree_updkeys xfs_btree_overlapped_query_range tcp_sendmsg_locked fib_table_lookup',
  'kfree_skb qdisc_dequeue',
  'xfs_map_blocks_found xfs_map_blocks_alloc',
];

const nullable = NULL_IN_TRACEPOINTS.map((names) => new Set(names.split(' ')));

/** Whether argument `arg` of a tracepoint may be NULL; its name without `btf_trace_`. */
export const mayPassNull = (tracepoint: string, arg: number): boolean => nullable[arg]?.has(tracepoint) ?? false;

/**
 * What an iterator passes after its own record, each NULL at the end of the walk:
 * - `trusted`, `plain`: a kernel object of the parameter's type, one that surely stays, or not;
 * - `buf`, `rdonly_buf`: memory of a size that shows when the program is attached;
 * - `-`: what the prototype says.
 */
export type IteratorArg = 'trusted' | 'plain' | 'buf' | 'rdonly_buf' | '-';

/** By the function's name without `bpf_iter_`. */
const ITERATORS: Readonly<Record<string, readonly IteratorArg[]>> = {
  bpf_link: ['plain'],
  bpf_map: ['trusted'],
  bpf_map_elem: ['-', 'rdonly_buf', 'buf'],
  bpf_prog: ['plain'],
  bpf_sk_storage_map: ['-', 'plain', 'buf'],
  cgroup: ['trusted'],
  dmabuf: ['plain'],
  ipv6_route: ['plain'],
  kmem_cache: ['trusted'],
  ksym: ['plain'],
  netlink: ['plain'],
  sockmap: ['-', 'rdonly_buf', 'plain'],
  task: ['trusted'],
  task_file: ['plain', '-', 'plain'],
  task_vma: ['plain', 'plain'],
  tcp: ['trusted'],
  udp: ['trusted'],
  unix: ['plain'],
};

const ITERATOR = 'bpf_iter_';

/** What the iterator of that function passes, beginning with its second argument; undefined for no iterator. */
export const iteratorArgs = (func: string): readonly IteratorArg[] | undefined =>
  func.startsWith(ITERATOR) && Object.hasOwn(ITERATORS, func.slice(ITERATOR.length))
    ? ITERATORS[func.slice(ITERATOR.length)]
    : undefined;

export interface StructOps {
  /** Members that programs may not replace. */
  readonly closed: readonly string[];
  /** Members that sleepable programs may replace; undefined: all. */
  readonly sleepable?: readonly string[];
  /** Arguments that may be NULL, by member. */
  readonly nullable?: Readonly<Record<string, readonly number[]>>;
  /** Structs that pointers to another one show: [declared, seen]. */
  readonly seenAs?: readonly [string, string];
  /** What may be written of structs: members, written as in C; none named: all of it. */
  readonly writable?: Readonly<Record<string, readonly string[]>>;
}

const STRUCT_OPS: Readonly<Record<string, StructOps>> = {
  tcp_congestion_ops: {
    closed: ['get_info'],
    seenAs: ['sock', 'tcp_sock'],
    writable: {
      tcp_sock: [
        'inet_conn.icsk_inet.sk.sk_pacing_rate',
        'inet_conn.icsk_inet.sk.sk_pacing_status',
        'inet_conn.icsk_ca_priv',
        'inet_conn.icsk_ack.pending',
        'snd_cwnd',
        'snd_cwnd_cnt',
        'snd_cwnd_stamp',
        'snd_ssthresh',
        'ecn_flags',
        'app_limited',
      ],
    },
  },
  bpf_dummy_ops: {
    closed: [],
    sleepable: ['test_sleepable'],
    nullable: { test_1: [0] },
    writable: { bpf_dummy_ops_state: [] },
  },
};

/** The struct of functions with that name; undefined for one that programs cannot be part of. */
export const structOps = (name: string): StructOps | undefined =>
  Object.hasOwn(STRUCT_OPS, name) ? STRUCT_OPS[name] : undefined;

const SOCKET_OPTIONS = ['setsockopt', 'getsockopt'].map((name) => HELPER_NAMES.indexOf(name));

/**
 * Whether a program attached to `target` may call helper `id`, where its type and attach type alone do not say it: a
 * function that iterates, a tracepoint, or `struct.member`.
 */
export function isHelperAllowedAt(target: string, id: number): boolean | undefined {
  if (target.startsWith('bpf_dummy_ops.')) return false;
  if (!SOCKET_OPTIONS.includes(id)) return undefined;
  if (target === 'bpf_iter_tcp' || target === 'bpf_iter_unix') return true;
  return target === 'tcp_congestion_ops.release' ? false : undefined;
}
