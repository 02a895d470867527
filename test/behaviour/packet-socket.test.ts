/** Live packets, in a network namespace of the test's own. */
import { createSocket } from 'node:dgram';
import { closeSync, writeSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { parseClassic } from '../../src/cbpf/index.ts';
import { BpfError } from '../../src/errors/index.ts';
import { loadLibc } from '../../src/ffi/index.ts';
import type { Libc } from '../../src/ffi/index.ts';
import { openLinux } from '../../src/linux/index.ts';
import { PACKET_TYPE, attachSocketFilter, openPacketSocket } from '../../src/node/index.ts';
import type { LiveOptions, ReceivedPacket } from '../../src/node/index.ts';
import { LINKTYPE } from '../../src/pcap/index.ts';
import { PacketRing } from '../../src/node/sockets/packet-ring.ts';
import { enterNetworkNamespace } from '../support/network-namespace.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';

const entered = await enterNetworkNamespace();
if (typeof entered === 'string') console.warn(`tests of live packets are skipped: ${entered}`);
const namespace = entered as NetworkNamespace;
const here = typeof entered !== 'string';
afterAll(() => here && namespace.leave());

/** Send datagrams of these sizes over lo, to a socket that is there: nobody answers. */
async function send(sizes: readonly number[]): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  for (const size of sizes)
    await new Promise((resolve) => socket.send(Buffer.alloc(size, size), socket.address().port, '127.0.0.1', resolve));
  socket.close();
}

/** The first packets of a socket on lo. */
async function receive(options: Partial<LiveOptions>, sizes: readonly number[], count: number) {
  const socket = await openPacketSocket({ iface: 'lo', ...options });
  const packets: ReceivedPacket[] = [];
  await send(sizes);
  for await (const packet of socket) {
    if (packets.push(packet) === count) break;
  }
  socket.close();
  return packets;
}

const HEADERS = 14 + 20 + 8;

describe.skipIf(!here)('live packets', () => {
  it('are what was sent, once, with their facts', async () => {
    const before = Date.now() / 1000;
    const sizes = [0, 1, 64, 1400, 9000, 60000];
    const packets = await receive({}, sizes, sizes.length);
    expect(packets.map(({ originalLength }) => originalLength)).toEqual(sizes.map((size) => HEADERS + size));
    for (const [i, packet] of packets.entries()) {
      expect(packet).toMatchObject({ linkType: 1, ifindex: 1, hatype: 772, protocol: 0x800, vlan: undefined });
      expect(packet.type).toBe(PACKET_TYPE.HOST);
      expect(packet.data.subarray(HEADERS)).toEqual(new Uint8Array(sizes[i]).fill(sizes[i]));
      expect(packet.seconds + packet.nanoseconds / 1e9).toBeGreaterThan(before - 1);
    }
  });

  it('go the ways that are asked for', async () => {
    const { HOST, OUTGOING } = PACKET_TYPE;
    const types = async (options: Partial<LiveOptions>, count: number): Promise<number[]> =>
      (await receive(options, [1, 2], count)).map(({ type }) => type);
    expect(await types({ loopbackTwice: true }, 4)).toEqual([OUTGOING, HOST, OUTGOING, HOST]);
    expect(await types({ direction: 'out' }, 2)).toEqual([OUTGOING, OUTGOING]);
    expect(await types({ direction: 'in' }, 2)).toEqual([HOST, HOST]);
    expect(await types({ iface: 'any' }, 2)).toEqual([HOST, HOST]);
  });

  it('of a device without link layer start with their network header', async () => {
    const tunnel = namespace.tunnel('t0');
    const socket = await openPacketSocket({ iface: 't0', direction: 'in' });
    attachSocketFilter(socket, parseClassic('ldb [0xfff00009]\njneq #17, drop\nld type\nadd #20\nret a\ndrop: ret #0'));
    for (const protocol of [6, 17]) {
      const packet = new Uint8Array(40).fill(protocol);
      packet.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0]);
      writeSync(tunnel, packet);
    }
    for await (const packet of socket) {
      expect(packet).toMatchObject({ linkType: LINKTYPE.RAW, protocol: 0x800, hatype: 65534, originalLength: 40 });
      expect([packet.data.length, packet.data[0], packet.data[9]]).toEqual([20, 0x45, 17]);
      break;
    }
    expect(socket.stats).toMatchObject({ received: 2, delivered: 1 });
    socket.close();
    closeSync(tunnel);
  });

  it('are cut to the snap length', async () => {
    const [packet] = await receive({ snaplen: 50 }, [100], 1);
    expect([packet.data.length, packet.originalLength]).toEqual([50, HEADERS + 100]);
  });

  it('are views in groups, which the next group takes away', async () => {
    const socket = await openPacketSocket({ iface: 'lo' });
    await send([5, 5]);
    let count = 0;
    let last: Uint8Array | undefined;
    for await (const batch of socket.batches()) {
      for (const { data } of batch) expect(data.subarray(HEADERS)).toEqual(new Uint8Array(5).fill(5));
      last = batch[0].data;
      if ((count += batch.length) === 2) break;
    }
    socket.close();
    expect(last).toEqual(new Uint8Array(HEADERS + 5));
    expect(socket.stats).toEqual({
      received: 2,
      delivered: 2,
      deliveredBytes: 94,
      droppedByFilter: 0,
      droppedByKernel: 0,
    });
  });

  it('that the ring has no room for are counted, and the others come', async () => {
    const socket = await openPacketSocket({ iface: 'lo', ringSize: 1 << 18 });
    await send(Array.from({ length: 40 }, () => 60000));
    const { droppedByKernel } = socket.stats;
    expect(droppedByKernel).toBeGreaterThan(20);
    expect(await socket.drain({ signal: AbortSignal.timeout(100) })).toMatchObject({ received: 40 - droppedByKernel });
    await send([7]);
    for await (const packet of socket) {
      expect(packet.data.length).toBe(HEADERS + 7);
      break;
    }
    expect(socket.stats).toMatchObject({ received: 41 - droppedByKernel, droppedByKernel });
    socket.close();
    expect(socket.stats).toMatchObject({ droppedByKernel });
  });

  it('wait for nobody without work', async () => {
    const socket = await openPacketSocket({ iface: 'lo' });
    const before = process.cpuUsage();
    await socket.drain({ signal: AbortSignal.timeout(300) });
    const { user, system } = process.cpuUsage(before);
    expect(user + system, 'microseconds').toBeLessThan(150_000);
    socket.close();
    expect(socket.fd).toBe(-1);
  });

  it('end when their device is gone, and not when it is down', async () => {
    namespace.ip('link add v0 type veth peer name v1');
    namespace.ip('link set v0 up');
    const socket = await openPacketSocket({ iface: 'v0', promiscuous: true });
    const ended = socket.drain();
    namespace.ip('link set v0 down');
    await new Promise((resolve) => setTimeout(resolve, 50));
    namespace.ip('link set v0 up');
    await new Promise((resolve) => setTimeout(resolve, 50));
    namespace.ip('link del v0');
    await expect(ended).rejects.toThrow('there is no device "v0"');
    socket.close();
  });

  it('need a privilege', async () => {
    const libc = (await loadLibc()) as Libc;
    const linux = await openLinux();
    linux.withCaps(0n, () => {
      expect(() => new PacketRing(libc, { iface: 'lo' })).toThrow('packet sockets need root, or CAP_NET_RAW');
    });
  });

  it('are refused with a reason', async () => {
    const refused = (options: LiveOptions): Promise<unknown> => openPacketSocket(options).catch((error) => error);
    for (const iface of ['nope', '', 'a-name-longer-than-15-bytes', 'lo\0x']) {
      const error = await refused({ iface });
      expect(error).toBeInstanceOf(BpfError);
      expect(error).toMatchObject({ code: 'ENODEV' });
      expect((error as Error).message).toContain(`there is no device ${JSON.stringify(iface)}`);
    }
    expect(await refused({ iface: 'any', promiscuous: true })).toBeInstanceOf(TypeError);
    expect(await refused({ iface: 'lo', ringSize: 1 })).toBeInstanceOf(RangeError);
    expect(await refused({ iface: 'lo', ringSize: NaN })).toBeInstanceOf(RangeError);
    expect(await refused({ iface: 'lo', direction: 'up' as 'in' })).toBeInstanceOf(RangeError);
  });
});
