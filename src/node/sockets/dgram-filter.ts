/**
 * Filters at `dgram.Socket`: a handler before the one that Node gave the socket's handle asks the filter about each datagram
 * before JavaScript sees it. The program sees what it would see on a UDP socket of Linux: data begins with the UDP header, the
 * network header is at negative offsets, the return value counts the 8 bytes of the UDP header, which are never cut.
 *
 * This reaches into Node (the handle behind the `state symbol`), checked on 20, 22 and 24; where the insides are others,
 * attaching is refused with `UnsupportedError`, and a socket that is bound later emits it as `error`.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import { SOCKET_PLACE } from '../../contracts/index.ts';
import { BpfError, ERRNO, UnsupportedError } from '../../errors/index.ts';
import type { SocketFacts } from '../../sys/index.ts';
import { AF, SOCK_TYPE, TCP_STATE } from '../../uapi/index.ts';
import {
  Devices,
  LOOPBACK_INDEX,
  addressBytes,
  isBroadcast,
  isLoopback,
  isMulticast,
  isLoopbackText,
  readAddress,
  readV4,
} from './addresses.ts';
import { FlowPacket, IPPROTO, PACKET_TYPE, UDP_HLEN } from './ip-headers.ts';
import type { Endpoint } from './ip-headers.ts';
import { FilterPoint } from './user-socket.ts';

const PLACE = { ...SOCKET_PLACE, name: 'a UDP socket' };
/** `connectState` and `bindState` of Node's sockets. */
const CONNECTED = 2;
const BOUND = 2;

type OnMessage = (this: Handle, nread: number, handle: Handle, bytes: Buffer | undefined, from: RemoteInfo) => unknown;

interface Handle {
  fd?: number;
  onmessage?: OnMessage;
}

interface State {
  readonly handle: Handle | null;
  readonly bindState: number;
  readonly connectState: number;
}

/** What Node knows of a socket. @throws UnsupportedError where it is not as expected */
function stateOf(socket: Socket): State {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const state = symbol && (socket as unknown as Record<symbol, Partial<State> | undefined>)[symbol];
  const known = state?.handle !== undefined && state.bindState !== undefined && state.connectState !== undefined;
  if (!known) throw unknownInsides('no state of a socket is found');
  return state as State;
}

function unknownInsides(what: string): UnsupportedError {
  return new UnsupportedError(`filters on dgram sockets of Node ${process.version}, whose insides are others: ${what}`);
}

/** The descriptor of the system's socket; -1: not bound yet, or closed. */
export const datagramDescriptor = (socket: Socket): number => stateOf(socket).handle?.fd ?? -1;

/** On `lo` all packets are to this host. */
function packetType(receiver: Uint8Array, ifindex: number | undefined): number {
  if (ifindex === LOOPBACK_INDEX) return PACKET_TYPE.HOST;
  if (isMulticast(receiver)) return PACKET_TYPE.MULTICAST;
  return isBroadcast(receiver) ? PACKET_TYPE.BROADCAST : PACKET_TYPE.HOST;
}

export class DatagramFilterPoint extends FilterPoint {
  readonly #socket: Socket;
  readonly #state: State;
  readonly #devices = new Devices();
  readonly #wrap = (): void => this.wrapLate(this.#socket, () => this.#wrapHandler());
  #handle: Handle | undefined;
  #before: OnMessage | undefined;
  #after: OnMessage | undefined;
  /** The last datagram's packet, and what it was made for. */
  #packet: FlowPacket | undefined;
  #address = '';
  #port = -1;
  #fromLoopback = false;
  readonly #bytes = new Uint8Array(16);
  #connectState = -1;

  /** @throws UnsupportedError; BpfError EBADF: the socket is closed */
  constructor(socket: Socket) {
    super(PLACE);
    this.#socket = socket;
    this.#state = stateOf(socket);
  }

  get closed(): boolean {
    return this.#state.handle === null;
  }

  protected override renew(): void {
    this.#packet = undefined;
  }

  protected install(): void {
    const { bindState, handle } = this.#state;
    if (handle === null) throw new BpfError(ERRNO.EBADF, 'attach', 'the socket is closed');
    if (bindState === BOUND) this.#wrapHandler();
    else this.#socket.once('listening', this.#wrap);
    this.#socket.once('close', this.close);
  }

  protected uninstall(): void {
    this.#socket.off('listening', this.#wrap);
    this.#socket.off('close', this.close);
    // Where somebody put another handler before this one, this one stays, and passes everything on.
    if (this.#handle !== undefined && this.#handle.onmessage === this.#after) this.#handle.onmessage = this.#before;
    this.#handle = this.#before = this.#after = this.#packet = undefined;
  }

  #wrapHandler(): void {
    const { handle } = this.#state;
    const before = handle?.onmessage;
    if (handle === null || typeof before !== 'function') throw unknownInsides('the handle has no onmessage');
    const filtered = (bytes: Buffer, from: RemoteInfo): number => this.#ask(bytes, from);
    this.#handle = handle;
    this.#before = before;
    this.#after = handle.onmessage = function (nread, self, bytes, from) {
      if (bytes === undefined || nread < 0) return before.call(this, nread, self, bytes, from);
      const kept = filtered(bytes, from);
      if (kept < 0) return undefined;
      return before.call(this, nread, self, kept === bytes.length ? bytes : bytes.subarray(0, kept), from);
    };
  }

  /** @returns bytes to deliver; -1: none */
  #ask(bytes: Buffer, from: RemoteInfo): number {
    const { connectState } = this.#state;
    let packet = this.#packet;
    const known = packet !== undefined && connectState === this.#connectState;
    if (packet === undefined || !known || from.port !== this.#port || from.address !== this.#address)
      packet = this.#packetFrom(from, known ? packet : undefined);
    packet.setBytes(bytes);
    return this.judge(packet, UDP_HLEN, bytes.length);
  }

  /** @param packet of another sender to the same socket */
  #packetFrom({ address, port, family }: RemoteInfo, packet: FlowPacket | undefined): FlowPacket {
    const another = address !== this.#address;
    this.#address = address;
    this.#port = port;
    const connected = this.#state.connectState === CONNECTED;
    if (packet !== undefined && !connected) {
      if (!another) {
        packet.setSourcePort(port);
        return packet;
      }
      const four = family === 'IPv4';
      // The address is in a header, and says by which device the datagram came.
      const same = four && packet.addressSize === 4 && isLoopbackText(address) === this.#fromLoopback;
      if (same && this.filter?.looksBefore === false) {
        packet.setSourcePort(port);
        return packet;
      }
      if (four) readV4(address, this.#bytes, 0);
      const size = four ? 4 : readAddress(address, this.#bytes);
      const alike = size === packet.addressSize && isLoopback(this.#bytes, size) === this.#fromLoopback;
      // A sender that names its device may have come by another.
      if (alike && (four || !address.includes('%'))) {
        packet.setSource(this.#bytes, port);
        return packet;
      }
    }
    this.#connectState = this.#state.connectState;
    this.#packet = this.#newPacket(address, { address: addressBytes(address), port });
    return this.#packet;
  }

  #newPacket(sender: string, source: Endpoint): FlowPacket {
    const own = this.#socket.address();
    const destination = { address: addressBytes(own.address), port: own.port };
    this.#fromLoopback = isLoopback(source.address);
    const ifindex = this.ifindex ?? this.#devices.indexOf(sender, own.address);
    return new FlowPacket({
      protocol: IPPROTO.UDP,
      source,
      destination,
      ifindex,
      type: packetType(destination.address, ifindex),
      socket: this.#facts(own.family, destination, source),
    });
  }

  #facts(family: string, local: Endpoint, remote: Endpoint): SocketFacts {
    const connected = this.#connectState === CONNECTED;
    return {
      family: family === 'IPv6' ? AF.INET6 : AF.INET,
      type: SOCK_TYPE.DGRAM,
      protocol: IPPROTO.UDP,
      state: connected ? TCP_STATE.ESTABLISHED : TCP_STATE.CLOSE,
      localAddress: local.address,
      localPort: local.port,
      remoteAddress: connected ? remote.address : undefined,
      remotePort: connected ? remote.port : undefined,
    };
  }
}
