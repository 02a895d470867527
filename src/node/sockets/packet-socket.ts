/**
 * Packet sockets: link-layer packets of a device of this machine (Linux), or of a capture (everywhere), each run through the
 * socket's filter, which drops it or cuts it.
 *
 *     using socket = await openPacketSocket({ iface: 'lo' });
 *     for await (const packet of socket) console.log(packet.data.length);
 *
 * Packets wait until they are taken: those of a capture in their file, live ones in the kernel's ring, which drops what it
 * has no room for and counts it. One taker at a time gets each packet.
 */
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { SOCKET_PLACE } from '../../contracts/index.ts';
import { loadLibc } from '../../ffi/index.ts';
import { readPackets } from '../pcap.ts';
import { PacketCapture } from './packet-capture.ts';
import type { Pace } from './packet-capture.ts';
import { PacketRing } from './packet-ring.ts';
import type { Direction } from './packet-ring.ts';
import type { PacketSource, ReceivedPacket } from './packet-view.ts';
import { FilterPoint, USER_SOCKET } from './user-socket.ts';
import type { FilteredSocket } from './user-socket.ts';

/** Of every packet socket. */
interface CommonOptions {
  /** Most bytes of a packet that are handed out, 0 or more; all of them. Filters see the whole packet. */
  readonly snaplen?: number;
  /** Called before the first packet can come: a filter that is attached here sees all of them. */
  readonly prepare?: (socket: PacketSocket) => void;
}

/** Packets of a device of this machine. */
export interface LiveOptions extends CommonOptions {
  /** Name of the device; `any`: all of this network namespace. */
  readonly iface: string;
  /** Bytes of the ring, 256 KiB to 1 GiB; 32 MiB. Rounded up to blocks of 256 KiB. */
  readonly ringSize?: number;
  /** Ask the device for packets to other hosts too, until the socket is closed. Not for `any`. */
  readonly promiscuous?: boolean;
  /** Which packets: those that come in, those that go out; both. */
  readonly direction?: Direction;
  /**
   * A loopback device shows each packet as it goes out and as it comes in. False: with direction `both` it is taken once, as it
   * comes in.
   */
  readonly loopbackTwice?: boolean;
}

/** Packets of a capture, as a packet socket on a device of their kind shows them (`captured-link.ts`). */
export interface CaptureOptions extends CommonOptions {
  /** Path of a pcap or pcapng file, `-` for standard input, or a stream of pieces. */
  readonly capture: string | AsyncIterable<Uint8Array>;
  /** What messages call it; the path. */
  readonly name?: string;
  /** `full`: as fast as they are taken; `real`: with the time that was between them; a number: so many times as quick. */
  readonly pace?: Pace;
}

export type PacketSocketOptions = LiveOptions | CaptureOptions;

/** Packets so far. `received` are those delivered and those dropped by the filter. */
export interface PacketSocketStats {
  readonly received: number;
  readonly delivered: number;
  /** Bytes of those delivered, as they were cut. */
  readonly deliveredBytes: number;
  /** By a filter in user space; what a filter in the kernel drops is not told. */
  readonly droppedByFilter: number;
  /** The ring had no room for them. */
  readonly droppedByKernel: number;
}

export interface DrainOptions {
  /** Ends after so many packets; others stay for the next taker. */
  readonly packets?: number;
  /** Ends when it is aborted. */
  readonly signal?: AbortSignal;
}

interface Events {
  /** As long as somebody listens, packets are taken. The packet's bytes stay as they are. */
  packet: [packet: ReceivedPacket];
  /** What ended the packets early. */
  error: [error: Error];
  /** There will be no more packets; `close` follows. Only while somebody listens to `packet`. */
  end: [];
  close: [];
  newListener: [event: string | symbol];
}

/** Why there are no live packets here, in one sentence. */
export class LivePacketsUnavailableError extends Error {
  override readonly name = 'LivePacketsUnavailableError';
}

/**
 * Open a packet socket.
 * @throws LivePacketsUnavailableError where this is not Linux, or koffi is not installed
 * @throws BpfError ENODEV: no such device; EPERM: no CAP_NET_RAW; ENOMEM: no room for the ring
 * @throws TypeError, RangeError: options that make no sense
 */
export async function openPacketSocket(options: PacketSocketOptions): Promise<PacketSocket> {
  const { snaplen = Infinity, prepare } = options;
  if (!(snaplen >= 0)) throw new RangeError(`a snap length of ${snaplen}`);
  const [live, captured] = [options as Partial<LiveOptions>, options as Partial<CaptureOptions>];
  if ((live.iface === undefined) === (captured.capture === undefined))
    throw new TypeError('a packet socket has an iface or a capture');
  const source =
    live.iface === undefined ? openCapture(options as CaptureOptions) : await openRing(options as LiveOptions);
  const socket = new PacketSocket(source, snaplen);
  try {
    prepare?.(socket);
    if (source instanceof PacketRing) source.start();
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

function openCapture({ capture, name, pace = 'full' }: CaptureOptions): PacketCapture {
  const [stream, called] = capture === '-' ? [process.stdin, name ?? 'standard input'] : [capture, name];
  return new PacketCapture(readPackets(stream, called), pace, () => destroy(stream));
}

/** A stream that is waited for would keep the process alive. */
function destroy(stream: CaptureOptions['capture']): void {
  if (stream instanceof Readable) stream.destroy();
}

async function openRing(options: LiveOptions): Promise<PacketRing> {
  if (process.platform !== 'linux')
    throw new LivePacketsUnavailableError(`Live packets need Linux; this is ${process.platform}.`);
  const libc = await loadLibc();
  if (libc === undefined)
    throw new LivePacketsUnavailableError(
      `Live packets need the optional package koffi on x64 or arm64 (this is ${process.arch}): npm install koffi.`,
    );
  return new PacketRing(libc, { ...options, iface: options.iface === 'any' ? undefined : options.iface });
}

/** What packet sockets grant to the programs that filter them. */
const PLACE = { ...SOCKET_PLACE, name: 'a packet socket' };

/** The socket asks its filter itself: nothing is in its way without one. */
class PacketFilterPoint extends FilterPoint {
  closed = false;

  protected override install(): void {}
  protected override uninstall(): void {}

  override end(): void {
    this.closed = true;
    super.end();
  }
}

export class PacketSocket
  extends EventEmitter<Events>
  implements AsyncIterable<ReceivedPacket>, FilteredSocket, Disposable
{
  readonly [USER_SOCKET] = new PacketFilterPoint(PLACE);
  readonly #source: PacketSource;
  readonly #snaplen: number;
  readonly #closing = new AbortController();
  #received = 0;
  #delivered = 0;
  #deliveredBytes = 0;
  #droppedByKernel = 0;
  #ended = false;
  #waiting: Promise<boolean> | undefined;
  #taken = false;
  #paused = false;

  /** `openPacketSocket` makes them. */
  constructor(source: PacketSource, snaplen: number) {
    super();
    this.#source = source;
    this.#snaplen = snaplen;
    this.on('newListener', (event) => {
      if (event === 'packet') this.#flow();
    });
  }

  /** The descriptor of the system's socket; undefined for a capture, -1 once closed. */
  get fd(): number | undefined {
    return this.closed && this.#source.fd !== undefined ? -1 : this.#source.fd;
  }

  get closed(): boolean {
    return this[USER_SOCKET].closed;
  }

  get stats(): PacketSocketStats {
    if (!this.closed) this.#droppedByKernel = this.#source.dropped();
    return {
      received: this.#received,
      delivered: this.#delivered,
      deliveredBytes: this.#deliveredBytes,
      droppedByFilter: this.#received - this.#delivered,
      droppedByKernel: this.#droppedByKernel,
    };
  }

  /** The next packets one by one; their bytes stay as they are. Leaving the loop leaves the socket open. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ReceivedPacket, undefined> {
    const leave = this.#take();
    const next = async (): Promise<IteratorResult<ReceivedPacket, undefined>> => {
      try {
        while (await this.#ready()) {
          const packet = this.#next();
          if (packet !== undefined) return { done: false, value: packet };
        }
      } catch (error) {
        leave();
        throw error;
      }
      leave();
      return { done: true, value: undefined };
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => {
        const packet = this.#next();
        return packet === undefined ? next() : Promise.resolve({ done: false, value: packet });
      },
      return: () => {
        leave();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /**
   * Packets in groups as they come, none empty. Nothing is copied: of live packets `data` is a view of the ring, and the
   * kernel writes there again when the next group is asked for.
   */
  async *batches(): AsyncGenerator<readonly ReceivedPacket[], void, undefined> {
    const leave = this.#take();
    const { view } = this.#source;
    try {
      do {
        const batch: ReceivedPacket[] = [];
        while (this.#source.next()) {
          const kept = this.#sift();
          if (kept >= 0) batch.push(view.packet(kept, false));
        }
        if (batch.length > 0) yield batch;
      } while (await this.#ready());
    } finally {
      leave();
    }
  }

  /**
   * Run packets through the filter and look at none of them: for filters that count in maps.
   * Ends with the capture, when the socket is closed, and as the options say.
   */
  async drain({ packets = Infinity, signal }: DrainOptions = {}): Promise<PacketSocketStats> {
    if (!(packets >= 0)) throw new RangeError(`${packets} packets`);
    const stop = signal && AbortSignal.any([this.#closing.signal, signal]);
    const leave = this.#take();
    try {
      let left = packets;
      do {
        for (; left > 0 && this.#source.next(); left--) this.#sift();
      } while (left > 0 && !signal?.aborted && (await this.#ready(stop)));
    } finally {
      leave();
    }
    return this.stats;
  }

  /** Packets wait, though somebody listens. */
  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    this.#flow();
    return this;
  }

  /** Packets that nobody has taken are gone. Who waits for packets is told that there are none. */
  close(): void {
    if (this.closed) return;
    this.#droppedByKernel = this.#source.dropped();
    this[USER_SOCKET].end();
    this.#closing.abort();
    this.#source.close();
    this.emit('close');
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @returns who lets the packets go to others */
  #take(): () => void {
    if (this.#taken) throw new Error('the packets of this socket are being taken already');
    this.#taken = true;
    return () => void (this.#taken = false);
  }

  /** Count the source's packet and filter it. @returns bytes of it to hand out; -1: it is dropped */
  #sift(): number {
    this.#received++;
    const { view } = this.#source;
    const allowed = this[USER_SOCKET].judge(view, 0, view.end - view.start);
    if (allowed < 0) return -1;
    const kept = Math.min(allowed, this.#snaplen);
    this.#delivered++;
    this.#deliveredBytes += kept;
    return kept;
  }

  /** The next packet at hand that is let through. */
  #next(): ReceivedPacket | undefined {
    const { view, lasting } = this.#source;
    while (this.#source.next()) {
      const kept = this.#sift();
      if (kept >= 0) return view.packet(kept, !lasting);
    }
    return undefined;
  }

  /** Wait for packets, as all do who ask meanwhile. @returns false: there are none, or `stop` was aborted */
  #ready(stop = this.#closing.signal): Promise<boolean> {
    if (this.closed || this.#ended) return Promise.resolve(false);
    this.#waiting ??= this.#wait(stop).finally(() => (this.#waiting = undefined));
    return this.#waiting;
  }

  async #wait(stop: AbortSignal): Promise<boolean> {
    try {
      if (await this.#source.ready(stop)) return !this.closed;
    } catch (error) {
      if (stop.aborted) return false;
      this.#ended = true;
      throw error;
    }
    this.#ended = true;
    return false;
  }

  /** Take packets for those who listen, from the next turn of the event loop on. */
  #flow(): void {
    if (this.#taken || this.closed) return;
    const leave = this.#take();
    setImmediate(() => void this.#emitAll().finally(leave));
  }

  async #emitAll(): Promise<void> {
    while (!this.#paused && !this.closed && this.listenerCount('packet') > 0) {
      const packet = this.#next();
      if (packet !== undefined) this.emit('packet', packet);
      else if (!(await this.#readyOrError())) return;
    }
  }

  /** As `#ready`; what goes wrong, and the end, are events, after which the socket is closed. */
  async #readyOrError(): Promise<boolean> {
    try {
      if (await this.#ready()) return true;
      if (!this.closed) this.emit('end');
      return false;
    } catch (error) {
      this.emit('error', error as Error);
      return false;
    } finally {
      if (this.#ended) this.close();
    }
  }
}
