/**
 * The bundled example: the object was built from the source beside it; the generator gives these bytes of capture, and
 * tshark and tcpdump count in it what the table says.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import { readPackets } from '../../src/node/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'examples', 'count-by-protocol');
const capture = join(folder, 'traffic.pcap');

type Counts = Record<string, { packets: number; bytes: number }>;
const expected = JSON.parse(readFileSync(join(folder, 'traffic.expected.json'), 'utf8')) as Counts;
const OTHER = 256;

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const lines = (tool: string, ...args: string[]): string[] =>
  execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 })
    .split('\n')
    .filter(Boolean);

it('the object was built from the source beside it', () => {
  const source = readFileSync(join(folder, 'count.bpf.c'), 'utf8').split('\n');
  const { count } = loadCollectionSpec(readFileSync(join(folder, 'count.bpf.o'))).programs;
  expect(count.lines.length).toBeGreaterThan(40);
  for (const { line, text } of count.lines) expect(source[line - 1].trim(), `line ${line}`).toBe(text);
});

it('is what the generator writes', () => {
  const out = mkdtempSync(join(tmpdir(), 'skep-capture-'));
  try {
    execFileSync(process.execPath, [join(root, 'scripts', 'make-capture.mjs'), out]);
    for (const name of ['traffic.pcap', 'traffic.expected.json'])
      expect(readFileSync(join(out, name)).equals(readFileSync(join(folder, name)))).toBe(true);
  } finally {
    rmSync(out, { recursive: true });
  }
});

it('has at least 2,000 packets, in order of time, none cut', async () => {
  let [packets, bytes, last] = [0, 0, 0];
  for await (const packet of readPackets(capture)) {
    const time = packet.seconds + packet.nanoseconds / 1e9;
    expect(time).toBeGreaterThanOrEqual(last);
    expect(packet.originalLength).toBe(packet.capturedLength);
    last = time;
    packets++;
    bytes += packet.capturedLength;
  }
  expect(packets).toBeGreaterThanOrEqual(2000);
  const rows = Object.values(expected);
  expect(packets).toBe(rows.reduce((sum, row) => sum + row.packets, 0));
  expect(bytes).toBe(rows.reduce((sum, row) => sum + row.bytes, 0));
});

it.skipIf(!has('tshark'))('tshark counts the same by protocol (needs tshark)', () => {
  const EXTENSIONS = ['0', '44', '60'];
  const fields = ['frame.len', 'ip.proto', 'ipv6.nxt', 'ipv6.hopopts.nxt', 'ipv6.fraghdr.nxt', 'ipv6.dstopts.nxt'];
  const counts: Counts = {};
  const args = ['-T', 'fields', '-E', 'occurrence=f', ...fields.flatMap((field) => ['-e', field])];
  for (const line of lines('tshark', '-r', capture, ...args)) {
    const [length, v4, v6, ...behind] = line.split('\t');
    const behindExtensions = behind.find((next) => next && !EXTENSIONS.includes(next));
    const protocol = v4 || (v6 && (EXTENSIONS.includes(v6) ? behindExtensions : v6)) || String(OTHER);
    counts[protocol] ??= { packets: 0, bytes: 0 };
    counts[protocol].packets++;
    counts[protocol].bytes += Number(length);
  }
  expect(counts).toEqual(expected);
});

it.skipIf(!has('tcpdump'))('tcpdump counts the same packets by protocol (needs tcpdump)', () => {
  for (const [protocol, { packets }] of Object.entries(expected)) {
    if (Number(protocol) === OTHER) continue;
    const plain = `(ip proto ${protocol} or ip6 protochain ${protocol})`;
    // Each `vlan` moves what follows it behind one more tag.
    const filter = `${plain} or (vlan and ${plain}) or (vlan and ip proto ${protocol})`;
    expect(lines('tcpdump', '-nr', capture, filter), `protocol ${protocol}`).toHaveLength(packets);
  }
});
