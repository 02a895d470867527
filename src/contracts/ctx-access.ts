/**
 * Which bytes of its context a program may load and store, by program type and expected attach type, and what a load
 * gives. Measured on Linux 6.18 (x86-64): every offset and size of each pair was tried on the running kernel.
 * `read` and `write` are in the notation of access-cells.ts.
 */
import { PROG_TYPE } from '../uapi/index.ts';
import { cellMasks } from './access-cells.ts';

interface Row {
  readonly progType: number;
  /** Those that share the row; the first row of a type also answers for attach types that no row names. */
  readonly attachTypes: readonly number[];
  readonly read: string;
  readonly write: string;
  /** Kind of pointer that a load at an offset gives; all other loads give numbers. */
  readonly pointers: Readonly<Record<number, string>>;
  /** Aligned loads before the context pass too, as they do in Linux 6.18. */
  readonly belowZero?: boolean;
}

// prettier-ignore
const ROWS: readonly Row[] = [
  { progType: PROG_TYPE.SOCKET_FILTER, attachTypes: [0], read: 'n12 dndnnn...n.19 nq.n', write: '.12 dndnn', pointers: { 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.KPROBE, attachTypes: [0], read: '(dn)21', write: '', pointers: {} },
  { progType: PROG_TYPE.SCHED_CLS, attachTypes: [0], read: 'n12 dndn4 wwn.13 w..q.nnq.nbq', write: '..ww.4 w..wdndnn.w.19 q', pointers: { 76: 'pkt', 80: 'pkt_end', 140: 'pkt_meta', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.SCHED_ACT, attachTypes: [0], read: 'n12 dndn4 wwn.13 w..q.nnq.nbq', write: '..ww.4 w..wdndnn.w.19 q', pointers: { 76: 'pkt', 80: 'pkt_end', 140: 'pkt_meta', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.TRACEPOINT, attachTypes: [0], read: '..(dn)1023', write: '', pointers: {}, belowZero: true },
  { progType: PROG_TYPE.XDP, attachTypes: [0], read: 'w5', write: '', pointers: { 0: 'pkt', 4: 'pkt_end', 8: 'pkt_meta' } },
  { progType: PROG_TYPE.XDP, attachTypes: [33], read: 'w6', write: '', pointers: { 0: 'pkt', 4: 'pkt_end', 8: 'pkt_meta' } },
  { progType: PROG_TYPE.PERF_EVENT, attachTypes: [0], read: '(q.)21 dndn', write: '', pointers: {} },
  { progType: PROG_TYPE.CGROUP_SKB, attachTypes: [0, 1], read: 'n12 dndnnn.wwnnw10 nn...q..nq.n.q', write: '..w.5 w...dndnn.21 q', pointers: { 76: 'pkt', 80: 'pkt_end', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.CGROUP_SOCK, attachTypes: [2, 34], read: 'wsssww.6 tn5 ss', write: 'w...ww', pointers: {} },
  { progType: PROG_TYPE.CGROUP_SOCK, attachTypes: [12], read: '.sss..n.4 stn5 ss', write: '', pointers: {} },
  { progType: PROG_TYPE.CGROUP_SOCK, attachTypes: [13], read: '.sss...n4 stn5 ss', write: '', pointers: {} },
  { progType: PROG_TYPE.LWT_IN, attachTypes: [0], read: 'n12 dndnnn.wwn.19 nq.n', write: '..w.5 w...dndnn', pointers: { 76: 'pkt', 80: 'pkt_end', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.LWT_OUT, attachTypes: [0], read: 'n12 dndnnn.wwn.19 nq.n', write: '..w.5 w...dndnn', pointers: { 76: 'pkt', 80: 'pkt_end', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.LWT_XMIT, attachTypes: [0], read: 'n12 dndnnn.wwn.19 nq.n', write: '..w.5 w...dndnn', pointers: { 76: 'pkt', 80: 'pkt_end', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.LWT_SEG6LOCAL, attachTypes: [0], read: 'n12 dndnnn.wwn.19 nq.n', write: '..w.5 w...dndnn', pointers: { 76: 'pkt', 80: 'pkt_end', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.SOCK_OPS, attachTypes: [3], read: 'w42 (q.)5 wsq', write: '.w.39 w', pointers: { 184: 'sock_or_null', 192: 'pkt', 200: 'pkt_end' } },
  { progType: PROG_TYPE.SK_SKB, attachTypes: [4, 5], read: 'nn.n9 dndnnn.wwnnw10 nn.6 nq.n', write: '.8 w..w', pointers: { 76: 'pkt', 80: 'pkt_end', 168: 'sock_common_or_null' } },
  { progType: PROG_TYPE.CGROUP_DEVICE, attachTypes: [6], read: 'nww', write: '', pointers: {} },
  { progType: PROG_TYPE.SK_MSG, attachTypes: [7], read: 'q.q.w14 q', write: '', pointers: { 0: 'pkt', 8: 'pkt_end', 72: 'sock' } },
  { progType: PROG_TYPE.RAW_TRACEPOINT, attachTypes: [0], read: '(dn)12', write: '', pointers: {} },
  { progType: PROG_TYPE.RAW_TRACEPOINT_WRITABLE, attachTypes: [0], read: 'mn(dn)11', write: '', pointers: { 0: 'tp_buffer' } },
  { progType: PROG_TYPE.CGROUP_SOCK_ADDR, attachTypes: [8, 10, 19, 29, 31], read: 'wn.4 nwww.6 q', write: '.w.4 w', pointers: { 64: 'sock' } },
  { progType: PROG_TYPE.CGROUP_SOCK_ADDR, attachTypes: [9, 11, 20, 30, 32], read: 'w.dndnnwww.6 q', write: '..xwxww', pointers: { 64: 'sock' } },
  { progType: PROG_TYPE.CGROUP_SOCK_ADDR, attachTypes: [14], read: 'wn.4 nwwwn.5 q', write: '.w.4 w...w', pointers: { 64: 'sock' } },
  { progType: PROG_TYPE.CGROUP_SOCK_ADDR, attachTypes: [15], read: 'w.dndnnwww.ndnn.q', write: '..xwxww.4 wxww', pointers: { 64: 'sock' } },
  { progType: PROG_TYPE.CGROUP_SOCK_ADDR, attachTypes: [49, 50, 51, 52, 53], read: 'w.5 nwww.6 q', write: '.6 w', pointers: { 64: 'sock' } },
  { progType: PROG_TYPE.SK_REUSEPORT, attachTypes: [39, 40], read: 'q.q.nhnnw.q.q', write: '', pointers: { 0: 'pkt', 8: 'pkt_end', 40: 'sock', 48: 'sock_common_or_null' } },
  { progType: PROG_TYPE.FLOW_DISSECTOR, attachTypes: [17], read: '.19 ww.15 q', write: '', pointers: { 76: 'pkt', 80: 'pkt_end', 144: 'flow_keys' } },
  { progType: PROG_TYPE.CGROUP_SYSCTL, attachTypes: [18], read: 'nn', write: '.w', pointers: {} },
  { progType: PROG_TYPE.CGROUP_SOCKOPT, attachTypes: [21], read: 'q.q.q.w4', write: '.8 ww', pointers: { 0: 'sock', 8: 'pkt', 16: 'pkt_end' } },
  { progType: PROG_TYPE.CGROUP_SOCKOPT, attachTypes: [22], read: 'q.q.q.www', write: '.6 www', pointers: { 0: 'sock', 8: 'pkt', 16: 'pkt_end' } },
  { progType: PROG_TYPE.SK_LOOKUP, attachTypes: [36], read: 'q.n15', write: '', pointers: { 0: 'sock_or_null' } },
  { progType: PROG_TYPE.SYSCALL, attachTypes: [0], read: '(dn)4096', write: '(dn)4096', pointers: {} },
  { progType: PROG_TYPE.NETFILTER, attachTypes: [45], read: 'q.q', write: '', pointers: { 0: 'trusted_ptr_nf_hook_state', 8: 'trusted_ptr_sk_buff' } },
];

export interface CtxAccess {
  /** Whether `size` bytes at `off` may be loaded. */
  canRead(off: number, size: number): boolean;
  canWrite(off: number, size: number): boolean;
  /** The kind of pointer that a load at `off` gives (`pkt`, `sock_common_or_null`), undefined for a number. */
  pointerAt(off: number): string | undefined;
}

function build(row: Row): CtxAccess {
  const read = cellMasks(row.read);
  const write = cellMasks(row.write);
  const allows = (masks: Uint8Array, off: number, size: number): boolean =>
    off >= 0 && off < masks.length && (masks[off] & size) !== 0;
  return {
    canRead: (off, size) => (off < 0 ? row.belowZero === true && off % size === 0 : allows(read, off, size)),
    canWrite: (off, size) => allows(write, off, size),
    pointerAt: (off) => row.pointers[off],
  };
}

const built = new Map<string, CtxAccess | undefined>();

/** The context's rules for a program type and expected attach type; undefined for types without a context of their own. */
export function ctxAccess(progType: number, attachType: number): CtxAccess | undefined {
  const key = `${progType}/${attachType}`;
  if (!built.has(key)) {
    const rows = ROWS.filter((row) => row.progType === progType);
    const row = rows.find(({ attachTypes }) => attachTypes.includes(attachType)) ?? rows[0];
    built.set(key, row && build(row));
  }
  return built.get(key);
}
