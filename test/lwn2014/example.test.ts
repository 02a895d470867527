/** The article's example: the program of examples/lwn-2014 over the bundled capture, and over live packets. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import {
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_UNSPEC,
  SO_ATTACH_FILTER_EBPF,
  SOL_SOCKET,
} from '../../src/lwn2014/index.ts';
import { openPacketSocket, type PacketSocket } from '../../src/node/index.ts';
import { counted, load, open, u32 } from './support.ts';

const examples = new URL('../../examples/', import.meta.url);
const { program } = (await import(new URL('lwn-2014/program.mjs', examples).href)) as { program: string };
const capture = fileURLToPath(new URL('count-by-protocol/traffic.pcap', examples));
const expected = JSON.parse(
  readFileSync(new URL('count-by-protocol/traffic.expected.json', examples), 'utf8'),
) as Record<string, { packets: number }>;
const TCP = 6;
const UDP = 17;

/** The system with the example's map and program, at a socket. */
function counting(socket: PacketSocket, type: number) {
  const { system } = open();
  expect(system.bpf_create_map(1, 4, 8, 2)).toBe(1);
  for (const protocol of [TCP, UDP]) expect(system.bpf_update_elem(1, u32(protocol), new BigUint64Array(1))).toBe(0);
  expect(load(system, 1, type, program)).toBe(1);
  expect(system.setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER_EBPF, 1)).toBe(0);
  return { counts: () => [TCP, UDP].map((protocol) => counted(system, 1, protocol)) };
}

it.each([
  ['for sockets', BPF_PROG_TYPE_SOCKET_FILTER],
  ['for no place', BPF_PROG_TYPE_UNSPEC],
])('loaded %s, it counts TCP and UDP in the capture as tshark does', async (_what, type) => {
  using socket = await openPacketSocket({ capture });
  const { counts } = counting(socket, type);
  expect(counts()).toEqual([0, 0]);
  const { received, delivered } = await socket.drain();
  expect(counts()).toEqual([expected[TCP].packets, expected[UDP].packets]);
  expect([received, delivered]).toEqual([2280, 0]);
});

const live = process.platform === 'linux' && process.getuid?.() === 0;

it.skipIf(!live)('it counts live packets (needs root on Linux)', async () => {
  const socket = await openPacketSocket({ iface: 'lo' });
  const sender = createSocket('udp4');
  try {
    const { counts } = counting(socket, BPF_PROG_TYPE_SOCKET_FILTER);
    const done = socket.drain();
    for (let i = 0; i < 50; i++) await new Promise((sent) => sender.send('x', 9, '127.0.0.1', sent));
    // Others may use the device too.
    await expect.poll(() => counts()[1], { timeout: 10_000 }).toBeGreaterThanOrEqual(50);
    socket.close();
    await done;
  } finally {
    socket.close();
    sender.close();
  }
});

const built = spawnSync(process.execPath, ['-e', "import('skep/lwn2014').catch(() => process.exit(1))"]).status === 0;

it.skipIf(!built)(
  'the script prints what it counted, and one line for what is wrong (needs dist)',
  { timeout: 60_000 },
  () => {
    const run = (...args: string[]) => {
      const script = fileURLToPath(new URL('lwn-2014/count.mjs', examples));
      const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
      return [status, stdout, stderr];
    };
    expect(run()).toEqual([0, 'TCP 1164 UDP 650 packets\n', '']);
    expect(run('--seconds', 'x')).toEqual([1, '', 'lwn-2014: --seconds x: no number of seconds\n']);
    const [status, stdout, stderr] = run('--help');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^lwn-2014: Unknown option '--help'.*\n$/);
  },
);
