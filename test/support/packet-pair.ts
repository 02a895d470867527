/**
 * Two packet sockets on one device of a network namespace: one to be filtered in this process, one in the kernel. Both see the
 * same frames.
 */
import { writeFileSync } from 'node:fs';
import { openPacketSocket } from '../../src/node/index.ts';
import type { PacketSocket, ReceivedPacket, SocketFilterLink } from '../../src/node/index.ts';
import { openFrameSender } from './frame-sender.ts';
import type { FrameSender } from './frame-sender.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** Where packets are looked at, and where they are sent: they come in, go out, and come in by loopback. */
export const WAYS = [
  { iface: 'vb', through: 'va' },
  { iface: 'va', through: 'va' },
  { iface: 'lo', through: 'lo' },
] as const;
export type Way = (typeof WAYS)[number];

/** Of the devices `va` and `vb`, and of nobody. */
export const MAC = { a: [2, 0, 0, 0, 0, 0xa], b: [2, 0, 0, 0, 0, 0xb], other: [2, 0, 0, 0, 0, 0xc] } as const;
export const BROADCAST = [255, 255, 255, 255, 255, 255] as const;
export const MULTICAST = [1, 0, 0x5e, 0, 0, 1] as const;

/** Make the devices `va` and `vb`, in a namespace where nobody sends anything. */
export function makeDevices(namespace: NetworkNamespace): void {
  writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
  const address = (mac: readonly number[]): string => mac.map((byte) => byte.toString(16)).join(':');
  namespace.ip(`link add va address ${address(MAC.a)} type veth peer name vb address ${address(MAC.b)}`);
  for (const name of ['va', 'vb']) namespace.ip(`link set ${name} up`);
}

/** A frame of `va`: whom it is for, its type and what follows, filled up to a length. */
export function frame(to: readonly number[], rest: readonly number[], length = 0): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 12 + rest.length));
  bytes.set([...to, ...MAC.a, ...rest]);
  for (let i = 12 + rest.length; i < length; i++) bytes[i] = i;
  return bytes;
}

/** The one that says that all others have come. */
const SENTINEL = frame(MAC.b, [0xff, 0xfe, ...new TextEncoder().encode('the last one')]);
const isSentinel = ({ data }: ReceivedPacket): boolean => data[12] === 0xff && data[13] === 0xfe;

/** What is compared of packets, a line each. */
export const lines = (packets: readonly ReceivedPacket[]): string[] =>
  packets.map(({ data, originalLength, protocol, type, ifindex, hatype, vlan }) =>
    JSON.stringify({ data: Buffer.from(data).toString('hex'), originalLength, protocol, type, ifindex, hatype, vlan }),
  );

export class PacketPair {
  readonly iface: string;
  readonly sockets: readonly PacketSocket[];
  readonly #got: ReceivedPacket[][] = [[], []];
  readonly #sender: FrameSender;

  private constructor(iface: string, sockets: readonly PacketSocket[], sender: FrameSender) {
    this.iface = iface;
    this.sockets = sockets;
    this.#sender = sender;
    for (const [i, socket] of sockets.entries()) socket.on('packet', (packet) => this.#got[i].push(packet));
  }

  static async open({ iface, through }: Way): Promise<PacketPair> {
    const options = { iface, ringSize: 1 << 20 };
    const sockets = [await openPacketSocket(options), await openPacketSocket(options)];
    return new PacketPair(iface, sockets, await openFrameSender(through));
  }

  async #until(condition: () => boolean): Promise<void> {
    for (let i = 0; !condition(); i++) {
      if (i > 5000) throw new Error(`waited for nothing: ${JSON.stringify(this.sockets.map(({ stats }) => stats))}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** What comes through the first socket, filtered in user space, and the second, filtered in the kernel. */
  async compare(
    attach: (socket: PacketSocket, where: 'user' | 'kernel') => SocketFilterLink,
    frames: readonly Uint8Array[],
  ): Promise<{ user: string[]; kernel: string[] }> {
    const [user, inKernel] = this.sockets;
    const links = [attach(user, 'user'), attach(inKernel, 'kernel')];
    const { received } = user.stats;
    for (const one of frames) this.#sender.send(one);
    await this.#until(() => user.stats.received === received + frames.length);
    for (const link of links) link.detach();
    this.#sender.send(SENTINEL);
    await this.#until(() => this.#got.every((packets) => packets.some(isSentinel)));
    const results = this.#got.map((packets) => lines(packets.filter((packet) => !isSentinel(packet))));
    for (const packets of this.#got) packets.length = 0;
    return { user: results[0], kernel: results[1] };
  }

  close(): void {
    this.#sender.close();
    for (const socket of this.sockets) socket.close();
  }
}
