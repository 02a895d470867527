/**
 * Members of kernel structs that are known to hold pointers which may be trusted as far as the pointer that they are loaded
 * through: those that the kernel lists, by struct and member. The kernel looks a member up by its name and the type it
 * points to, however deep it lies in the struct.
 *
 * Source: every pointer member of each struct that a typed tracepoint, an iterator or a helper gives, loaded through a trusted
 * pointer in programs of Linux 6.18.
 */

/**
 * - `rcu`: stays while the program does not sleep; `rcuOrNull`: the same or NULL.
 * - `trusted`: stays as long as what it was loaded through; `trustedOrNull`: the same or NULL.
 */
export type MemberTrust = 'rcu' | 'rcuOrNull' | 'trusted' | 'trustedOrNull';

type Row = readonly [struct: string, member: string, pointee: string, trust: MemberTrust];

// prettier-ignore
const ROWS: readonly Row[] = [
  ['task_struct', 'cpus_ptr', 'cpumask', 'rcu'],
  ['task_struct', 'real_parent', 'task_struct', 'rcu'],
  ['task_struct', 'group_leader', 'task_struct', 'rcu'],
  ['task_struct', 'cgroups', 'css_set', 'rcu'],
  ['css_set', 'dfl_cgrp', 'cgroup', 'rcu'],
  ['cgroup', 'kn', 'kernfs_node', 'rcu'],
  ['mm_struct', 'exe_file', 'file', 'rcuOrNull'],
  ['sk_buff', 'sk', 'sock', 'rcuOrNull'],
  ['request_sock', 'sk', 'sock', 'rcuOrNull'],
  ['linux_binprm', 'file', 'file', 'trusted'],
  ['file', 'f_inode', 'inode', 'trusted'],
  ['bpf_iter_meta', 'seq', 'seq_file', 'trusted'],
  ['dentry', 'd_inode', 'inode', 'trustedOrNull'],
];

const byName = new Map<string, MemberTrust>(
  ROWS.map(([struct, member, pointee, trust]) => [`${struct} ${member} ${pointee}`, trust]),
);

/** How far the pointer in `member` of a struct may be trusted; undefined where nothing is known of it. */
export function memberTrust(struct: string, member: string, pointee: string): MemberTrust | undefined {
  return byName.get(`${struct} ${member} ${pointee}`);
}
