/**
 * The socket behind a packet of a test run: `__sk_buff.sk`, and the fields of `__sk_buff` that show it to cgroup_skb programs. It is closed,
 * has no ports, and the addresses of an IPv4 or IPv6 frame: the source is its own. Measured on Linux 6.18.
 */
import { SK_BUFF, offsetsOf } from '../contracts/index.ts';
import { TCP_STATE } from '../uapi/index.ts';
import type { Cpu } from './api.ts';

/** Bytes of @kernel struct bpf_sock */
export const SOCK_SIZE = 80;
/** Offsets in it. */
export const SOCK = {
  family: 4,
  type: 8,
  protocol: 12,
  src_ip4: 24,
  src_ip6: 28,
  src_port: 44,
  dst_port: 48,
  dst_ip4: 52,
  dst_ip6: 56,
  state: 72,
  rx_queue_mapping: 76,
} as const;

const CTX = offsetsOf(SK_BUFF, ['family', 'remote_ip4', 'local_ip4', 'remote_ip6', 'local_ip6']);

interface Addresses {
  readonly family: number;
  readonly size: number;
  /** Where in the frame. */
  readonly source: number;
  readonly own: number;
  readonly ownCtx: number;
  readonly other: number;
  readonly otherCtx: number;
}

/** By ether type as `protocol` shows it. @kernel AF_INET, AF_INET6 */
const FAMILIES: Readonly<Record<number, Addresses>> = {
  0x0008: {
    family: 2,
    size: 4,
    source: 26,
    own: SOCK.src_ip4,
    ownCtx: CTX.local_ip4,
    other: SOCK.dst_ip4,
    otherCtx: CTX.remote_ip4,
  },
  0xdd86: {
    family: 10,
    size: 16,
    source: 22,
    own: SOCK.src_ip6,
    ownCtx: CTX.local_ip6,
    other: SOCK.dst_ip6,
    otherCtx: CTX.remote_ip6,
  },
};

/** Make the socket of a frame, and show it in the context, which has been cleared. */
export function fillSocket({ host, sock, ctx }: Cpu, frame: Uint8Array, protocol: number): void {
  const { bytes, view } = host.space;
  bytes.fill(0, sock.base, sock.base + SOCK_SIZE);
  view.setUint32(sock.base + SOCK.state, TCP_STATE.CLOSE, true);
  view.setInt32(sock.base + SOCK.rx_queue_mapping, -1, true);
  const addresses = FAMILIES[protocol];
  if (addresses === undefined) return;
  const { family, size, source } = addresses;
  // A frame of a packet socket may end before them.
  if (frame.length < source + 2 * size) return;
  view.setUint32(sock.base + SOCK.family, family, true);
  view.setUint32(ctx.base + CTX.family, family, true);
  const own = frame.subarray(source, source + size);
  const other = frame.subarray(source + size, source + 2 * size);
  bytes.set(own, sock.base + addresses.own);
  bytes.set(own, ctx.base + addresses.ownCtx);
  bytes.set(other, sock.base + addresses.other);
  bytes.set(other, ctx.base + addresses.otherCtx);
}
