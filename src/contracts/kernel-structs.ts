/**
 * Structs of the kernel to which programs may hold pointers without naming them in BTF of their own, as the log spells
 * them. Source: results of the helpers named below in the log of Linux 6.18.
 */
export const KERNEL_STRUCTS: readonly string[] = [
  // skc_to_*
  'tcp6_sock',
  'tcp_sock',
  'tcp_timewait_sock',
  'tcp_request_sock',
  'udp6_sock',
  'unix_sock',
  'mptcp_sock',
  // Maps may keep references to them: each has a function that gives it back.
  'task_struct',
  'cgroup',
  'bpf_cpumask',
];

/** Index into KERNEL_STRUCTS, -1 for a struct that is not known. */
export const kernelStruct = (name: string): number => KERNEL_STRUCTS.indexOf(name);
