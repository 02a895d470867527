/** The command's entry: nouns and their prefixes, help, and how each kind of error is told. */
import { parseArgs } from 'node:util';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/cli/command.ts';
import { dispatch } from '../../src/cli/dispatch.ts';
import { describeFailure } from '../../src/cli/failure.ts';
import { formatTable, thousands } from '../../src/cli/table.ts';
import { BpfError, FormatError, InternalError, Trap, UnsupportedError, VerifierError } from '../../src/errors/index.ts';
import { testIo } from '../support/io.ts';

const output = async (...args: string[]): Promise<string> => {
  const io = testIo();
  expect(await dispatch(args, io)).toBe(0);
  expect(io.stderr).toBe('');
  return io.stdout;
};

describe('dispatch', () => {
  it('lists the nouns', async () => {
    const text = await output('--help');
    expect(text).toMatch(/^usage: skep COMMAND/);
    for (const noun of ['verify', 'run', 'obj', 'prog', 'exec', 'asm', 'disasm'])
      expect(text).toMatch(new RegExp(`^ {2}${noun} +\\S`, 'm'));
    expect(await output('help')).toBe(text);
  });

  it('prints a noun’s help, also for a prefix', async () => {
    const text = await output('prog', '--help');
    expect(text).toMatch(/^usage: skep prog/);
    expect(await output('pro', 'run', '-h')).toBe(text);
    expect(await output('help', 'prog')).toBe(text);
  });

  it('prints the version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await output('--version')).toBe(`skep ${version}\n`);
  });

  it.each([
    [['nonsense'], 'no such command: nonsense'],
    [['--nonsense'], 'no such option: --nonsense'],
    [['toString'], 'no such command: toString'],
    [['help', 'nonsense'], 'no such command: nonsense'],
  ])('refuses %j', async (args, message) => {
    await expect(dispatch(args, testIo())).rejects.toThrow(new UsageError(message));
  });
});

describe('describeFailure', () => {
  const parse = (): unknown => {
    try {
      return parseArgs({ args: ['--nope'], options: {} });
    } catch (error) {
      return error;
    }
  };
  const read = (path: string): unknown => {
    try {
      return readFileSync(path);
    } catch (error) {
      return error;
    }
  };

  it.each([
    [new UsageError('too many files'), 2, 'skep: too many files; see skep --help\n'],
    [parse(), 2, /^skep: Unknown option '--nope'.*; see skep --help\n$/],
    [read('/no/such/file.o'), 2, 'skep: /no/such/file.o: no such file\n'],
    [new FormatError('bad magic', { file: 'x.o', offset: 16 }), 2, 'skep: x.o, offset 0x10: bad magic\n'],
    [new BpfError(-22, 'BPF_MAP_CREATE'), 1, 'skep: BPF_MAP_CREATE: Invalid argument (EINVAL)\n'],
    [
      new VerifierError(-13, 'R0 !read_ok', 'a long log\nof lines', 3),
      1,
      'skep: BPF_PROG_LOAD: Permission denied (EACCES): R0 !read_ok\n',
    ],
    [new Trap('out of bounds', 7), 1, 'skep: trap at instruction 7: out of bounds\n'],
    [new UnsupportedError('map type lpm_trie'), 1, 'skep: not supported yet: map type lpm_trie\n'],
    [new InternalError('lost'), 70, 'skep: internal error: lost (this is a bug of skep; SKEP_DEBUG=1 shows where)\n'],
    [new TypeError('x is not a function'), 70, /^skep: x is not a function \(this is a bug of skep/],
    ['a string', 70, /^skep: internal error: threw a string \(this is a bug/],
  ])('%s', (error, exitCode, text) => {
    const failure = describeFailure(error, false);
    expect(failure.exitCode).toBe(exitCode);
    if (typeof text === 'string') expect(failure.text).toBe(text);
    else expect(failure.text).toMatch(text);
    expect(failure.text.trimEnd()).not.toContain('\n');
  });

  it('shows the stack where it is asked for', () => {
    expect(describeFailure(new TypeError('oops'), true).text).toMatch(/^skep: oops.*\nTypeError: oops\n +at /);
  });
});

describe('formatTable', () => {
  it('aligns numbers to the right, text to the left', () => {
    const rows = [
      ['name', 'packets', 'note'],
      ['tcp', '1,164', 'x'],
      ['icmp', '9'],
    ];
    expect(formatTable(rows)).toBe('name  packets  note\ntcp     1,164  x\nicmp        9\n');
  });

  it('groups digits', () => {
    expect([0, 999, 1000, 1234567n, -1234567].map(thousands)).toEqual(['0', '999', '1,000', '1,234,567', '-1,234,567']);
  });
});
