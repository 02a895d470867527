import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { testIo } from '../../test/support/io.ts';
import { command } from './cbpf.ts';

const capture = fileURLToPath(new URL('../../examples/count-by-protocol/traffic.pcap', import.meta.url));
const udp = '4\n48 0 0 23\n21 0 1 17\n6 0 0 60\n6 0 0 0\n';

async function cbpf(text: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = testIo({ input: [new TextEncoder().encode(text)] });
  const code = await command.run(args, io);
  return { code, out: io.stdout, err: io.stderr };
}

describe('skep cbpf show', () => {
  it('prints every form', async () => {
    expect((await cbpf(udp, 'show', '-')).out).toBe(
      '(000) ldb      [23]\n(001) jeq      #0x11            jt 2\tjf 3\n(002) ret      #60\n(003) ret      #0\n',
    );
    expect((await cbpf(udp, 'show', '-', '--format', 'raw')).out).toBe('4,48 0 0 23,21 0 1 17,6 0 0 60,6 0 0 0\n');
    const { out } = await cbpf(udp, 'show', '-', '--format', 'asm');
    expect(out).toBe('\tldb [23]\n\tjneq #0x11, L3\n\tret #60\nL3:\tret #0\n');
    expect((await cbpf(out, 'show', '-', '--format', 'ddd')).out).toBe(udp);
  });

  it('says why Linux refuses a program', async () => {
    const text = 'ld M[3]\nret a';
    const shown = await cbpf(text, 'show', '-');
    expect(shown).toMatchObject({
      code: 1,
      err: 'skep: Linux refuses it: instruction 0: M[3] is read before it is written\n',
    });
    const { valid, refused } = JSON.parse((await cbpf(text, 'show', '-', '--json')).out) as Record<string, unknown>;
    expect({ valid, refused }).toEqual({
      valid: false,
      refused: { insn: 0, problem: 'M[3] is read before it is written' },
    });
  });

  it('says what a form does not show', async () => {
    expect((await cbpf('1\n22 0 0 7', 'show', '-')).err).toContain('--format dd does');
    expect((await cbpf('1\n22 0 0 7', 'show', '-', '--format', 'dd')).err).toBe('');
  });
});

describe('skep cbpf run', () => {
  it('counts packets and what is left of them', async () => {
    const { out, code } = await cbpf(udp, 'run', '-', '--pcap', capture, '--json');
    const report = JSON.parse(out) as {
      packets: number;
      passed: number;
      returns: { value: number; packets: number }[];
    };
    expect(code).toBe(0);
    expect(report.returns).toHaveLength(2);
    expect(report.returns.find(({ value }) => value === 60)?.packets).toBe(report.passed);
    expect(report.returns.reduce((sum, { packets }) => sum + packets, 0)).toBe(report.packets);
    const text = (await cbpf(udp, 'run', '-', '--pcap', capture, '--limit', '5')).out;
    expect(text).toMatch(/^5 packets, /);
    expect(text).toMatch(/return +packets/);
  });

  const tcpdump = (...args: string[]): string => spawnSync('tcpdump', args, { encoding: 'utf8' }).stdout;
  const why = spawnSync('tcpdump', ['--version']).error && 'tcpdump is not installed';
  if (why) console.warn(`the comparison with tcpdump's own filtering is skipped: ${why}`);
  it.skipIf(why).each(['udp port 53', 'tcp[tcpflags] & tcp-syn != 0', 'vlan', 'ip6', 'len > 200', 'icmp or arp'])(
    'lets through what tcpdump does: %s',
    async (filter) => {
      const expected = tcpdump('-n', '-r', capture, '-t', filter, '-q')
        .split('\n')
        .filter((line) => /^\S/.test(line));
      const program = tcpdump('-dd', '-r', capture, filter);
      const { out } = await cbpf(program, 'run', '-', '--pcap', capture, '--json');
      expect(expected.length).toBeGreaterThan(0);
      expect(JSON.parse(out)).toMatchObject({ passed: expected.length });
    },
  );

  it('says what is missing', async () => {
    await expect(cbpf(udp, 'run', '-')).rejects.toThrow('--pcap FILE is missing');
    await expect(cbpf(udp, 'run', '-', '--pcap', '-')).rejects.toThrow('not both');
    await expect(cbpf(udp, 'run', '-', '--pcap', capture, '--limit', 'x')).rejects.toThrow('--limit is a number');
    await expect(cbpf('ld M[0]\nret a', 'run', '-', '--pcap', capture)).rejects.toThrow(/EINVAL.*M\[0\] is read/);
  });
});

describe('skep cbpf translate', () => {
  it('prints instructions as text, hexadecimal and JSON', async () => {
    const { out } = await cbpf(udp, 'translate', '-');
    expect(out).toBe(
      `   0: (bf) r6 = r1
   1: (b4) w0 = 0
   2: (b4) w7 = 0
   3: (30) r0 = *(u8 *)skb[23]
   4: (56) if w0 != 0x11 goto pc+2
   5: (b4) w0 = 60
   6: (95) exit
   7: (b4) w0 = 0
   8: (95) exit
`,
    );
    const hex = (await cbpf(udp, 'translate', '-', '--hex')).out.split('\n').slice(0, -1);
    expect(hex).toHaveLength(9);
    expect(hex[3]).toBe('3000000017000000');
    expect(JSON.parse((await cbpf(udp, 'translate', '-', '--json')).out)).toMatchObject({
      type: 'socket_filter',
      slots: hex,
    });
  });

  it('writes raw bytes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'skep-cbpf-'));
    try {
      const file = join(folder, 'filter.bin');
      expect((await cbpf(udp, 'translate', '-', '-o', file)).out).toBe('');
      expect(readFileSync(file)).toHaveLength(72);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names what eBPF has no access to', async () => {
    await expect(cbpf('ld poff\nret a', 'translate', '-')).rejects.toThrow('not supported yet: classic load of poff');
    expect((await cbpf('ret #1\nld poff\nret a', 'translate', '-')).code).toBe(0);
  });
});

it.each([
  [['frobnicate'], 'no such command: skep cbpf frobnicate'],
  [[], 'say show, run or translate'],
  [['show'], 'takes one program'],
  [['show', '-', '--hex'], 'skep cbpf show has no option --hex'],
  [['show', '-', '--format', 'x'], '--format is d, dd, ddd, asm, raw, not x'],
])('refuses %j', async (args, message) => {
  await expect(cbpf(udp, ...args)).rejects.toThrow(message);
});
