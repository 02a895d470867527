/**
 * Which helpers a program may call, by program type and attach type. A helper outside its row is refused with `program
 * of this type cannot use helper`.
 *
 * Source: measured on Linux 6.18, each helper called from a program of each type; the PERFMON set by the same calls
 * without that capability.
 */
import { ATTACH_TYPE, PROG_TYPE } from '../uapi/index.ts';

/** Helpers that programs of every type may call. Ids and ranges of ids. */
const COMMON =
  '1-3 5-8 12 14-17 22 35 37 42 55 80 87-89 93-94 105-106 109 112-115 117-118 120 123 125 130-134 141 148-149 153-154 156-158 164-165 169-172 175-177 180-182 191 194-195 197-203 208-211';

/** Helpers that need CAP_PERFMON besides: they read kernel memory or show addresses. */
const PERFMON = '6 16 22 35 55 109 112-115 117 136-141 148-149 158 165-166 175-178 180 191 196';

type Row = readonly [progType: number, attachTypes: readonly number[] | undefined, helpers: string];

/** What each program type adds to COMMON. Without attach types: whichever the program has. */
// prettier-ignore
const ROWS: readonly Row[] = [
  [PROG_TYPE.SOCKET_FILTER, undefined, '25-26 46-47 68 122 136-140 160 178 196'],
  [PROG_TYPE.KPROBE, undefined, '4 25 27 45 67 173-174'],
  [PROG_TYPE.SCHED_CLS, undefined, '9-11 13 18-21 23-26 28-34 38-41 43 46-48 50 66 68-69 79 83-86 95-100 107-108 110 122 124 135-140 151-152 155 160 163 178 192 196 204-207'],
  [PROG_TYPE.SCHED_ACT, undefined, '9-11 13 18-21 23-26 28-34 38-41 43 46-48 50 66 68-69 79 83-86 95-100 107-108 110 122 124 135-140 151-152 155 160 163 178 192 196 204-207'],
  [PROG_TYPE.TRACEPOINT, undefined, '4 25 27 45 67 173-174'],
  [PROG_TYPE.XDP, undefined, '23 25 28 44 51 54 65 69 84-86 99-100 110 136-140 160 163 178 188-190 196 204-207'],
  [PROG_TYPE.PERF_EVENT, undefined, '4 25 27 45 56 67 119 173-174'],
  [PROG_TYPE.CGROUP_SKB, undefined, '25-26 46-47 68 79 81 83-86 95-99 107-108 122 128-129 136-140 160 178 196'],
  [PROG_TYPE.CGROUP_SOCK, undefined, '25 46 81 107 122 160 186-187'],
  [PROG_TYPE.LWT_IN, undefined, '24-26 28 33-34 39 73 136-140 160 178 196'],
  [PROG_TYPE.LWT_OUT, undefined, '24-26 28 33-34 39 136-140 160 178 196'],
  [PROG_TYPE.LWT_XMIT, undefined, '9-11 13 20-21 23-26 28-30 33-34 38-41 43 73 135-140 160 178 196'],
  [PROG_TYPE.LWT_SEG6LOCAL, undefined, '24-26 28 33-34 39 74-76 136-140 160 178 196'],
  [PROG_TYPE.SOCK_OPS, undefined, '25 46 49 53 57 59 70 81 96 107-108 122 136-140 142-144 160 178 186-187 196'],
  [PROG_TYPE.SK_SKB, undefined, '9 25-26 38-39 43 46-47 50 52 72 84-86 99 136-140 160 178 196'],
  [PROG_TYPE.CGROUP_DEVICE, undefined, '25 81 186-187'],
  [PROG_TYPE.SK_MSG, undefined, '25 60-63 71 90-91 107-108 122 136-140 160 178 196'],
  [PROG_TYPE.RAW_TRACEPOINT, undefined, '4 25 27 45 67 173-174'],
  [PROG_TYPE.RAW_TRACEPOINT_WRITABLE, undefined, '4 25 27 45 67 173-174'],
  [PROG_TYPE.CGROUP_SOCK_ADDR, [ATTACH_TYPE.CGROUP_INET4_BIND, ATTACH_TYPE.CGROUP_INET6_BIND, ATTACH_TYPE.CGROUP_UDP4_SENDMSG, ATTACH_TYPE.CGROUP_UDP6_SENDMSG, ATTACH_TYPE.CGROUP_UNIX_CONNECT], '25 46 49 57 81 84-86 99 107-108 122 136-140 160 178 186-187 196'],
  [PROG_TYPE.CGROUP_SOCK_ADDR, [ATTACH_TYPE.CGROUP_INET4_CONNECT, ATTACH_TYPE.CGROUP_INET6_CONNECT], '25 46 49 57 64 81 84-86 99 107-108 122 136-140 160 178 186-187 196'],
  [PROG_TYPE.CGROUP_SOCK_ADDR, [ATTACH_TYPE.CGROUP_UDP4_RECVMSG, ATTACH_TYPE.CGROUP_UDP6_RECVMSG, ATTACH_TYPE.CGROUP_UNIX_RECVMSG, ATTACH_TYPE.CGROUP_INET4_GETPEERNAME, ATTACH_TYPE.CGROUP_INET6_GETPEERNAME, ATTACH_TYPE.CGROUP_UNIX_GETPEERNAME, ATTACH_TYPE.CGROUP_INET4_GETSOCKNAME, ATTACH_TYPE.CGROUP_INET6_GETSOCKNAME, ATTACH_TYPE.CGROUP_UNIX_GETSOCKNAME], '25 46 49 57 81 84-86 99 107-108 122 136-140 160 178 196'],
  [PROG_TYPE.SK_REUSEPORT, undefined, '26 46 68 82 160'],
  [PROG_TYPE.FLOW_DISSECTOR, undefined, '26 136-140 160 178 196'],
  [PROG_TYPE.CGROUP_SYSCTL, undefined, '25 81 101-104 160 186-187'],
  [PROG_TYPE.CGROUP_SOCKOPT, [ATTACH_TYPE.CGROUP_GETSOCKOPT], '25 81 96 107-108 122 186-187'],
  [PROG_TYPE.CGROUP_SOCKOPT, [ATTACH_TYPE.CGROUP_SETSOCKOPT], '25 49 57 81 96 107-108 122 186-187'],
  [PROG_TYPE.SK_LOOKUP, undefined, '25 86 124 136-140 160 178 196'],
  [PROG_TYPE.SYSCALL, undefined, '4 25 27 45-46 67 107-108 111 121 136-140 147 162 166-168 173 178-179 188 196'],
  [PROG_TYPE.NETFILTER, undefined, ''],
  [PROG_TYPE.STRUCT_OPS, undefined, '49 57 107-108 116 160'],
  [PROG_TYPE.TRACING, [ATTACH_TYPE.TRACE_RAW_TP], '4 25 27 45-46 67 107-108 111 121 136-140 147 162 173-174 178 188 196'],
  [PROG_TYPE.TRACING, [ATTACH_TYPE.TRACE_ITER], '4 25 27 45-46 67 107-108 111 121 126-127 136-140 147 150 162 173 178 188 196'],
];

/** `1 3-5` as the set {1, 3, 4, 5}. */
function parse(ranges: string): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const range of ranges.split(' ').filter(Boolean)) {
    const [first, last = first] = range.split('-').map(Number);
    for (let id = first; id <= last; id++) ids.add(id);
  }
  return ids;
}

/** The program's verdict as an error of the system call: not at attach types whose call has none. @kernel cgroup_common_func_proto */
const RETVAL = parse('186-187');
const WITHOUT_RETVAL: readonly number[] = [
  ATTACH_TYPE.CGROUP_INET_INGRESS,
  ATTACH_TYPE.CGROUP_INET_EGRESS,
  ATTACH_TYPE.CGROUP_SOCK_OPS,
];
/** Helpers of PERFMON that programs of system calls may call without. */
const FREE_FOR_SYSCALL = parse('136-140 178 196');

const common = parse(COMMON);
const perfmon = parse(PERFMON);
const parsed = ROWS.map(([progType, attachTypes, helpers]) => ({ progType, attachTypes, own: parse(helpers) }));

/**
 * Whether programs of a type may call helper `id`. An attach type that a program type does not distinguish is ignored;
 * for one that was not measured the type's first row answers.
 */
export function isHelperAllowed(progType: number, attachType: number, id: number, perfmonCapable: boolean): boolean {
  const rows = parsed.filter((row) => row.progType === progType);
  const row = rows.find(({ attachTypes }) => attachTypes === undefined || attachTypes.includes(attachType)) ?? rows[0];
  if (!row) return false;
  if (RETVAL.has(id) && WITHOUT_RETVAL.includes(attachType)) return false;
  const isFree = perfmonCapable || !perfmon.has(id) || (progType === PROG_TYPE.SYSCALL && FREE_FOR_SYSCALL.has(id));
  return isFree && (common.has(id) || row.own.has(id));
}
