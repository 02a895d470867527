/**
 * Two packet sockets on one device, one filtered in this process, one in the kernel: what comes through is the same, cut to the
 * same lengths. The devices are those of a network namespace of the test's own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { parseClassic } from '../../src/cbpf/index.ts';
import type { ClassicInstruction } from '../../src/cbpf/index.ts';
import { SK_BUFF } from '../../src/contracts/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { EngineName } from '../../src/kernel/index.ts';
import { encode } from '../../src/isa/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import { Program } from '../../src/loader/index.ts';
import { attachSocketFilter, openPacketSocket } from '../../src/node/index.ts';
import type { ReceivedPacket } from '../../src/node/index.ts';
import { encodePcap } from '../../src/pcap/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';
import { openFrameSender } from '../support/frame-sender.ts';
import { enterNetworkNamespace } from '../support/network-namespace.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import { BROADCAST, MAC, MULTICAST, PacketPair, WAYS, frame, lines, makeDevices } from '../support/packet-pair.ts';

/** Each comparison waits until the kernel hands a block over. */
vi.setConfig({ testTimeout: 120_000 });

const entered = await enterNetworkNamespace();
const linux = await openLinux().catch((error: unknown) => {
  if (error instanceof LinuxUnavailableError) return error;
  throw error;
});
const whyNot = typeof entered === 'string' ? entered : linux instanceof Error ? linux.message : '';
if (whyNot) console.warn(`filters of packet sockets are not compared with Linux: ${whyNot}`);
const tcpdump = spawnSync('tcpdump', ['--version']).status === 0;
if (!tcpdump) console.warn('programs of tcpdump are not compared: it is not installed');
const namespace = entered as NetworkNamespace;
const kernel = linux as BpfSys;
afterAll(() => typeof entered !== 'string' && namespace.leave());

const ip4 = (protocol: number): number[] => [0x45, 0, 0, 60, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
const udp = [0x12, 0x34, 0, 53, 0, 40, 0, 0];

/** One of each kind, and lengths on both sides of what programs look at. */
const FRAMES = [
  frame(MAC.b, [8, 0, ...ip4(17), ...udp], 300),
  frame(MAC.b, [8, 0, ...ip4(6), 0, 80, 4, 0], 1514),
  frame(BROADCAST, [8, 6, 0, 1, 8, 0, 6, 4, 0, 1], 42),
  frame(MULTICAST, [8, 0, ...ip4(2)], 60),
  frame(MAC.other, [8, 0, ...ip4(1), 8, 0], 98),
  frame(MAC.b, [0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 17, 64], 90),
  frame(MAC.b, [0x81, 0, 0x20, 5, 8, 0, ...ip4(17), ...udp], 400),
  frame(MAC.b, [0x81, 0, 0, 0, 8, 0, ...ip4(17), ...udp], 70),
  frame(MAC.b, [0x88, 0xa8, 0x60, 7, 0x81, 0, 0x1f, 0xff, 8, 0, ...ip4(17), ...udp], 120),
  frame(MAC.b, [0, 40, 0x42, 0x42, 3], 57),
  frame(MAC.b, [0, 40, 255, 255, 3], 57),
  frame(MAC.b, [0x81, 0, 0, 9, 0, 40, 0x42, 0x42, 3], 61),
  frame(MAC.b, [8, 0]),
  frame(MAC.b, [8, 0, 0x45]),
  frame(MAC.b, [8, 0, ...ip4(17), 0x12]),
];
/** @returns undefined where the backend refuses it */
function load(sys: BpfSys, text: string): Program | undefined {
  const insns = encode(assemble(text).insns);
  const fd = sys.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.SOCKET_FILTER, insns, license: 'GPL' });
  return fd < 0 ? undefined : new Program(sys, fd, { name: 'test', type: PROG_TYPE.SOCKET_FILTER });
}

beforeAll(() => {
  if (!whyNot) makeDevices(namespace);
});

async function eachWay(body: (pair: PacketPair) => Promise<void>): Promise<void> {
  for (const way of WAYS) {
    const pair = await PacketPair.open(way);
    try {
      await body(pair);
    } finally {
      pair.close();
    }
  }
}
/** Offsets that count from the network and from the link-layer header. */
const [NET, LINK] = [-0x100000, -0x200000];
const ENGINES: readonly EngineName[] = ['jit', 'interp'];

describe.skipIf(whyNot)('the same packets as through the kernel', () => {
  /** @returns how many came through; undefined where both refuse the program */
  const compareProgram = async (pair: PacketPair, sys: BpfSys, text: string): Promise<number | undefined> => {
    const programs = { user: load(sys, text), kernel: load(kernel, text) };
    expect(programs.user === undefined, `verdict of\n${text}`).toBe(programs.kernel === undefined);
    const { user, kernel: inKernel } = programs;
    if (user === undefined || inKernel === undefined) return undefined;
    const results = await pair.compare(
      (socket, where) => attachSocketFilter(socket, where === 'user' ? user : inKernel),
      FRAMES,
    );
    expect(results.user, `${pair.iface}:\n${text}`).toEqual(results.kernel);
    user.close();
    inKernel.close();
    return results.user.length;
  };

  it('without looking', () =>
    eachWay(async (pair) => {
      for (const kept of [0, 1, 13, 14, 60, 299, 0x7fffffff, -1]) {
        const through = await compareProgram(pair, createKernel(), `r0 = ${kept}\nexit`);
        expect(through).toBe(kept === 0 ? 0 : FRAMES.length);
      }
    }));

  it('by each byte of the context', () =>
    eachWay(async (pair) => {
      const differ = new Set(['hash']); // the kernel may know a flow's hash; packet sockets do not show it
      const sys = createKernel();
      let compared = 0;
      for (const { name, offset, size } of SK_BUFF.fields) {
        if (differ.has(name)) continue;
        for (let at = offset; at < offset + Math.min(size, 8); at++)
          if (await compareProgram(pair, sys, `r0 = *(u8 *)(r1 +${at})\nr0 += 1\nexit`)) compared++;
      }
      expect(compared).toBeGreaterThan(40);
    }));

  it('by the packet: its bytes, its headers, helpers', () =>
    eachWay(async (pair) => {
      const offsets = [0, 12, 13, 23, 41, NET, NET + 9, LINK, LINK + 13, LINK + 60, LINK - 0x100000];
      const helpers = [
        ['26', 'r2 = 12\nr3 = r10\nr3 += -8\nr4 = 8'],
        ['68', 'r2 = 9\nr3 = r10\nr3 += -8\nr4 = 2\nr5 = 1'],
        ['68', 'r2 = 12\nr3 = r10\nr3 += -8\nr4 = 2\nr5 = 0'],
      ].map(
        ([helper, args]) =>
          `r2 = 77\n*(u64 *)(r10 -8) = r2\n${args}\ncall ${helper}\nr1 = *(u8 *)(r10 -8)\nr0 &= 1\nr0 += r1\nr0 += 1\nexit`,
      );
      const texts = [...offsets.map((at) => `r6 = r1\nr0 = *(u8 *)skb[${at}]\nr0 += 1\nexit`), ...helpers];
      for (const engine of ENGINES) {
        const sys = createKernel({ engine });
        for (const text of texts) expect(await compareProgram(pair, sys, text)).toBeDefined();
      }
    }));

  it('whether there is a socket', () =>
    eachWay(async (pair) => {
      // Of a packet that a veth brings from the same namespace the kernel shows the socket that sent it.
      if (pair.iface === 'vb') return;
      const text = 'r1 = *(u64 *)(r1 +168)\nr0 = 20\nif r1 == 0x0 goto pc+1\nr0 = 30\nexit';
      expect(await compareProgram(pair, createKernel(), text)).toBe(FRAMES.length);
    }));
});

describe.skipIf(whyNot)('a filter that is there before the first packet', () => {
  it('sees all of them', async () => {
    const sender = await openFrameSender('va');
    const flood = setInterval(() => FRAMES.forEach((one) => sender.send(one)), 0);
    for (let round = 0; round < 20; round++) {
      using socket = await openPacketSocket({
        iface: 'vb',
        prepare: (opened) => attachSocketFilter(opened, parseClassic('ret #0'), { sys: kernel }),
      });
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(await socket.drain({ signal: AbortSignal.timeout(20) })).toMatchObject({ received: 0 });
    }
    clearInterval(flood);
    sender.close();
    const refused = openPacketSocket({ iface: 'vb', prepare: (opened) => attachSocketFilter(opened, []) });
    await expect(refused).rejects.toThrow('EINVAL');
  });
});

describe.skipIf(whyNot)('a capture', () => {
  it('shows the frames as the device that receives them', async () => {
    const pair = await PacketPair.open(WAYS[0]);
    const live = await pair.compare((socket) => attachSocketFilter(socket, parseClassic('ret #262144')), FRAMES);
    pair.close();
    const records = FRAMES.map((data) => ({ data, seconds: 0, nanoseconds: 0 }));
    const socket = await openPacketSocket({ capture: Readable.from([encodePcap(records, { linkType: 1 })]) });
    const shown: ReceivedPacket[] = [];
    for await (const packet of socket) shown.push(packet);
    const comparable = (line: string): string => line.replace(/"type":3/, '"type":0').replace(/"ifindex":\d+/, '');
    expect(lines(shown).map(comparable)).toEqual(live.kernel.map(comparable));
  });
});

describe.skipIf(whyNot)('classic programs', () => {
  const compareClassic = async (
    pair: PacketPair,
    sys: BpfSys | undefined,
    insns: ClassicInstruction[],
    name: string,
  ) => {
    const results = await pair.compare(
      (socket, where) => attachSocketFilter(socket, insns, { sys: where === 'user' ? sys : kernel }),
      FRAMES,
    );
    expect(results.user, `${pair.iface}: ${name}`).toEqual(results.kernel);
    return results.user.length;
  };

  const EXPRESSIONS = [
    ...['ip', 'ip6', 'arp', 'udp', 'udp port 53', 'tcp', 'icmp', 'broadcast', 'multicast', 'greater 100', 'less 60'],
    ...['ether host 02:00:00:00:00:0b', 'net 10.0.0.0/24', 'ip[8] < 65', 'inbound', 'outbound', 'vlan', 'vlan 5'],
    ...['vlan 7 and vlan', 'not ip', 'ether[12:2] < 0x600', 'len > 57', 'udp[4:2] = 40', 'llc'],
  ];

  it.skipIf(!tcpdump)('of tcpdump', () =>
    eachWay(async (pair) => {
      let through = 0;
      for (const expression of EXPRESSIONS) {
        const text = execFileSync('tcpdump', ['-i', pair.iface, '-ddd', expression], { stdio: 'pipe' }).toString();
        const insns = parseClassic(text, { file: expression });
        for (const sys of [undefined, createKernel()]) through += await compareClassic(pair, sys, insns, expression);
      }
      expect(through).toBeGreaterThan(150);
    }),
  );
});
