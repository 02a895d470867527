import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ProgramSpec } from '../loader/index.ts';
import { openLinux } from '../linux/index.ts';
import { testIo } from '../../test/support/io.ts';
import { UsageError } from './command.ts';
import { differences } from './verify-compare.ts';
import { textReport, type Verdict } from './verify-report.ts';
import { command as verify } from './verify.ts';

const object = (name: string): string => fileURLToPath(new URL(`../../test/objects/${name}`, import.meta.url));

const linux = await openLinux().then(
  () => true,
  (error: Error) => void console.warn(`skipped on Linux: ${error.message}`),
);

const program = { name: 'p', type: 1, insns: [], references: [], lines: [] } as unknown as ProgramSpec;
const accepted: Verdict = {
  file: 'a.o',
  program,
  verdict: 'accept',
  errno: 0,
  reason: [],
  insn: -1,
  stats: { insns: 7, total_states: 2, peak_states: 2, max_states_per_insn: 1, stack_depth: '8' },
  log: '',
  usec: 10,
};
const refused: Verdict = { ...accepted, verdict: 'reject', errno: 13, reason: ['R0 !read_ok'] };

describe('differences', () => {
  it('are none between equal verdicts, however long they took', () => {
    expect(differences(accepted, { ...accepted, usec: 99, log: 'other' })).toEqual([]);
  });

  it('are the verdict alone where that differs', () => {
    expect(differences(accepted, refused)).toEqual([{ what: 'verdict', ours: 'accept', theirs: 'reject' }]);
  });

  it('are errno, message and each statistic otherwise', () => {
    const other = { ...refused, errno: 22, reason: ['R1 !read_ok'], stats: { ...refused.stats, peak_states: 3 } };
    expect(differences(refused, other)).toEqual([
      { what: 'errno', ours: 'EACCES', theirs: 'EINVAL' },
      { what: 'message', ours: 'R0 !read_ok', theirs: 'R1 !read_ok' },
      { what: 'peak_states', ours: 2, theirs: 3 },
    ]);
  });

  it('stand in the table and below it', () => {
    const text = textReport(
      [
        { ...accepted, linux: refused },
        { ...accepted, linux: accepted },
      ],
      false,
    );
    expect(text).toMatch(/PROGRAM +TYPE +VERDICT +LINUX +INSNS/);
    expect(text).toMatch(/p +socket_filter +accepted +refused \(EACCES\) +7/);
    expect(text).toMatch(/p +socket_filter +accepted +the same +7/);
    expect(text).toContain(
      'a.o: program p: Linux says otherwise\n  verdict: skep accept, Linux reject\n  Linux: R0 !read_ok',
    );
  });
});

describe.runIf(linux)('skep verify --compare linux', () => {
  it('agrees, on refusals too: exit code 0', async () => {
    const io = testIo();
    expect(await verify.run(['--compare', 'linux', object('explain.o')], io)).toBe(0);
    expect(io.stdout.match(/refused \(E\w+\) +the same/g)).toHaveLength(10);
  });

  it('gives both answers as JSON', async () => {
    const io = testIo();
    expect(await verify.run(['--compare', 'linux', '--json', object('rejected.o')], io)).toBe(0);
    const [first] = JSON.parse(io.stdout) as Record<string, unknown>[];
    expect(first).toMatchObject({
      verdict: 'reject',
      insns: 7,
      linux: { verdict: 'reject', insns: 7 },
      differences: [],
    });
  });

  it('what the loader cannot load is the same on both', async () => {
    const io = testIo();
    const args = ['--compare', 'linux', '--program', 'uses_kfunc', object('unsupported.o')];
    expect(await verify.run(args, io)).toBe(0);
  });
});

describe('several objects', () => {
  const missing = object('missing.o');

  it('a bad one is reported in its place, the others are verified: exit code 2', async () => {
    const io = testIo();
    expect(await verify.run([object('globals.o'), object('bpf.h'), missing, object('legacy.o')], io)).toBe(2);
    const rows = io.stdout.split('\n').slice(1, 5);
    expect(rows[0]).toMatch(/globals\.o +use_globals +socket_filter +accepted/);
    expect(rows[1]).toMatch(/bpf\.h +- +- +unreadable/);
    expect(rows[2]).toMatch(/missing\.o +- +- +unreadable/);
    expect(rows[3]).toMatch(/legacy\.o +count +socket_filter +accepted/);
    expect(io.stdout).toContain('bpf.h, offset 0x0: not an ELF file');
    expect(io.stdout).toContain(`${missing}: no such file`);
  });

  it('in JSON too', async () => {
    const io = testIo();
    expect(await verify.run(['--json', missing, object('globals.o')], io)).toBe(2);
    expect(JSON.parse(io.stdout)).toMatchObject([
      { file: missing, verdict: 'unreadable', error: `${missing}: no such file` },
      { program: 'use_globals', verdict: 'accept' },
    ]);
  });
});

describe('wrong usage', () => {
  it.each([
    [['--compare', 'windows', 'a.o'], /--compare takes linux/],
    [['--compare', 'linux', '--batch'], /not --batch/],
    [['--compare', 'linux', '--backend', 'linux', 'a.o'], /compares with --backend userspace/],
  ])('%j', async (args, message) => {
    await expect(verify.run(args, testIo())).rejects.toThrow(message);
    await expect(verify.run(args, testIo())).rejects.toBeInstanceOf(UsageError);
  });
});
