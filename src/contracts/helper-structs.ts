/**
 * Kernel structs that helpers take and give by their BTF types.
 *
 * Source: the prototypes of bpf-helpers(7), which name the structs; `R%d is of type %s but %s is expected` and the type of
 * the result in the log of Linux 6.18, each helper called with an object of another type and of the right one.
 */
import { HELPER_NAMES } from '../uapi/index.ts';

type Row = readonly [struct: string, helpers: string];

/** Of the one argument of kind `btfId` or `btfIdOrNull`. */
const TAKES: readonly Row[] = [
  ['task_struct', 'get_task_stack task_storage_get task_storage_delete task_pt_regs copy_from_user_task find_vma'],
  ['cgroup', 'cgrp_storage_get cgrp_storage_delete'],
  ['inode', 'inode_storage_get inode_storage_delete ima_inode_hash'],
  ['file', 'sock_from_file ima_file_hash'],
  ['path', 'd_path'],
  ['linux_binprm', 'bprm_opts_set'],
  ['seq_file', 'seq_printf seq_write seq_printf_btf'],
  ['sk_buff', 'skb_output'],
  ['xdp_buff', 'xdp_output xdp_get_buff_len'],
  ['sock_common', 'sk_storage_get sk_storage_delete setsockopt getsockopt'],
  ['tcp_sock', 'tcp_send_ack'],
];

/** Of the result, which is never NULL for the first two. */
const GIVES: readonly Row[] = [
  ['task_struct', 'get_current_task_btf'],
  ['pt_regs', 'task_pt_regs'],
  ['tcp6_sock', 'skc_to_tcp6_sock'],
  ['tcp_sock', 'skc_to_tcp_sock'],
  ['tcp_timewait_sock', 'skc_to_tcp_timewait_sock'],
  ['tcp_request_sock', 'skc_to_tcp_request_sock'],
  ['udp6_sock', 'skc_to_udp6_sock'],
  ['unix_sock', 'skc_to_unix_sock'],
  ['mptcp_sock', 'skc_to_mptcp_sock'],
  ['socket', 'sock_from_file'],
];

const byHelper = (rows: readonly Row[]): ReadonlyMap<number, string> =>
  new Map(rows.flatMap(([struct, names]) => names.split(' ').map((name) => [HELPER_NAMES.indexOf(name), struct])));

const taken = byHelper(TAKES);
const given = byHelper(GIVES);

/** The struct that helper `id` takes; undefined where that is not known. */
export const structTaken = (id: number): string | undefined => taken.get(id);

/** The struct that helper `id` answers; undefined where that is not known. */
export const structGiven = (id: number): string | undefined => given.get(id);
