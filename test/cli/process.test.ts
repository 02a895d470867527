/** The command as a process: the main job, exit codes, one line of error, and a reader that goes away. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dispatch } from '../../src/cli/dispatch.ts';
import { testIo } from '../support/io.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');
const skep = (...args: string[]): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

it('without arguments, counts the bundled capture by protocol', async () => {
  const io = testIo();
  expect(await dispatch([], io)).toBe(0);
  const rows = io.stdout.split('\n').map((line) => line.match(/^(\w[\w ]*?) +([\d,]+) +([\d,]+)$/)?.slice(1));
  const counted = rows
    .filter((row) => row !== undefined)
    .map(([name, ...numbers]) => [name, ...numbers.map((text) => Number(text.replaceAll(',', '')))]);
  const NUMBERS = { ICMP: 1, IGMP: 2, TCP: 6, UDP: 17, GRE: 47, ICMPv6: 58, SCTP: 132, 'not IP': 256 };
  const table = join(root, 'examples', 'count-by-protocol', 'traffic.expected.json');
  const expected = JSON.parse(readFileSync(table, 'utf8')) as Record<string, { packets: number; bytes: number }>;
  const total = Object.values(expected).reduce((sum, row) => [sum[0] + row.packets, sum[1] + row.bytes], [0, 0]);
  expect(Object.fromEntries(counted.map(([name, ...row]) => [name, row]))).toEqual({
    ...Object.fromEntries(
      Object.entries(NUMBERS).map(([name, number]) => [name, [expected[number].packets, expected[number].bytes]]),
    ),
    total,
  });
});

describe.skipIf(!existsSync(main))('the built command (needs dist)', () => {
  it('answers with an exit code and one line', () => {
    expect(skep('--version')).toMatchObject({ status: 0, stderr: '' });
    expect(skep('nonsense')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'skep: no such command: nonsense; see skep --help\n',
    });
    expect(skep('run', '/no/such.o', '--pcap', 'x')).toMatchObject({
      status: 2,
      stderr: 'skep: /no/such.o: no such file\n',
    });
  });

  it.skipIf(process.platform === 'win32')('is quiet when the reader goes away', () => {
    const script = `yes 'exit' | head -n 60000 | "${process.execPath}" "${main}" asm - | head -n 1`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(stdout).toBe('9500000000000000\n');
    expect(stderr).toBe('');
  });
});
