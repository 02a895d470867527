/** What sockets of this process, Node's and ours, have in common where filters are attached to them. */
import type { EventEmitter } from 'node:events';
import type { SocketFilter, SocketPacket, UserSocket } from '../../sys/index.ts';
import type { Place } from '../../contracts/index.ts';

/** Where an object that takes filters keeps what setsockopt is given; a packet socket has it. */
export const USER_SOCKET: unique symbol = Symbol.for('skep.userSocket') as never;

/** An object that takes filters. */
export interface FilteredSocket {
  readonly [USER_SOCKET]: UserSocket;
  /** The descriptor of a socket of the system, for the linux backend; absent or negative: there is none. */
  readonly fd?: number;
}

/** What a filter has done since it was attached. Of a server a packet is a connection, of a stream a chunk. */
export interface SocketFilterStats {
  /** Packets that the program was asked about. */
  readonly packets: number;
  readonly dropped: number;
  /** Packets that were delivered shorter than they came. */
  readonly trimmed: number;
  /** Bytes of payload that came, and that were delivered. */
  readonly bytes: number;
  readonly bytesDelivered: number;
  /** Of `dropped`: since a program ran already, or took more instructions than it may. */
  readonly failures: number;
}

class Counts implements SocketFilterStats {
  packets = 0;
  dropped = 0;
  trimmed = 0;
  bytes = 0;
  bytesDelivered = 0;
  failures = 0;
}

/** A socket of Node's, which asks its filter while it has one: the handler that is put in its way goes with the last filter. */
export abstract class FilterPoint implements UserSocket {
  readonly place: Place;
  locked = false;
  fuel: number | undefined;
  /** Given by whoever attaches: index of the device; undefined where it has to be found out. */
  ifindex: number | undefined;
  /** Of the filter that is attached, or was last. */
  stats = new Counts();
  /** For the socket's `close`. */
  protected readonly close = (): void => this.end();
  #filter: SocketFilter | undefined;

  constructor(place: Place) {
    this.place = place;
  }

  get filter(): SocketFilter | undefined {
    return this.#filter;
  }

  set filter(filter: SocketFilter | undefined) {
    const before = this.#filter;
    if (before === undefined && filter !== undefined) this.install();
    this.#filter = filter;
    this.renew();
    if (filter !== undefined) this.stats = new Counts();
    else if (before !== undefined) this.uninstall();
  }

  /** Put a handler in the socket's way. @throws BpfError, UnsupportedError: then the socket has no filter */
  protected abstract install(): void;
  /** The socket is again as it was. */
  protected abstract uninstall(): void;

  /** Packets are made anew, for another filter. */
  protected renew(): void {}

  /** Whether there is no socket any more, which its filter may not have heard of. */
  abstract get closed(): boolean;

  /** The socket is closed: its filter goes. */
  protected end(): void {
    const { filter } = this;
    this.filter = undefined;
    filter?.close();
  }

  /** Put the handler in the way of a socket that was not ready before: where that fails, it is the socket's error. */
  protected wrapLate(socket: EventEmitter, wrap: () => void): void {
    try {
      wrap();
    } catch (error) {
      this.end();
      socket.emit('error', error);
    }
  }

  /**
   * Ask the filter about a packet, and count it.
   * @param header bytes of what the program sees as data that are not delivered; they are never cut
   * @param length bytes that can be delivered
   * @returns bytes to deliver; -1: none, it is dropped
   */
  judge(packet: SocketPacket, header: number, length: number): number {
    const { stats } = this;
    const filter = this.#filter;
    if (filter === undefined) return length;
    stats.packets++;
    stats.bytes += length;
    const kept = filter.run(packet);
    if (kept === 0) {
      stats.dropped++;
      stats.failures = filter.failures;
      return -1;
    }
    if (kept >= header + length) {
      stats.bytesDelivered += length;
      return length;
    }
    const delivered = Math.max(kept - header, 0);
    stats.bytesDelivered += delivered;
    if (delivered < length) stats.trimmed++;
    return delivered;
  }
}
