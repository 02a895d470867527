import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { testIo } from '../../test/support/io.ts';
import { encodeClassic, parseClassic } from '../cbpf/index.ts';
import { dispatch } from './dispatch.ts';

const FILTER = `
       ld [4]
       jne #0xc000003e, bad
       ld [0]
       jeq #39, deny
       jeq #257, openat
allow: ret #0x7fff0000
openat: ld [32]
       jset #3, deny
       ret #0x7fff0000
deny:  ret #0x50001
bad:   ret #0x80000000
`;

const folder = mkdtempSync(join(tmpdir(), 'skep-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const filter = file('filter.asm', FILTER);

async function seccomp(input: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = testIo({ input: [new TextEncoder().encode(input)] });
  const code = await dispatch(['seccomp', ...args], io);
  return { code, out: io.stdout, err: io.stderr };
}

describe('skep seccomp run', () => {
  it('says what becomes of a call, and by which instructions', async () => {
    const { code, out } = await seccomp(
      FILTER,
      'run',
      '-',
      '--call',
      'openat(AT_FDCWD, "/", O_RDONLY)',
      '--call',
      '39()',
    );
    expect(code).toBe(0);
    expect(out).toBe(
      'openat(AT_FDCWD, "/", O_RDONLY): ALLOW\n  1 jeq #0xc000003e: yes\n  3 jeq #0x27: no\n  4 jeq #0x101: yes\n' +
        '  7 jset #0x3: no\n  8 ret #2147418112\n' +
        '39(): ERRNO(EPERM)\n  1 jeq #0xc000003e: yes\n  3 jeq #0x27: yes\n  9 ret #327681\n',
    );
    expect((await seccomp('', 'run', filter, '--arch', 'i386', '--call', 'getpid()')).out).toContain('KILL_PROCESS');
  });

  it('says what a verdict depends on', async () => {
    const { out } = await seccomp('', 'run', filter, '--call', 'openat(3, "x")', '--json');
    const [judged] = JSON.parse(out) as {
      verdict: unknown;
      dependsOn: string[];
      answers: { verdict: string; insn: number }[];
    }[];
    expect(judged.verdict).toBe(null);
    expect(judged.dependsOn).toEqual(['argument 2']);
    expect(judged.answers.map(({ verdict, insn }) => `${verdict} ${insn}`)).toEqual(['ERRNO(EPERM) 9', 'ALLOW 8']);
  });

  it('counts the calls of a log', async () => {
    const log = `getpid() = 5
openat(AT_FDCWD, "a", O_RDONLY) = 3
openat(AT_FDCWD, "b", O_RDONLY|O_CLOEXEC) = 4
openat(AT_FDCWD, "c", O_WRONLY) = 5
openat(AT_FDCWD, "d", 0x7 /* O_??? */) = -1 EINVAL
close(3) = 0
--- SIGCHLD {si_signo=SIGCHLD} ---
hello
exit_group(0) = ?
+++ exited with 0 +++`;
    const { code, out } = await seccomp(log, 'run', filter, '--strace', '-');
    expect(code).toBe(0);
    expect(out).toBe(`system call  calls  verdict       decided by
openat           2  ALLOW         8 ret #2147418112, as not 7 jset #0x3
openat           2  ERRNO(EPERM)  9 ret #327681, as 7 jset #0x3
close            1  ALLOW         5 ret #2147418112, as not 4 jeq #0x101
getpid           1  ERRNO(EPERM)  9 ret #327681, as 3 jeq #0x27
exit_group       1  ALLOW         5 ret #2147418112, as not 4 jeq #0x101

7 system calls in 10 lines
2 lines about signals, exits and processes
1 line not of strace
`);
    const { out: text } = await seccomp(log, 'run', filter, '--strace', '-', '--json');
    expect(JSON.parse(text)).toMatchObject({
      lines: 10,
      calls: [{ call: 'openat', count: 2, verdict: 'ALLOW' }, {}, {}, {}, {}],
    });
  });

  it('takes several filters, in bytes and in eBPF too', async () => {
    const bytes = file(
      'filter.bin',
      encodeClassic(parseClassic('ld [0]\njeq #3, no\nret #0x7fff0000\nno: ret #0x50009')),
    );
    const ebpf = file(
      'filter.bpf',
      'r2 = *(u32 *)(r1 + 0)\nr0 = 0x7ffc0000\nif r2 == 3 goto out\nr0 = 0x7fff0000\nout:\nexit\n',
    );
    const calls = ['--call', 'close(3)', '--call', 'getpid()', '--call', 'getuid()'];
    const { out } = await seccomp('', 'run', filter, bytes, ebpf, ...calls);
    expect(out.split('\n').filter((line) => /^\w+\(/.test(line))).toEqual([
      'close(3): ERRNO(EBADF)',
      'getpid(): ERRNO(EPERM)',
      'getuid(): ALLOW',
    ]);
    expect((await seccomp('', 'run', ebpf, '--call', 'close(3)')).out).toContain('close(3): LOG\n');
  });

  it.each([
    [['run'], 'a filter is missing'],
    [['run', filter], 'say --call or --strace'],
    [['run', filter, '--call', 'x()', '--strace', '-'], 'say --call or --strace'],
    [['run', '-', '--strace', '-'], 'one filter or the log'],
    [['run', filter, '--call', 'nope()'], 'x86_64 has no system call nope'],
    [['run', filter, '--call', 'getpid'], 'not a system call: getpid'],
    [['run', filter, '--call', 'getpid(1,2,3,4,5,6,7)'], 'a system call has 6 arguments'],
    [['run', filter, '--arch', 'vax', '--call', 'getpid()'], '--arch is x86_64, i386, aarch64, not vax'],
    [['show', filter, '--call', 'getpid()'], 'show judges no calls'],
    [['shwo', filter], 'no such command: skep seccomp shwo'],
  ])('refuses %j', async (args, problem) => {
    await expect(seccomp('', ...args)).rejects.toThrow(problem);
  });

  it('refuses what Linux refuses', async () => {
    await expect(seccomp('ld [2]\nret a', 'run', '-', '--call', 'getpid()')).rejects.toThrow(
      'EINVAL): standard input, instruction 0: 2 is no multiple of 4',
    );
  });
});

describe('skep seccomp show', () => {
  it('names what numbers mean', async () => {
    const { code, out } = await seccomp(FILTER, 'show', '-');
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.replace(/^.*;/, ';'))).toEqual([
      '; arch',
      '; x86_64',
      '; nr',
      '; getpid',
      '; openat',
      '; ALLOW',
      '; args[2].low',
      expect.stringContaining('jset'),
      '; ALLOW',
      '; ERRNO(EPERM)',
      '; KILL_PROCESS',
      '',
    ]);
  });

  it('says why Linux refuses a filter', async () => {
    const { code, err } = await seccomp('ldh [0]\nret a', 'show', '-');
    expect({ code, err }).toEqual({
      code: 1,
      err: 'skep: Linux refuses it: instruction 0: only whole words are loaded (a socket would take it)\n',
    });
  });
});
