/**
 * What a program may return, by program type and expected attach type: the smallest and the largest number; types without
 * a row may return anything.
 *
 * Source: measured on Linux 6.18, where a refusal names the range: programs of each pair that return 5, -1, an unknown
 * number and one of 0 to 3.
 */
import { ATTACH_TYPE as A, PROG_TYPE as P } from '../uapi/index.ts';

/** Smallest and largest number, as signed 64-bit ones. */
export type ReturnRange = readonly [min: number, max: number];

interface Row {
  readonly range?: ReturnRange;
  /** For the attach types that differ. */
  readonly byAttachType?: Readonly<Record<number, ReturnRange>>;
}

/** Refuse or allow. */
const YES_NO: ReturnRange = [0, 1];
/** The same, with a second bit of advice. */
const TWO_BITS: ReturnRange = [0, 3];
/** Only look on. */
const ONE: ReturnRange = [1, 1];

const ROWS: Readonly<Record<number, Row>> = {
  [P.KPROBE]: { byAttachType: { [A.TRACE_KPROBE_SESSION]: YES_NO, [A.TRACE_UPROBE_SESSION]: YES_NO } },
  [P.TRACING]: { byAttachType: { [A.TRACE_ITER]: YES_NO } },
  [P.CGROUP_SKB]: { range: YES_NO, byAttachType: { [A.CGROUP_INET_EGRESS]: TWO_BITS } },
  [P.CGROUP_SOCK]: { range: YES_NO },
  [P.CGROUP_SOCK_ADDR]: {
    range: YES_NO,
    byAttachType: {
      [A.CGROUP_INET4_BIND]: TWO_BITS,
      [A.CGROUP_INET6_BIND]: TWO_BITS,
      [A.CGROUP_UDP4_RECVMSG]: ONE,
      [A.CGROUP_UDP6_RECVMSG]: ONE,
      [A.CGROUP_UNIX_RECVMSG]: ONE,
      [A.CGROUP_INET4_GETPEERNAME]: ONE,
      [A.CGROUP_INET6_GETPEERNAME]: ONE,
      [A.CGROUP_UNIX_GETPEERNAME]: ONE,
      [A.CGROUP_INET4_GETSOCKNAME]: ONE,
      [A.CGROUP_INET6_GETSOCKNAME]: ONE,
      [A.CGROUP_UNIX_GETSOCKNAME]: ONE,
    },
  },
  [P.SOCK_OPS]: { range: YES_NO },
  [P.CGROUP_DEVICE]: { range: YES_NO },
  [P.CGROUP_SYSCTL]: { range: YES_NO },
  [P.CGROUP_SOCKOPT]: { range: YES_NO },
  [P.SK_LOOKUP]: { range: YES_NO },
  [P.NETFILTER]: { range: YES_NO },
};

/** The range for a program type and expected attach type; undefined where anything may be returned. */
export function returnRange(progType: number, attachType: number): ReturnRange | undefined {
  const row = ROWS[progType];
  return row?.byAttachType?.[attachType] ?? row?.range;
}
