/**
 * Filters at `net.Server` and `net.Socket`, a contract of this project's own (docs/sockets.md): a server's program runs once for
 * each accepted connection, on the segment that asked for it, and 0 closes the connection before JavaScript sees it; a socket's
 * program runs once for each chunk that was received, which is the data, and its return value cuts the chunk or drops it.
 *
 * The server's part reaches into Node (`onconnection` of its handle), checked on 20, 22 and 24; where the insides are others,
 * attaching is refused with `UnsupportedError`, and a server that listens later emits it as `error`.
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import { SOCKET_PLACE } from '../../contracts/index.ts';
import { BpfError, ERRNO, UnsupportedError } from '../../errors/index.ts';
import type { SocketFacts, SocketPacket } from '../../sys/index.ts';
import { AF, SOCK_TYPE, TCP_STATE } from '../../uapi/index.ts';
import { Devices, addressBytes } from './addresses.ts';
import { FlowPacket, IPPROTO, PACKET_TYPE, TCP_HLEN } from './ip-headers.ts';
import { FilterPoint } from './user-socket.ts';

const SERVER_PLACE = { ...SOCKET_PLACE, name: 'a server' };
const STREAM_PLACE = { ...SOCKET_PLACE, name: 'a stream socket' };

type OnConnection = (this: ServerHandle, error: number, client: ClientHandle | undefined) => unknown;

interface ServerHandle {
  readonly fd?: number;
  onconnection?: OnConnection;
}

interface ClientHandle {
  getpeername?(out: Partial<AddressInfo>): number;
  getsockname?(out: Partial<AddressInfo>): number;
  close(): void;
}

/** Of pipes and Unix sockets: there are no headers. */
class BarePacket implements SocketPacket {
  bytes: Uint8Array = new Uint8Array(0);
  readonly ancillary = {};
  readonly socket: SocketFacts;

  constructor(state: number) {
    this.socket = { family: AF.UNIX, type: SOCK_TYPE.STREAM, protocol: 0, state };
  }

  setBytes(bytes: Uint8Array): void {
    this.bytes = bytes;
  }
}

interface Peers {
  readonly local: AddressInfo;
  readonly remote: AddressInfo;
  /** Index of the device, where it is known. */
  readonly ifindex: number | undefined;
}

/** A packet of a connection to this side; without addresses it has no headers. */
function packetOf(peers: Peers | undefined, state: number, startsBehind: boolean): FlowPacket | BarePacket {
  if (peers === undefined) return new BarePacket(state);
  const { local, remote, ifindex } = peers;
  const source = { address: addressBytes(remote.address), port: remote.port };
  const destination = { address: addressBytes(local.address), port: local.port };
  const listening = state === TCP_STATE.LISTEN;
  const socket: SocketFacts = {
    family: local.family === 'IPv6' ? AF.INET6 : AF.INET,
    type: SOCK_TYPE.STREAM,
    protocol: IPPROTO.TCP,
    state,
    localAddress: destination.address,
    localPort: destination.port,
    remoteAddress: listening ? undefined : source.address,
    remotePort: listening ? undefined : source.port,
  };
  const flow = { protocol: IPPROTO.TCP, source, destination, ifindex, type: PACKET_TYPE.HOST, socket };
  return new FlowPacket(flow, startsBehind);
}

const unknownInsides = (what: string): UnsupportedError =>
  new UnsupportedError(`filters on servers of Node ${process.version}, whose insides are others: ${what}`);

const serverHandle = (server: Server): ServerHandle | undefined =>
  (server as unknown as { _handle?: ServerHandle | null })._handle ?? undefined;

/** The descriptor of the system's socket; -1: none, or not listening. */
export const streamDescriptor = (socket: Server | Socket): number =>
  (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;

export class ServerFilterPoint extends FilterPoint {
  readonly #server: Server;
  readonly #devices = new Devices();
  readonly #wrap = (): void => this.wrapLate(this.#server, () => this.#wrapHandler());
  #handle: ServerHandle | undefined;
  #before: OnConnection | undefined;
  #after: OnConnection | undefined;

  constructor(server: Server) {
    super(SERVER_PLACE);
    this.#server = server;
  }

  protected install(): void {
    if (this.#server.listening) this.#wrapHandler();
    else this.#server.once('listening', this.#wrap);
    this.#server.once('close', this.close);
  }

  protected uninstall(): void {
    this.#server.off('listening', this.#wrap);
    this.#server.off('close', this.close);
    if (this.#handle !== undefined && this.#handle.onconnection === this.#after)
      this.#handle.onconnection = this.#before;
    this.#handle = this.#before = this.#after = undefined;
  }

  /** A server that was closed may listen again, on another socket of the system. */
  get closed(): boolean {
    return false;
  }

  protected override end(): void {
    super.end();
    this.locked = false;
  }

  #wrapHandler(): void {
    const handle = serverHandle(this.#server);
    const before = handle?.onconnection;
    if (handle === undefined || typeof before !== 'function') throw unknownInsides('the handle has no onconnection');
    const accepts = (client: ClientHandle): boolean => this.#ask(client);
    this.#handle = handle;
    this.#before = before;
    this.#after = handle.onconnection = function (error, client) {
      if (error || client === undefined || accepts(client)) return before.call(this, error, client);
      client.close();
      return undefined;
    };
  }

  #ask(client: ClientHandle): boolean {
    const remote: Partial<AddressInfo> = {};
    const local: Partial<AddressInfo> = {};
    client.getpeername?.(remote);
    client.getsockname?.(local);
    const known = remote.address !== undefined && local.address !== undefined;
    const peers = known ? this.#peers(remote as AddressInfo, local as AddressInfo) : undefined;
    const packet = packetOf(peers, TCP_STATE.LISTEN, false);
    return this.judge(packet, peers === undefined ? 0 : TCP_HLEN, 0) >= 0;
  }

  #peers(remote: AddressInfo, local: AddressInfo): Peers {
    return { remote, local, ifindex: this.ifindex ?? this.#devices.indexOf(remote.address, local.address) };
  }
}

type Push = Socket['push'];

/** What is looked at of a socket of an HTTP server. */
interface ServedSocket {
  /** `_consumed`: HTTP's parser was given the handle; it stays true when the socket is upgraded. */
  readonly _handle?: { readonly _consumed?: boolean } | null;
  /** The parser, while it has the socket. */
  readonly parser?: object | null;
}

/** Whether a socket was made with `onread`: then its bytes are not pushed. */
function hasOwnBuffer(socket: Socket): boolean {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'kBuffer');
  return symbol !== undefined && (socket as unknown as Record<symbol, unknown>)[symbol] !== null;
}

export class StreamFilterPoint extends FilterPoint {
  readonly #socket: Socket;
  #before: Push | undefined;
  #after: Push | undefined;
  /** Whether `push` was a property of the socket itself. */
  #own = false;
  #packet: FlowPacket | BarePacket | undefined;

  constructor(socket: Socket) {
    super(STREAM_PLACE);
    this.#socket = socket;
  }

  get closed(): boolean {
    return this.#socket.destroyed;
  }

  protected override renew(): void {
    this.#packet = undefined;
  }

  /** @throws BpfError EBUSY: the bytes do not come this way; EBADF: the socket is closed */
  protected install(): void {
    if (this.#socket.destroyed) throw new BpfError(ERRNO.EBADF, 'attach', 'the socket is closed');
    const { _handle, parser } = this.#socket as unknown as ServedSocket;
    if (_handle?._consumed && parser)
      throw new BpfError(ERRNO.EBUSY, 'attach', 'HTTP reads this socket; filter its server');
    if (hasOwnBuffer(this.#socket))
      throw new BpfError(ERRNO.EBUSY, 'attach', 'the socket reads into a buffer of its own (onread)');
    const before = this.#socket.push.bind(this.#socket);
    this.#own = Object.hasOwn(this.#socket, 'push');
    this.#before = this.#socket.push;
    const ask = (chunk: Uint8Array): number => this.#ask(chunk);
    this.#after = this.#socket.push = function (chunk: unknown, encoding?: BufferEncoding) {
      if (!(chunk instanceof Uint8Array)) return before(chunk, encoding);
      const kept = ask(chunk);
      if (kept < 0) return true; // go on reading
      return before(kept === chunk.length ? chunk : chunk.subarray(0, kept), encoding);
    };
    this.#socket.once('close', this.close);
  }

  protected uninstall(): void {
    this.#socket.off('close', this.close);
    if (this.#socket.push === this.#after) {
      if (this.#own && this.#before !== undefined) this.#socket.push = this.#before;
      else delete (this.#socket as Partial<Pick<Socket, 'push'>>).push;
    }
    this.#before = this.#after = this.#packet = undefined;
  }

  #ask(chunk: Uint8Array): number {
    this.#packet ??= packetOf(this.#peers(), TCP_STATE.ESTABLISHED, true);
    this.#packet.setBytes(chunk);
    return this.judge(this.#packet, 0, chunk.length);
  }

  #peers(): Peers | undefined {
    const { remoteAddress, remotePort, remoteFamily } = this.#socket;
    const local = this.#socket.address();
    if (remoteAddress === undefined || remotePort === undefined || !('address' in local)) return undefined;
    const remote = { address: remoteAddress, port: remotePort, family: remoteFamily ?? '' };
    const ifindex = this.ifindex ?? new Devices().indexOf(remoteAddress, local.address as string);
    return { remote, local: local as AddressInfo, ifindex };
  }
}
