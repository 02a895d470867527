import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ERRNO, FormatError } from '../errors/index.ts';
import type { ExchangeAnswer } from '../loader/index.ts';
import { openLinux } from '../linux/index.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { command as prog } from './prog.ts';
import { command as verify } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'skep-verify-'));
afterAll(() => rmSync(folder, { recursive: true }));
const object = (name: string): string => fileURLToPath(new URL(`../../test/objects/${name}.o`, import.meta.url));

const linux = await openLinux().then(
  () => true,
  (error: Error) => void console.warn(`skipped on Linux: ${error.message}`),
);
const backends = linux ? ['userspace', 'linux'] : ['userspace'];

async function call(command: Command, args: string[], stdin = ''): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    async *stdin() {
      yield Promise.resolve(Buffer.from(stdin));
    },
    interactive: false,
  };
  return { code: await command.run(args, io), out, err };
}

/** Times differ from run to run. */
const timeless = (text: string): string => text.replace(/ +\d+\.\d\d ms/g, '').replace(/"usec": \d+/g, '"usec": 0');

describe.each(backends)('skep verify --backend %s', (backend) => {
  it('prints a table, and why a program is refused', async () => {
    const { code, out } = await call(verify, ['--backend', backend, object('rejected')]);
    expect(code).toBe(1);
    expect(
      timeless(out)
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'PROGRAM          TYPE           VERDICT           INSNS  STATES  PEAK  STACK  TIME',
      'no_null_check    socket_filter  refused (EACCES)      7       0     0      8',
      'no_bounds_check  xdp            refused (EACCES)      2       0     0      0',
      '',
      `${object('rejected')}: program no_null_check: refused: R0 invalid mem access 'map_value_or_null'`,
      '  instruction 7: (79) r1 = *(u64 *)(r0 +0)',
      '  ./rejected.c:15:10: *value += 1;',
      '',
      `${object('rejected')}: program no_bounds_check: refused: R1 offset is outside of the packet`,
      '  invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)',
      '  instruction 1: (71) r1 = *(u8 *)(r1 +12)',
      '  ./rejected.c:22:10: return data[12] == 8 ? XDP_PASS : XDP_DROP;',
      '',
    ]);
  });

  it('accepts, by name, with the log', async () => {
    const { code, out } = await call(verify, [
      '--backend',
      backend,
      '--log-level',
      '2',
      '--program',
      'use_globals',
      object('globals'),
    ]);
    expect(code).toBe(0);
    expect(out).toContain('use_globals  socket_filter  accepted');
    expect(out).toContain('verifier log of use_globals:\nfunc#0 @0\n');
    expect(out).toMatch(/processed \d+ insns \(limit 1000000\)/);
  });

  it('prints JSON', async () => {
    const { code, out } = await call(verify, ['--backend', backend, '--json', object('rejected')]);
    expect(code).toBe(1);
    const [first] = JSON.parse(timeless(out)) as object[];
    expect(first).toEqual({
      file: object('rejected'),
      program: 'no_null_check',
      section: 'socket',
      type: 'socket_filter',
      verdict: 'reject',
      errno: 13,
      reason: ["R0 invalid mem access 'map_value_or_null'"],
      insn: 7,
      instruction: '(79) r1 = *(u64 *)(r0 +0)',
      source: { insn: 7, file: './rejected.c', line: 15, column: 10, text: '*value += 1;' },
      insns: 7,
      max_states_per_insn: 0,
      total_states: 0,
      peak_states: 0,
      stack_depth: '8',
      usec: 0,
    });
  });

  it('names what is not supported', async () => {
    const { code, out } = await call(verify, ['--backend', backend, '--program', 'uses_kfunc', object('unsupported')]);
    expect(code).toBe(1);
    expect(out).toContain('unsupported (ENOTSUPP)');
    expect(out).toContain('call of extern function');
  });

  const programs = [
    { name: 'constant', insns: 'b7000000 2a000000 95000000 00000000', runs: [{}, { data: '11'.repeat(20) }] },
    { name: 'refused', insns: 'bf20000000000000 9500000000000000' },
    { name: 'broken', insns: '95' },
  ];
  const lines = programs.map((program) => JSON.stringify(program)).join('\n');

  it('--batch answers a line each', async () => {
    const { code, out } = await call(verify, ['--batch', '--backend', backend], lines);
    expect(code).toBe(0);
    const answers = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ExchangeAnswer);
    expect(answers.map(({ name, verdict, reason, insns }) => [name, verdict, reason, insns])).toEqual([
      ['constant', 'accept', [], 2],
      ['refused', 'reject', ['R2 !read_ok'], 1],
      ['broken', 'setup-failed', ['line 3: field insns: 1 bytes are not a multiple of 8'], undefined],
    ]);
  });

  it('--batch reads a file, and gives logs', async () => {
    const file = join(folder, 'programs.jsonl');
    writeFileSync(file, lines);
    const { out } = await call(verify, ['--batch', '--full-log', '--level', '2', '--backend', backend, file]);
    const [constant, refused] = out
      .split('\n')
      .map((line) => (line ? (JSON.parse(line) as ExchangeAnswer) : undefined));
    expect(constant?.log).toContain('0: (b7) r0 = 42');
    expect(refused?.log).toContain('R2 !read_ok');
    expect(refused?.stack_depth).toBeUndefined();
  });

  it('--nonperfmon forbids what leaks a pointer', async () => {
    const leak = JSON.stringify({ insns: 'bfa0000000000000 9500000000000000' });
    const verdict = async (...more: string[]): Promise<string> => {
      const { out } = await call(verify, ['--batch', '--backend', backend, ...more], leak);
      return (JSON.parse(out) as ExchangeAnswer).verdict;
    };
    expect(await verdict()).toBe('accept');
    expect(await verdict('--nonperfmon')).toBe('reject');
  });

  it('--caps names who asks', async () => {
    const leak = JSON.stringify({ insns: 'bfa0000000000000 9500000000000000' });
    const answer = async (caps: string): Promise<[string, number | undefined, string | undefined]> => {
      const { out } = await call(verify, ['--batch', '--backend', backend, '--caps', caps], leak);
      const { verdict, errno, reason } = JSON.parse(out) as ExchangeAnswer;
      return [verdict, errno, reason?.at(-1)];
    };
    expect((await answer('all'))[0]).toBe('accept');
    expect((await answer('bpf, CAP_PERFMON'))[0]).toBe('accept');
    expect(await answer('bpf')).toEqual(['reject', ERRNO.EACCES, 'R0 leaks addr as return value']);
    expect((await answer('net_admin,perfmon')).slice(0, 2)).toEqual(['reject', ERRNO.EPERM]);
    expect((await answer('none')).slice(0, 2)).toEqual(['reject', ERRNO.EPERM]);
  });

  it('prog run --batch runs', async () => {
    const { out } = await call(prog, ['run', '--batch', '--backend', backend], lines);
    const [{ runs = [] }] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ExchangeAnswer);
    expect(runs.map(({ errno, retval, data_out }) => [errno, retval, data_out.length])).toEqual([
      [0, 42, 128],
      [0, 42, 40],
    ]);
  });

  it('prog run runs a program of an object', async () => {
    const frame = '00112233445566778899001108004500002800004000400600' + '00c0000201c0000202';
    const { code, out } = await call(prog, ['run', '--backend', backend, object('globals'), '--data', frame, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ program: 'use_globals', type: 'socket_filter', data_out: frame });
  });
});

describe('wrong usage', () => {
  const wrong: readonly (readonly [Command, string[], RegExp])[] = [
    [verify, [], /which object/],
    [verify, ['--backend', 'windows', 'x.o'], /--backend is userspace or linux/],
    [verify, ['--batch', 'a', 'b'], /takes one file/],
    [verify, ['--log-level', '99', object('flows')], /--log-level is a whole number from 0 to 15/],
    [verify, ['--caps', 'bpf,flying', object('flows')], /there is no capability flying/],
    [verify, ['--program', 'nobody', object('flows')], /has no program nobody; there are: flow_counter/],
    [prog, [], /say what to do/],
    [prog, ['walk'], /no such command: skep prog walk/],
    [prog, ['run'], /takes an object/],
    [prog, ['run', object('flows'), '--data', 'zz'], /--data is hexadecimal/],
    [prog, ['run', object('flows'), '--repeat', '0'], /--repeat is a whole number from 1/],
  ];
  it.each(wrong)('%# is refused', async (command, args, message) => {
    await expect(call(command, args)).rejects.toThrow(message);
    await expect(call(command, args)).rejects.toBeInstanceOf(UsageError);
  });

  it('an object that is none names the file', async () => {
    const file = join(folder, 'text.o');
    writeFileSync(file, 'not an object');
    await expect(call(verify, [file])).rejects.toThrow(FormatError);
    await expect(call(verify, [file])).rejects.toThrow(/text\.o/);
    await expect(call(verify, [join(folder, 'missing.o')])).rejects.toThrow(/ENOENT/);
  });
});

describe.runIf(linux)('dropped capabilities', () => {
  it('are back afterwards', async () => {
    const before = execFileSync('grep', ['CapEff', '/proc/self/status'], { encoding: 'utf8' });
    const caps = JSON.stringify({ insns: 'b700000000000000 9500000000000000', prog_type: 'xdp', caps: ['net_admin'] });
    const { out } = await call(verify, ['--batch', '--backend', 'linux'], caps);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'reject', errno: 1 });
    expect(execFileSync('grep', ['CapEff', '/proc/self/status'], { encoding: 'utf8' })).toBe(before);
  });
});
