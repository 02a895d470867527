/**
 * Sockets of this process as the userspace subsystem sees them: setsockopt puts a filter there, the socket asks it about
 * each packet.
 */
import type { ClassicPacket } from '../cbpf/index.ts';
import type { Place } from '../contracts/index.ts';

/** The socket itself, as `__sk_buff.sk` shows it. @kernel struct bpf_sock */
export interface SocketFacts {
  /** @kernel AF_INET (2), AF_INET6 (10), AF_PACKET (17) */
  readonly family: number;
  /** @kernel SOCK_STREAM (1), SOCK_DGRAM (2), SOCK_RAW (3) */
  readonly type: number;
  /** Number of IP, or 0. */
  readonly protocol: number;
  /** @kernel TCP_ESTABLISHED (1), TCP_CLOSE (7), TCP_LISTEN (10) */
  readonly state: number;
  /** 4 or 16 bytes; absent: zeros. */
  readonly localAddress?: Uint8Array;
  readonly localPort?: number;
  readonly remoteAddress?: Uint8Array;
  readonly remotePort?: number;
}

/**
 * A packet at a socket. `ancillary` and `socket` are objects that never change: others take their place. A packet that is its
 * own `ancillary` may change all the same.
 */
export interface SocketPacket extends ClassicPacket {
  /** What comes before `bytes`; `start`, `network` and `link` then count from its first byte. */
  readonly headers?: Uint8Array;
  /** Another number where `headers` have changed since the last packet with the same array; absent: they never change. */
  readonly revision?: number;
  /** Without `headers`: index in `bytes` behind the packet's last byte; absent: all of them are the packet's. */
  readonly end?: number;
  /** Absent: `__sk_buff.sk` is NULL. */
  readonly socket?: SocketFacts;
}

/** A filter at a socket, which holds its program. */
export interface SocketFilter {
  /** @returns bytes of the packet that are let through, unsigned 32 bits; 0 drops it. Never throws. */
  run(packet: SocketPacket): number;
  /** Packets that were dropped since a program ran already, or took more instructions than it may. */
  readonly failures: number;
  /** False: it looks at no bytes before the data, so headers there may be another packet's. */
  readonly looksBefore?: boolean;
  /** Let go of the program. Whoever takes the filter off its socket calls it, once. */
  close(): void;
}

/** A socket that takes filters in user space. */
export interface UserSocket {
  /** What it grants to programs. */
  readonly place: Place;
  /** Set by setsockopt alone, which closes the one before; by the socket when it closes. */
  filter: SocketFilter | undefined;
  /** No filter can be attached, replaced or detached any more. @kernel SO_LOCK_FILTER */
  locked: boolean;
  /** Instructions that a run may take; absent: 1,000,000. Infinity: no end. */
  readonly fuel?: number;
  /** There is no socket any more. */
  readonly closed?: boolean;
}
