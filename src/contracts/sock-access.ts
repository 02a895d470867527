/**
 * Which bytes of sockets a program may load; none may be stored. Measured on Linux 6.18 (x86-64): every offset from -8
 * to 260 and every size was tried on the running kernel, `sock` in four program types.
 */
import { cellMasks } from './access-cells.ts';

/** Structs as programs see them. @kernel struct bpf_sock, bpf_tcp_sock, bpf_xdp_sock */
export type SocketKind = 'sock_common' | 'sock' | 'tcp_sock' | 'xdp_sock';

/** In the notation of access-cells.ts. */
const READ: Readonly<Record<SocketKind, Uint8Array>> = {
  sock_common: cellMasks('ws.4 n5 stn5 ss'),
  sock: cellMasks('wsssww n5 stn5 ss'),
  tcp_sock: cellMasks('w20 qwqw5'),
  xdp_sock: cellMasks('w'),
};

/** Whether `size` bytes at `off` may be loaded. */
export function canReadSocket(kind: SocketKind, off: number, size: number): boolean {
  const masks = READ[kind];
  return off >= 0 && off < masks.length && (masks[off] & size) !== 0;
}

/**
 * Loads that the walk lets pass and the conversion to loads of the kernel's own struct then stumbles over, as it does in
 * Linux 6.18: the upper halves of bytes_received and bytes_acked.
 */
export function isUnconvertible(kind: SocketKind, off: number): boolean {
  return kind === 'tcp_sock' && (off === 84 || off === 92);
}
