/**
 * Filters at sockets, the same call in user space and on Linux: the program says where. In user space it runs in this process,
 * before JavaScript sees a packet; a program that the linux backend loaded is attached to the system's socket itself
 * (setsockopt(2)), and so are classic instructions given with `sys`.
 *
 *     using link = attachSocketFilter(socket, collection.programs.filter);
 */
import { Socket as DatagramSocket } from 'node:dgram';
import { Server, Socket } from 'node:net';
import { encodeClassic } from '../../cbpf/index.ts';
import type { ClassicInstruction } from '../../cbpf/index.ts';
import { BpfError, ERRNO } from '../../errors/index.ts';
import { setSocketOption } from '../../kernel/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import { Program } from '../../loader/index.ts';
import type { BpfSys, UserSocket } from '../../sys/index.ts';
import { SO, SO_NAMES } from '../../uapi/index.ts';
import { DatagramFilterPoint, datagramDescriptor } from './dgram-filter.ts';
import { ServerFilterPoint, StreamFilterPoint, streamDescriptor } from './net-filter.ts';
import { FilterPoint, USER_SOCKET } from './user-socket.ts';
import type { FilteredSocket, SocketFilterStats } from './user-socket.ts';

/** What filters are attached to. */
export type FilterTarget = DatagramSocket | Server | Socket | FilteredSocket;

export interface SocketFilterOptions {
  /** For classic instructions: where they run. Default: in user space, interpreted. */
  readonly sys?: BpfSys;
  /** Linux: the program chooses the socket of a group that shares a port (SO_REUSEPORT), instead of filtering. */
  readonly reuseport?: boolean;
  /** Nobody can replace or detach the filter any more, until the socket is closed. @kernel SO_LOCK_FILTER */
  readonly lock?: boolean;
  /** User space: instructions that a run may take, beyond which the packet is dropped; 1,000,000. Infinity: no end. */
  readonly fuel?: number;
  /** User space: index of the device that packets come in by, where it cannot be found out. */
  readonly ifindex?: number;
}

/** A filter at a socket. */
export interface SocketFilterLink {
  /** False once it is detached or replaced, or the socket is closed. */
  readonly attached: boolean;
  /** What it has done; undefined on Linux, which does not count. */
  readonly stats: SocketFilterStats | undefined;
  /** The socket is as it was. Does nothing once `attached` is false. @throws BpfError EPERM: the filter is locked */
  detach(): void;
  /** `detach()`; a locked filter stays. */
  [Symbol.dispose](): void;
}

/**
 * Attach a program to a socket, in place of the one before.
 * @param program of type socket_filter, or the instructions of a classic one
 * @throws BpfError EINVAL: no program of that type, no valid classic program, the fuel; EACCES: it needs what the place
 *   does not grant, by name; EPERM: the filter is locked; EBADF: the socket or the program is closed, or, on Linux, not
 *   bound yet; EBUSY: HTTP reads the socket; EOPNOTSUPP: what only Linux can
 * @throws UnsupportedError: Node's insides are not as expected
 * @throws TypeError: no socket, no program
 */
export function attachSocketFilter(
  socket: FilterTarget,
  program: Program | readonly ClassicInstruction[],
  options: SocketFilterOptions = {},
): SocketFilterLink {
  const { fuel } = options;
  if (fuel !== undefined && !(typeof fuel === 'number' && fuel >= 1))
    throw new BpfError(ERRNO.EINVAL, 'attach', `fuel is a number from 1 on, not ${String(fuel)}`);
  const classic = Array.isArray(program);
  if (!classic && !(program instanceof Program)) throw new TypeError('no program, and no classic instructions');
  const sys = classic ? options.sys : (program as Program).sys;
  const value = classic ? encodeClassic(program as ClassicInstruction[]) : (program as Program).fd;
  const option = optionFor(classic, options.reuseport);
  if (sys !== undefined && sys.backend !== 'userspace') return attachInLinux(sys, socket, option, value, options);
  return attachInUserSpace(sys as Kernel | undefined, socket, option, value, options);
}

function optionFor(classic: boolean, reuseport = false): number {
  if (reuseport) return classic ? SO.ATTACH_REUSEPORT_CBPF : SO.ATTACH_REUSEPORT_EBPF;
  return classic ? SO.ATTACH_FILTER : SO.ATTACH_BPF;
}

const NO_SOCKET = 'no socket that takes filters';

/** Sockets of Node's that have had a filter. */
const points = new WeakMap<object, DatagramFilterPoint | ServerFilterPoint | StreamFilterPoint>();

/**
 * What `setsockopt` of a userspace kernel takes for a socket.
 * @throws TypeError: no socket; UnsupportedError as `attachSocketFilter`
 */
export function userSocket(socket: FilterTarget): UserSocket {
  if (typeof socket !== 'object' || socket === null) throw new TypeError(NO_SOCKET);
  if (USER_SOCKET in socket) return socket[USER_SOCKET];
  const known = points.get(socket);
  if (known !== undefined) return known;
  const point = newPoint(socket);
  points.set(socket, point);
  return point;
}

function newPoint(socket: object): DatagramFilterPoint | ServerFilterPoint | StreamFilterPoint {
  if (socket instanceof DatagramSocket) return new DatagramFilterPoint(socket);
  if (socket instanceof Server) return new ServerFilterPoint(socket);
  if (socket instanceof Socket) return new StreamFilterPoint(socket);
  throw new TypeError(NO_SOCKET);
}

function attachInUserSpace(
  kernel: Kernel | undefined,
  socket: FilterTarget,
  option: number,
  value: number | Uint8Array,
  options: SocketFilterOptions,
): SocketFilterLink {
  const point = userSocket(socket);
  const set = (name: number, argument: number | Uint8Array): void =>
    kernel === undefined
      ? setSocketOption(undefined, point, name, argument)
      : kernel.setSocketOption(point, name, argument);
  if (point instanceof FilterPoint) point.fuel = options.fuel;
  set(option, value);
  if (point instanceof FilterPoint) point.ifindex = options.ifindex; // packets are made anew after this
  if (options.lock) set(SO.LOCK_FILTER, 1);
  const { filter } = point;
  const stats = (point as { stats?: SocketFilterStats }).stats;
  return new Link(
    () => filter !== undefined && point.filter === filter && !point.closed,
    () => set(SO.DETACH_FILTER, 0),
    stats,
  );
}

/** The link that each socket of the system was attached with last, by what it is attached as. */
const links = { filter: new WeakMap<object, object>(), reuseport: new WeakMap<object, object>() };

function attachInLinux(
  sys: BpfSys,
  socket: FilterTarget,
  option: number,
  value: number | Uint8Array,
  { reuseport = false, lock = false }: SocketFilterOptions,
): SocketFilterLink {
  const set = (name: number, argument: number | Uint8Array): void => {
    const fd = descriptorOf(socket);
    if (fd < 0)
      throw new BpfError(ERRNO.EBADF, 'setsockopt', 'the socket has no descriptor: it is closed, or not bound');
    const result = sys.setsockopt(fd, name, argument);
    if (result < 0) throw new BpfError(result, SO_NAMES[name]);
  };
  set(option, value);
  if (lock) set(SO.LOCK_FILTER, 1);
  const latest = reuseport ? links.reuseport : links.filter;
  const link: Link = new Link(
    () => latest.get(socket) === link && descriptorOf(socket) >= 0,
    () => {
      set(reuseport ? SO.DETACH_REUSEPORT_BPF : SO.DETACH_FILTER, 0);
      latest.delete(socket);
    },
    undefined,
  );
  latest.set(socket, link);
  return link;
}

/** Of the system's socket; -1: none. */
function descriptorOf(socket: FilterTarget): number {
  if (typeof socket !== 'object' || socket === null) throw new TypeError(NO_SOCKET);
  if (USER_SOCKET in socket) return socket.fd ?? -1;
  if (socket instanceof DatagramSocket) return datagramDescriptor(socket);
  if (socket instanceof Server || socket instanceof Socket) return streamDescriptor(socket);
  throw new TypeError(NO_SOCKET);
}

class Link implements SocketFilterLink {
  readonly stats: SocketFilterStats | undefined;
  readonly #isAttached: () => boolean;
  readonly #detach: () => void;

  constructor(isAttached: () => boolean, detach: () => void, stats: SocketFilterStats | undefined) {
    this.#isAttached = isAttached;
    this.#detach = detach;
    this.stats = stats;
  }

  get attached(): boolean {
    return this.#isAttached();
  }

  detach(): void {
    if (this.attached) this.#detach();
  }

  [Symbol.dispose](): void {
    try {
      this.detach();
    } catch (error) {
      if (!(error instanceof BpfError && error.errno === ERRNO.EPERM)) throw error;
    }
  }
}
