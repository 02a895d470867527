/**
 * What PROG_LOAD asks of each program type: the capabilities to load it, and the `expected_attach_type`s it may name.
 * Measured with two-instruction programs on Linux 6.18 (x86-64): capabilities by dropping them one by one, attach types
 * by trying 0 to 59 and 0xffffffff.
 */
import { ATTACH_TYPE as A, CAP, PROG_TYPE as P } from '../uapi/index.ts';

export interface ProgTypeRules {
  /** Capability needed besides CAP_BPF; undefined: none. */
  readonly cap?: number;
  /** The attach types it may name; undefined: any number. */
  readonly attachTypes?: readonly number[];
  /** What attach type 0 is taken for. */
  readonly defaultAttachType?: number;
}

const net = { cap: CAP.NET_ADMIN };
const perfmon = { cap: CAP.PERFMON };

/** By program type. A number that is not here is no program type of Linux 6.18: -EINVAL. */
export const PROG_TYPE_RULES: Readonly<Record<number, ProgTypeRules>> = {
  [P.SOCKET_FILTER]: {},
  [P.KPROBE]: perfmon,
  [P.SCHED_CLS]: net,
  [P.SCHED_ACT]: net,
  [P.TRACEPOINT]: perfmon,
  [P.XDP]: net,
  [P.PERF_EVENT]: perfmon,
  [P.CGROUP_SKB]: { attachTypes: [A.CGROUP_INET_INGRESS, A.CGROUP_INET_EGRESS] },
  [P.CGROUP_SOCK]: {
    ...net,
    attachTypes: [
      A.CGROUP_INET_SOCK_CREATE,
      A.CGROUP_INET_SOCK_RELEASE,
      A.CGROUP_INET4_POST_BIND,
      A.CGROUP_INET6_POST_BIND,
    ],
    defaultAttachType: A.CGROUP_INET_SOCK_CREATE,
  },
  [P.LWT_IN]: net,
  [P.LWT_OUT]: net,
  [P.LWT_XMIT]: net,
  [P.SOCK_OPS]: net,
  [P.SK_SKB]: net,
  [P.CGROUP_DEVICE]: net,
  [P.SK_MSG]: net,
  [P.RAW_TRACEPOINT]: perfmon,
  [P.CGROUP_SOCK_ADDR]: {
    ...net,
    attachTypes: [
      A.CGROUP_INET4_BIND,
      A.CGROUP_INET6_BIND,
      A.CGROUP_INET4_CONNECT,
      A.CGROUP_INET6_CONNECT,
      A.CGROUP_UDP4_SENDMSG,
      A.CGROUP_UDP6_SENDMSG,
      A.CGROUP_UDP4_RECVMSG,
      A.CGROUP_UDP6_RECVMSG,
      A.CGROUP_INET4_GETPEERNAME,
      A.CGROUP_INET6_GETPEERNAME,
      A.CGROUP_INET4_GETSOCKNAME,
      A.CGROUP_INET6_GETSOCKNAME,
      A.CGROUP_UNIX_CONNECT,
      A.CGROUP_UNIX_SENDMSG,
      A.CGROUP_UNIX_RECVMSG,
      A.CGROUP_UNIX_GETPEERNAME,
      A.CGROUP_UNIX_GETSOCKNAME,
    ],
  },
  [P.LWT_SEG6LOCAL]: net,
  [P.SK_REUSEPORT]: {
    attachTypes: [A.SK_REUSEPORT_SELECT, A.SK_REUSEPORT_SELECT_OR_MIGRATE],
    defaultAttachType: A.SK_REUSEPORT_SELECT,
  },
  [P.FLOW_DISSECTOR]: net,
  [P.CGROUP_SYSCTL]: net,
  [P.RAW_TRACEPOINT_WRITABLE]: perfmon,
  [P.CGROUP_SOCKOPT]: { ...net, attachTypes: [A.CGROUP_GETSOCKOPT, A.CGROUP_SETSOCKOPT] },
  [P.TRACING]: perfmon,
  [P.STRUCT_OPS]: perfmon,
  [P.EXT]: perfmon,
  [P.LSM]: perfmon,
  [P.SK_LOOKUP]: { attachTypes: [A.SK_LOOKUP] },
  [P.SYSCALL]: { attachTypes: [0] },
  [P.NETFILTER]: { ...net, attachTypes: [A.NETFILTER] },
};
