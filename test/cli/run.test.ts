/** `skep run` on the bundled example: text, JSON, both backends, limits, cut captures and wrong arguments. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../src/cli/dispatch.ts';
import { FormatError } from '../../src/errors/index.ts';
import { openLinux } from '../../src/linux/index.ts';
import { block, enhancedPacket, interfaceBlock, join as concat, sectionHeader } from '../support/captures.ts';
import { testIo } from '../support/io.ts';
import type { TestIo } from '../support/io.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const object = join(root, 'examples', 'count-by-protocol', 'count.bpf.o');
const capture = join(root, 'examples', 'count-by-protocol', 'traffic.pcap');
const bytes = readFileSync(capture);
const expected = JSON.parse(
  readFileSync(join(root, 'examples', 'count-by-protocol', 'traffic.expected.json'), 'utf8'),
) as Record<string, { packets: number; bytes: number }>;

/** Why the real kernel is not asked, or undefined. */
const noKernel = await openLinux().then(
  () => undefined,
  (error: Error) => error.message,
);

interface Report {
  packets: number;
  bytes: number;
  returns: { value: number; name?: string; packets: number }[];
  maps: Record<string, { type: string; maxEntries: number; entries: { key: unknown; value: unknown }[] }>;
  error?: string;
}

async function run(io: TestIo, ...args: string[]): Promise<number> {
  return dispatch(['run', ...args], io);
}

async function report(...args: string[]): Promise<Report> {
  const io = testIo();
  expect(await run(io, ...args, '--json')).toBe(0);
  expect(io.stderr).toBe('');
  return JSON.parse(io.stdout) as Report;
}

const counts = (result: Report): unknown =>
  Object.fromEntries(result.maps.counts.entries.map(({ key, value }) => [key, value]));

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'skep-run-'))));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, contents: Uint8Array): string => {
  writeFileSync(join(folder, name), contents);
  return join(folder, name);
};

describe('the bundled example', () => {
  it('prints return values and maps', async () => {
    const io = testIo();
    expect(await run(io, object, '--pcap', capture)).toBe(0);
    expect(io.stdout.replace(capture, 'traffic.pcap')).toBe(
      [
        'program count (socket_filter, userspace): 2,280 packets, 883,422 bytes of traffic.pcap',
        '',
        'return  packets  meaning',
        '     0    2,280  not passed on',
        '',
        'map counts: hash, 8 of 1024 entries',
        'key  packets   bytes',
        ...Object.entries(expected).map(
          ([key, row]) => `${key.padStart(3)}  ${String(row.packets).padStart(7)}  ${String(row.bytes).padStart(6)}`,
        ),
        '',
      ].join('\n'),
    );
  });

  it('counts in user space what tshark counts', async () => {
    const result = await report(object, 'count', '--pcap', capture);
    expect(counts(result)).toEqual(expected);
    expect(result.returns).toEqual([{ value: 0, name: 'not passed on', packets: result.packets }]);
    expect(result.maps.counts).toMatchObject({ type: 'hash', maxEntries: 1024 });
  });

  it.skipIf(noKernel)(`counts the same in the kernel (${noKernel ?? 'reachable'})`, async () => {
    const inUserspace = await report(object, '--pcap', capture);
    const inKernel = await report(object, '--pcap', capture, '--backend', 'linux');
    expect(inKernel).toEqual({ ...inUserspace, backend: 'linux' });
  });

  it('stops at the limit', async () => {
    expect(await report(object, '--pcap', capture, '--limit', '100')).toMatchObject({ packets: 100 });
    expect(await report(object, '--pcap', capture, '--limit', '0')).toMatchObject({ packets: 0, returns: [] });
  });

  it('reads standard input', async () => {
    const io = testIo({ input: [bytes.subarray(0, 1000), bytes.subarray(1000)] });
    expect(await run(io, object, '--pcap', '-', '--json')).toBe(0);
    expect(counts(JSON.parse(io.stdout) as Report)).toEqual(expected);
  });

  it('reads pcapng, and warns of other link types', async () => {
    const packet = new Uint8Array(60).fill(1);
    const ng = concat(
      sectionHeader('big'),
      interfaceBlock('big', { linkType: 113 }),
      block('big', 5, new Uint8Array(8)),
      enhancedPacket('big', 0, 1n, packet),
    );
    const io = testIo();
    expect(await run(io, object, '--pcap', file('sll.pcapng', ng), '--json')).toBe(0);
    expect(counts(JSON.parse(io.stdout) as Report)).toEqual({ 256: { packets: 1, bytes: 60 } });
    expect(io.stderr).toMatch(/^skep: warning: packets are LINUX_SLL, not ETHERNET/);
  });

  it('shows progress to people only', async () => {
    const [person, script] = [testIo({ interactive: true }), testIo()];
    await run(person, object, '--pcap', capture);
    await run(script, object, '--pcap', capture);
    expect(person.stderr).toMatch(/\r/);
    expect(script.stderr).toBe('');
    expect(person.stdout).toBe(script.stdout);
  });
});

describe('bad input', () => {
  it.each(['text', '--json'])('reports the packets before a cut, then the error (%s)', async (form) => {
    const io = testIo();
    const cut = file('cut.pcap', bytes.subarray(0, 500_000));
    const error = await run(io, object, '--pcap', cut, ...(form === '--json' ? [form] : [])).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toMatch(/cut\.pcap, offset 0x[0-9a-f]+: the capture ends within a packet record/);
    if (form === '--json') {
      const result = JSON.parse(io.stdout) as Report;
      expect(result.packets).toBeGreaterThan(1000);
      expect(result.error).toBe((error as Error).message);
      expect(result.returns[0].packets).toBe(result.packets);
    } else expect(io.stdout).toMatch(/^program count .* 1,\d{3} packets[^]*map counts: hash, \d of 1024/);
  });

  it.each([
    ['no object', [], 'skep run: which object?'],
    ['no capture', [object], 'skep run: --pcap FILE is missing'],
    ['too much', [object, 'count', 'more', '--pcap', capture], 'takes one object and one program'],
    ['no such program', [object, 'nope', '--pcap', capture], /no program nope in .*count\.bpf\.o \(there: count\)/],
    ['no such backend', [object, '--pcap', capture, '--backend', 'bsd'], '--backend is userspace or linux, not bsd'],
    ['no number', [object, '--pcap', capture, '--limit', 'many'], '--limit is a number of packets, not many'],
    ['a capture as object', [capture, '--pcap', capture], /traffic\.pcap.*: /],
    ['an object as capture', [object, '--pcap', object], /count\.bpf\.o, offset 0x0: not a capture/],
    ['no such file', ['/no/such.o', '--pcap', capture], /ENOENT/],
    ['no such capture', [object, '--pcap', '/no/such.pcap'], /ENOENT/],
  ])('%s', async (_name, args, message) => {
    await expect(run(testIo(), ...args)).rejects.toThrow(message);
  });

  it('asks which of several programs', async () => {
    const several = join(root, 'test', 'objects', 'sections.o');
    await expect(run(testIo(), several, '--pcap', capture)).rejects.toThrow(/has several programs, say which: \w+, /);
  });
});
