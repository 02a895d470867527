/**
 * What a section name says of the programs in it: the SEC() table of libbpf. Sources: docs.kernel.org
 * bpf/libbpf/program_types.html and libbpf's release notes (1.3: tcx, uprobe.multi, netfilter, unix sockets; 1.4 and
 * 1.5: netkit, kprobe.session, uprobe.session, struct_ops.s); checked against libbpf_prog_type_by_name() of libbpf 1.1.
 */
import { ATTACH_TYPE as A, PROG_FLAG, PROG_TYPE as P } from '../uapi/index.ts';

export interface SectionDef {
  /** `name` matches exactly; `name+` matches `name` and `name/…`. */
  readonly pattern: string;
  /** @kernel prog_type */
  readonly type: number;
  /** @kernel expected_attach_type */
  readonly attachType: number;
  /** PROG_FLAG bits. */
  readonly flags: number;
  /** The kernel wants the BTF id of what the program attaches to (a function, a hook, an operations table). */
  readonly attachesToBtf: boolean;
}

const SLEEPABLE = PROG_FLAG.SLEEPABLE;
const FRAGS = PROG_FLAG.XDP_HAS_FRAGS;
const BTF = true;

type Row = [pattern: string, type: number, attachType?: number, flags?: number, attachesToBtf?: boolean];

const rows: Row[] = [
  ['socket', P.SOCKET_FILTER],
  ['sk_reuseport/migrate', P.SK_REUSEPORT, A.SK_REUSEPORT_SELECT_OR_MIGRATE],
  ['sk_reuseport', P.SK_REUSEPORT, A.SK_REUSEPORT_SELECT],
  ['kprobe+', P.KPROBE],
  ['kretprobe+', P.KPROBE],
  ['uprobe+', P.KPROBE],
  ['uprobe.s+', P.KPROBE, 0, SLEEPABLE],
  ['uretprobe+', P.KPROBE],
  ['uretprobe.s+', P.KPROBE, 0, SLEEPABLE],
  ['kprobe.multi+', P.KPROBE, A.TRACE_KPROBE_MULTI],
  ['kretprobe.multi+', P.KPROBE, A.TRACE_KPROBE_MULTI],
  ['kprobe.session+', P.KPROBE, A.TRACE_KPROBE_SESSION],
  ['uprobe.multi+', P.KPROBE, A.TRACE_UPROBE_MULTI],
  ['uretprobe.multi+', P.KPROBE, A.TRACE_UPROBE_MULTI],
  ['uprobe.session+', P.KPROBE, A.TRACE_UPROBE_SESSION],
  ['uprobe.multi.s+', P.KPROBE, A.TRACE_UPROBE_MULTI, SLEEPABLE],
  ['uretprobe.multi.s+', P.KPROBE, A.TRACE_UPROBE_MULTI, SLEEPABLE],
  ['uprobe.session.s+', P.KPROBE, A.TRACE_UPROBE_SESSION, SLEEPABLE],
  ['ksyscall+', P.KPROBE],
  ['kretsyscall+', P.KPROBE],
  ['usdt+', P.KPROBE],
  ['usdt.s+', P.KPROBE, 0, SLEEPABLE],
  ['tc/ingress', P.SCHED_CLS, A.TCX_INGRESS],
  ['tc/egress', P.SCHED_CLS, A.TCX_EGRESS],
  ['tcx/ingress', P.SCHED_CLS, A.TCX_INGRESS],
  ['tcx/egress', P.SCHED_CLS, A.TCX_EGRESS],
  ['tc', P.SCHED_CLS],
  ['classifier', P.SCHED_CLS],
  ['action', P.SCHED_ACT],
  ['netkit/primary', P.SCHED_CLS, A.NETKIT_PRIMARY],
  ['netkit/peer', P.SCHED_CLS, A.NETKIT_PEER],
  ['tracepoint+', P.TRACEPOINT],
  ['tp+', P.TRACEPOINT],
  ['raw_tracepoint+', P.RAW_TRACEPOINT],
  ['raw_tp+', P.RAW_TRACEPOINT],
  ['raw_tracepoint.w+', P.RAW_TRACEPOINT_WRITABLE],
  ['raw_tp.w+', P.RAW_TRACEPOINT_WRITABLE],
  ['tp_btf+', P.TRACING, A.TRACE_RAW_TP, 0, BTF],
  ['fentry+', P.TRACING, A.TRACE_FENTRY, 0, BTF],
  ['fentry.s+', P.TRACING, A.TRACE_FENTRY, SLEEPABLE, BTF],
  ['fmod_ret+', P.TRACING, A.MODIFY_RETURN, 0, BTF],
  ['fmod_ret.s+', P.TRACING, A.MODIFY_RETURN, SLEEPABLE, BTF],
  ['fexit+', P.TRACING, A.TRACE_FEXIT, 0, BTF],
  ['fexit.s+', P.TRACING, A.TRACE_FEXIT, SLEEPABLE, BTF],
  ['freplace+', P.EXT, 0, 0, BTF],
  ['lsm+', P.LSM, A.LSM_MAC, 0, BTF],
  ['lsm.s+', P.LSM, A.LSM_MAC, SLEEPABLE, BTF],
  ['lsm_cgroup+', P.LSM, A.LSM_CGROUP, 0, BTF],
  ['iter+', P.TRACING, A.TRACE_ITER, 0, BTF],
  ['iter.s+', P.TRACING, A.TRACE_ITER, SLEEPABLE, BTF],
  ['syscall', P.SYSCALL, 0, SLEEPABLE],
  ['xdp.frags/devmap', P.XDP, A.XDP_DEVMAP, FRAGS],
  ['xdp/devmap', P.XDP, A.XDP_DEVMAP],
  ['xdp.frags/cpumap', P.XDP, A.XDP_CPUMAP, FRAGS],
  ['xdp/cpumap', P.XDP, A.XDP_CPUMAP],
  ['xdp.frags', P.XDP, A.XDP, FRAGS],
  ['xdp', P.XDP, A.XDP],
  ['perf_event', P.PERF_EVENT],
  ['lwt_in', P.LWT_IN],
  ['lwt_out', P.LWT_OUT],
  ['lwt_xmit', P.LWT_XMIT],
  ['lwt_seg6local', P.LWT_SEG6LOCAL],
  ['sockops', P.SOCK_OPS, A.CGROUP_SOCK_OPS],
  ['sk_skb/stream_parser', P.SK_SKB, A.SK_SKB_STREAM_PARSER],
  ['sk_skb/stream_verdict', P.SK_SKB, A.SK_SKB_STREAM_VERDICT],
  ['sk_skb/verdict', P.SK_SKB, A.SK_SKB_VERDICT],
  ['sk_skb', P.SK_SKB],
  ['sk_msg', P.SK_MSG, A.SK_MSG_VERDICT],
  ['lirc_mode2', P.LIRC_MODE2, A.LIRC_MODE2],
  ['flow_dissector', P.FLOW_DISSECTOR, A.FLOW_DISSECTOR],
  ['cgroup_skb/ingress', P.CGROUP_SKB, A.CGROUP_INET_INGRESS],
  ['cgroup_skb/egress', P.CGROUP_SKB, A.CGROUP_INET_EGRESS],
  ['cgroup/skb', P.CGROUP_SKB],
  ['cgroup/sock_create', P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE],
  ['cgroup/sock_release', P.CGROUP_SOCK, A.CGROUP_INET_SOCK_RELEASE],
  ['cgroup/sock', P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE],
  ['cgroup/post_bind4', P.CGROUP_SOCK, A.CGROUP_INET4_POST_BIND],
  ['cgroup/post_bind6', P.CGROUP_SOCK, A.CGROUP_INET6_POST_BIND],
  ['cgroup/bind4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_BIND],
  ['cgroup/bind6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_BIND],
  ['cgroup/connect4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_CONNECT],
  ['cgroup/connect6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_CONNECT],
  ['cgroup/connect_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_CONNECT],
  ['cgroup/sendmsg4', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_SENDMSG],
  ['cgroup/sendmsg6', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_SENDMSG],
  ['cgroup/sendmsg_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_SENDMSG],
  ['cgroup/recvmsg4', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_RECVMSG],
  ['cgroup/recvmsg6', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_RECVMSG],
  ['cgroup/recvmsg_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_RECVMSG],
  ['cgroup/getpeername4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETPEERNAME],
  ['cgroup/getpeername6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETPEERNAME],
  ['cgroup/getpeername_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETPEERNAME],
  ['cgroup/getsockname4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETSOCKNAME],
  ['cgroup/getsockname6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETSOCKNAME],
  ['cgroup/getsockname_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETSOCKNAME],
  ['cgroup/sysctl', P.CGROUP_SYSCTL, A.CGROUP_SYSCTL],
  ['cgroup/getsockopt', P.CGROUP_SOCKOPT, A.CGROUP_GETSOCKOPT],
  ['cgroup/setsockopt', P.CGROUP_SOCKOPT, A.CGROUP_SETSOCKOPT],
  ['cgroup/dev', P.CGROUP_DEVICE, A.CGROUP_DEVICE],
  ['struct_ops+', P.STRUCT_OPS, 0, 0, BTF],
  ['struct_ops.s+', P.STRUCT_OPS, 0, SLEEPABLE, BTF],
  ['sk_lookup', P.SK_LOOKUP, A.SK_LOOKUP],
  ['netfilter', P.NETFILTER, A.NETFILTER],
];

/** The table, in libbpf's order of families. */
export const SECTION_DEFS: readonly SectionDef[] = rows.map(
  ([pattern, type, attachType = 0, flags = 0, attachesToBtf = false]) => ({
    pattern,
    type,
    attachType,
    flags,
    attachesToBtf,
  }),
);

const byPattern = new Map(SECTION_DEFS.map((def) => [def.pattern, def]));

export interface SectionMatch {
  /** Absent: no such section is known, and the type of the program is for the user to say. */
  readonly def: SectionDef | undefined;
  /** What follows the type: `syscalls/sys_enter_openat` of `tracepoint/syscalls/sys_enter_openat`; often empty. */
  readonly attachTo: string;
  /** False for `?name`: the program is loaded only when asked for. */
  readonly autoload: boolean;
}

/** Look a section name up. */
export function matchSection(section: string): SectionMatch {
  const autoload = !section.startsWith('?');
  const name = autoload ? section : section.slice(1);
  const exact = byPattern.get(name) ?? byPattern.get(`${name}+`);
  if (exact !== undefined) return { def: exact, attachTo: '', autoload };
  const slash = name.indexOf('/');
  const prefix = slash < 0 ? undefined : byPattern.get(`${name.slice(0, slash)}+`);
  return { def: prefix, attachTo: prefix === undefined ? '' : name.slice(slash + 1), autoload };
}
