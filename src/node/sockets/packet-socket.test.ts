/** Packet sockets fed by captures: what is shown by link type, pace, takers, back-pressure, what goes wrong. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { parseClassic } from '../../cbpf/index.ts';
import { FormatError } from '../../errors/index.ts';
import { encode } from '../../isa/index.ts';
import { createKernel } from '../../kernel/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import { Program } from '../../loader/index.ts';
import { LINKTYPE, encodePcap } from '../../pcap/index.ts';
import type { BpfSys } from '../../sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../uapi/index.ts';
import { attachSocketFilter } from './attach.ts';
import { openPacketSocket } from './packet-socket.ts';
import type { CaptureOptions } from './packet-socket.ts';
import { ARPHRD, PACKET_TYPE } from './link-layer.ts';
import type { ReceivedPacket } from './packet-view.ts';

const bytes = (...parts: readonly (number | Uint8Array)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part])));
const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);
const ip4 = bytes(0x45, new Uint8Array(19), 1, 2, 3);
const ip6 = bytes(0x60, new Uint8Array(39), 9);
const frame = (...rest: readonly (number | Uint8Array)[]): Uint8Array => bytes(mac(1), mac(2), ...rest);

/** A capture of packets a millisecond apart, in pieces of `size` bytes. */
function capture(linkType: number, packets: readonly Uint8Array[], size = 1 << 16): Readable {
  const records = packets.map((data, i) => ({ data, seconds: 1000, nanoseconds: i * 1e6 }));
  const file = encodePcap(records, { linkType });
  return Readable.from(pieces(file, size));
}

function* pieces(file: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
}

const open = (linkType: number, packets: readonly Uint8Array[], options: Partial<CaptureOptions> = {}) =>
  openPacketSocket({ capture: capture(linkType, packets), ...options });

async function shown(linkType: number, packet: Uint8Array): Promise<ReceivedPacket> {
  const socket = await open(linkType, [packet]);
  for await (const one of socket) return one;
  throw new Error('no packet');
}

describe('packets of a capture as a device of their kind shows them', () => {
  it('Ethernet', async () => {
    const packet = await shown(LINKTYPE.ETHERNET, frame(8, 0, ip4));
    expect(packet).toMatchObject({ protocol: 0x800, type: PACKET_TYPE.HOST, ifindex: 1, hatype: ARPHRD.ETHER });
    expect(packet).toMatchObject({ linkType: 1, seconds: 1000, originalLength: 37, vlan: undefined });
    expect(packet.data).toEqual(frame(8, 0, ip4));
    const to = (address: readonly number[]) => shown(LINKTYPE.ETHERNET, bytes(Uint8Array.from(address), mac(2), 8, 6));
    expect((await to([255, 255, 255, 255, 255, 255])).type).toBe(PACKET_TYPE.BROADCAST);
    expect((await to([1, 0, 0x5e, 0, 0, 1])).type).toBe(PACKET_TYPE.MULTICAST);
  });

  it('Ethernet frames with a length', async () => {
    expect((await shown(LINKTYPE.ETHERNET, frame(0, 3, 0x42, 0x42, 3))).protocol).toBe(4);
    expect((await shown(LINKTYPE.ETHERNET, frame(0, 3, 255, 255, 3))).protocol).toBe(1);
    expect((await shown(LINKTYPE.ETHERNET, mac(1))).protocol).toBe(0);
  });

  it('VLAN tags beside the frame, the outermost only', async () => {
    const packet = await shown(LINKTYPE.ETHERNET, frame(0x88, 0xa8, 0x60, 5, 0x81, 0, 0, 7, 8, 0, ip4));
    expect(packet.vlan).toEqual({ tci: 0x6005, tpid: 0x88a8 });
    expect(packet.data).toEqual(frame(0x81, 0, 0, 7, 8, 0, ip4));
    expect(packet).toMatchObject({ protocol: 0x8100, originalLength: 41 });
  });

  it('BSD loopback as lo', async () => {
    const lo = bytes(new Uint8Array(12), 0x86, 0xdd, ip6);
    for (const family of [24, 28, 30]) {
      expect((await shown(LINKTYPE.NULL, bytes(family, 0, 0, 0, ip6))).data).toEqual(lo);
      expect((await shown(LINKTYPE.NULL, bytes(0, 0, 0, family, ip6))).data).toEqual(lo);
      expect((await shown(LINKTYPE.LOOP, bytes(0, 0, 0, family, ip6))).data).toEqual(lo);
    }
    const packet = await shown(LINKTYPE.NULL, bytes(2, 0, 0, 0, ip4));
    expect(packet).toMatchObject({ linkType: LINKTYPE.ETHERNET, hatype: ARPHRD.LOOPBACK, protocol: 0x800 });
    expect(packet.originalLength).toBe(14 + ip4.length);
  });

  it('raw IP', async () => {
    for (const [linkType, packet, protocol] of [
      [LINKTYPE.RAW, ip4, 0x800],
      [LINKTYPE.RAW, ip6, 0x86dd],
      [LINKTYPE.IPV6, ip6, 0x86dd],
    ] as const) {
      const seen = await shown(linkType, packet);
      expect(seen).toMatchObject({ protocol, linkType: LINKTYPE.RAW, hatype: ARPHRD.NONE });
      expect(seen.data).toEqual(packet);
    }
  });

  it('Linux cooked without the header, with what it says', async () => {
    const sll = bytes(0, 4, 3, 4, 0, 6, mac(2), 0, 0, 8, 0, ip4);
    const packet = await shown(LINKTYPE.LINUX_SLL, sll);
    expect(packet).toMatchObject({ type: PACKET_TYPE.OUTGOING, hatype: 0x304, protocol: 0x800, originalLength: 23 });
    expect(packet.data).toEqual(ip4);
    const sll2 = bytes(0x81, 0, 0, 0, 0, 0, 0, 7, 0, 1, 1, 6, mac(2), 0, 0, 0, 9, 0x86, 0xdd, ip6);
    const tagged = await shown(LINKTYPE.LINUX_SLL2, sll2);
    expect(tagged).toMatchObject({ type: PACKET_TYPE.BROADCAST, ifindex: 7, hatype: 1, protocol: 0x86dd });
    expect(tagged.vlan).toEqual({ tci: 9, tpid: 0x8100 });
    expect(tagged.data).toEqual(ip6);
  });

  it('others as they are', async () => {
    const packet = await shown(LINKTYPE.IEEE802_11, bytes(8, 1, 2, 3));
    expect(packet).toMatchObject({ protocol: 0, hatype: ARPHRD.IEEE80211, linkType: LINKTYPE.IEEE802_11 });
    expect((await shown(LINKTYPE.LINUX_SLL, bytes(1, 2))).data).toEqual(bytes(1, 2));
    expect((await shown(147, new Uint8Array(0))).data).toHaveLength(0);
  });
});

const many = Array.from({ length: 1000 }, (_, i) => frame(8, 0, i & 255, i >> 8));
const numberOf = ({ data }: ReceivedPacket): number => data[14] | (data[15] << 8);

describe('who takes the packets', () => {
  it('gets each once, whoever took the ones before', async () => {
    const socket = await openPacketSocket({ capture: capture(LINKTYPE.ETHERNET, many, 1000) });
    const seen: number[] = [];
    for await (const packet of socket) if (seen.push(numberOf(packet)) === 100) break;
    await socket.drain({ packets: 50 });
    for await (const batch of socket.batches()) {
      seen.push(...batch.map(numberOf));
      if (seen.length > 500) break;
    }
    for await (const packet of socket) seen.push(numberOf(packet));
    expect(seen).toEqual(many.map((_, i) => i).filter((i) => i < 100 || i >= 150));
    expect(socket.stats).toEqual({
      received: 1000,
      delivered: 1000,
      deliveredBytes: 16000,
      droppedByFilter: 0,
      droppedByKernel: 0,
    });
    for await (const packet of socket) expect(packet, 'the capture has ended').toBeUndefined();
  });

  it('is one at a time', async () => {
    const socket = await open(LINKTYPE.ETHERNET, many);
    const first = socket[Symbol.asyncIterator]();
    expect(() => socket[Symbol.asyncIterator]()).toThrow('taken already');
    await expect(socket.drain()).rejects.toThrow('taken already');
    await first.return?.();
    await socket.drain();
    expect(socket.stats.received).toBe(1000);
  });

  it('may ask for several packets at once', async () => {
    const socket = await open(LINKTYPE.ETHERNET, many.slice(0, 3));
    const taker = socket[Symbol.asyncIterator]();
    const results = await Promise.all([1, 2, 3, 4].map(() => taker.next()));
    expect(results.map(({ value }) => value && numberOf(value))).toEqual([0, 1, 2, undefined]);
  });

  it('may listen', async () => {
    const socket = await openPacketSocket({ capture: capture(LINKTYPE.ETHERNET, many, 700) });
    const events: string[] = [];
    let count = 0;
    socket.on('end', () => events.push('end'));
    socket.on('packet', (packet) => {
      expect(numberOf(packet)).toBe(count++);
      if (count === 500) {
        socket.pause();
        setTimeout(() => {
          expect(count).toBe(500);
          socket.resume();
        }, 20);
      }
    });
    await new Promise<void>((resolve) => socket.on('close', resolve));
    expect([count, ...events]).toEqual([1000, 'end']);
  });

  it('gets as much of each as the snap length says', async () => {
    const socket = await open(LINKTYPE.ETHERNET, [frame(8, 0, ip4), mac(1)], { snaplen: 20 });
    const lengths = [];
    for await (const { data, originalLength } of socket) lengths.push([data.length, originalLength]);
    expect(lengths).toEqual([
      [20, 37],
      [6, 6],
    ]);
  });
});

describe('filters', () => {
  const load = (kernel: Kernel, text: string): Program => {
    const insns = encode(assemble(text).insns);
    const fd = kernel.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.SOCKET_FILTER, insns, license: 'GPL' });
    return new Program(kernel, fd, { name: 'filter', type: PROG_TYPE.SOCKET_FILTER });
  };
  /** Packets whose byte 14 is below 10, cut to 15 bytes. */
  const FEW = 'r6 = r1\nr0 = *(u8 *)skb[14]\nif r0 > 9 goto pc+2\nr0 = 15\nexit\nr0 = 0\nexit';

  it('drop and cut, count, and go', async () => {
    const socket = await open(LINKTYPE.ETHERNET, many);
    const link = attachSocketFilter(socket, load(createKernel(), FEW));
    await socket.drain({ packets: 256 });
    expect(socket.stats).toMatchObject({ received: 256, delivered: 10, deliveredBytes: 150, droppedByFilter: 246 });
    expect(link.stats).toMatchObject({ packets: 256, dropped: 246, trimmed: 10, bytes: 4096, bytesDelivered: 150 });
    link.detach();
    for await (const { data } of socket) {
      expect(data).toEqual(many[256]);
      break;
    }
    const classic = attachSocketFilter(socket, parseClassic('ldb [14]\njlt #3, drop\nret #0xffffffff\ndrop: ret #0'));
    await socket.drain({ packets: 255 });
    expect(classic.stats).toMatchObject({ packets: 255, dropped: 2, trimmed: 0 });
    socket.close();
    expect([link.attached, classic.attached]).toEqual([false, false]);
    expect(() => attachSocketFilter(socket, parseClassic('ret #0'))).toThrow('EBADF');
  });

  it('take no more than they may', async () => {
    const socket = await open(LINKTYPE.ETHERNET, many);
    const link = attachSocketFilter(socket, load(createKernel(), FEW), { fuel: 1 });
    expect(await socket.drain()).toMatchObject({ received: 1000, delivered: 0 });
    expect(link.stats).toMatchObject({ dropped: 1000, failures: 1000 });
  });

  it('are given what a packet socket grants', async () => {
    const socket = await open(LINKTYPE.ETHERNET, many);
    // bpf_get_socket_cookie
    const program = load(createKernel(), 'call 46\nr0 = 0\nexit');
    expect(() => attachSocketFilter(socket, program)).toThrow('a packet socket does not grant bpf_get_socket_cookie');
  });

  it('of the kernel are for live packets', async () => {
    const socket = await open(LINKTYPE.ETHERNET, many);
    const sys = { backend: 'linux', setsockopt: () => 0 } as unknown as BpfSys;
    expect(() => attachSocketFilter(socket, parseClassic('ret #0'), { sys })).toThrow('the socket has no descriptor');
  });
});

describe('pace', () => {
  const time = async (pace: CaptureOptions['pace']): Promise<number> => {
    const socket = await open(LINKTYPE.ETHERNET, many.slice(0, 101), { pace });
    const start = performance.now();
    await socket.drain();
    expect(socket.stats.received).toBe(101);
    return performance.now() - start;
  };

  it('is that of the capture, or a multiple, or none', async () => {
    expect(await time('real')).toBeGreaterThanOrEqual(99);
    expect(await time(2)).toBeGreaterThanOrEqual(49);
    await time('full');
    await time(1e9);
  });

  it('gives packets when their time has come, and not before', async () => {
    const socket = await open(LINKTYPE.ETHERNET, many, { pace: 'real' });
    const start = performance.now();
    for await (const packet of socket) {
      expect(performance.now() - start).toBeGreaterThan(numberOf(packet) - 2);
      if (numberOf(packet) === 50) break;
    }
    socket.close();
  });

  it('is a number above 0', async () => {
    for (const pace of [0, -1, NaN, 'fast' as never])
      await expect(open(LINKTYPE.ETHERNET, many, { pace })).rejects.toThrow(RangeError);
  });
});

describe('the end', () => {
  it('comes when the socket is closed, for who waits too', async () => {
    const socket = await openPacketSocket({ capture: new Readable({ read() {} }) });
    const waiting = socket[Symbol.asyncIterator]().next();
    setTimeout(() => socket.close(), 10);
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect([socket.closed, socket.fd]).toEqual([true, undefined]);
    expect(await socket.drain()).toMatchObject({ received: 0 });
    socket.close();
  });

  it('of a drain comes with its signal, and loses nothing', async () => {
    const stream = new Readable({ read() {} });
    const socket = await openPacketSocket({ capture: stream });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 10);
    expect(await socket.drain({ signal: stop.signal })).toMatchObject({ received: 0 });
    for await (const piece of capture(LINKTYPE.ETHERNET, many)) stream.push(piece);
    stream.push(null);
    expect(await socket.drain()).toMatchObject({ received: 1000 });
  });

  it('of a broken capture is an error, after the packets before', async () => {
    const file = encodePcap(
      many.map((data) => ({ data, seconds: 0, nanoseconds: 0 })),
      { linkType: 1 },
    );
    const broken = (): Readable => Readable.from([file.subarray(0, file.length - 3)]);
    const socket = await openPacketSocket({ capture: broken(), name: 'x.pcap' });
    await expect(socket.drain()).rejects.toThrow(FormatError);
    expect(socket.stats.received).toBe(999);
    expect(await socket.drain()).toMatchObject({ received: 999 });
    const heard = await openPacketSocket({ capture: broken(), name: 'x.pcap' });
    let count = 0;
    heard.on('packet', () => count++);
    const error = await new Promise<Error>((resolve) => heard.on('error', resolve));
    expect(error.message).toContain('x.pcap');
    expect(count).toBe(999);
  });

  it('of a file that is not there is an error', async () => {
    const socket = await openPacketSocket({ capture: '/nowhere.pcap' });
    await expect(socket.drain()).rejects.toThrow('ENOENT');
  });
});

describe('options', () => {
  it('are a device or a capture', async () => {
    await expect(openPacketSocket({} as CaptureOptions)).rejects.toThrow(TypeError);
    await expect(openPacketSocket({ iface: 'lo', capture: 'x' } as CaptureOptions)).rejects.toThrow(TypeError);
    await expect(open(1, [], { snaplen: -1 })).rejects.toThrow(RangeError);
    await expect(open(1, []).then((socket) => socket.drain({ packets: NaN }))).rejects.toThrow(RangeError);
  });

  it('of live packets are refused elsewhere, in one sentence', async () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor;
    Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' });
    try {
      await expect(openPacketSocket({ iface: 'lo' })).rejects.toThrow('Live packets need Linux; this is darwin.');
    } finally {
      Object.defineProperty(process, 'platform', platform);
    }
  });
});
