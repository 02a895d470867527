import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { testIo } from '../../test/support/io.ts';
import { UsageError } from './command.ts';
import { command } from './exec.ts';

const folder = mkdtempSync(join(tmpdir(), 'skep-exec-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function file(text: string): string {
  const path = join(folder, `${++count}.data`);
  writeFileSync(path, text);
  return path;
}

async function exec(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = testIo();
  return { code: await command.run(args, io), out: io.stdout, err: io.stderr };
}

/** The report of one file, without its name. */
async function report(text: string, ...args: string[]): Promise<Record<string, unknown>> {
  const path = file(text);
  const { code, out } = await exec('--json', ...args, path);
  const found = JSON.parse(out) as Record<string, unknown>;
  expect(found['file']).toBe(path);
  expect(code).toBe(found['status'] === 'pass' ? 0 : 1);
  delete found['file'];
  return found;
}

describe('skep exec', () => {
  it('compares r0', async () => {
    expect(await report('-- asm\nmov %r0, -1\nexit\n-- result\n0xffffffffffffffff')).toEqual({
      engine: 'interp',
      status: 'pass',
      expected: '0xffffffffffffffff',
      actual: '0xffffffffffffffff',
    });
    expect(await report('-- asm\nmov %r0, 3\nexit\n-- result\n4')).toEqual({
      engine: 'interp',
      status: 'fail',
      expected: '0x4',
      actual: '0x3',
    });
  });

  it('gives memory and its length in r1 and r2', async () => {
    const sum =
      '-- asm\nldxh %r0, [%r1+1]\nstb [%r1], 9\nldxb %r3, [%r1]\nadd %r0, %r3\nlsh %r2, 32\nadd %r0, %r2\nexit';
    expect(await report(`${sum}\n-- mem\n11 22 33\n-- result\n0x30000332b`)).toMatchObject({ status: 'pass' });
    expect(await report('-- asm\nmov %r0, %r1\nor %r0, %r2\nexit\n-- result\n0')).toMatchObject({ status: 'pass' });
    const behind = '-- asm\nldxb %r0, [%r1+3]\nexit\n-- mem\n112233\n';
    expect(await report(`${behind}-- result\n0`)).toMatchObject({
      status: 'error',
      expected: '0x0',
      actual: 'error',
      message: expect.stringMatching(/^trap at instruction 0: invalid read of 1 byte at 0x/) as string,
    });
    expect(await report(`${behind}-- error\n`)).toMatchObject({ status: 'pass', expected: 'error', actual: 'error' });
  });

  it('takes the memory for the packet', async () => {
    const text = '-- asm\nmov %r6, %r1\nldabsh 1\nexit\n-- mem\n11 22 33\n-- result\n0x2233';
    expect(await report(text)).toMatchObject({ status: 'pass' });
  });

  it('wants programs of error files to fail, when they run or before', async () => {
    const expected = 'error';
    expect(await report('-- asm\nmov %r0, 1\nexit\n-- error\n')).toMatchObject({
      status: 'fail',
      expected,
      actual: '0x1',
    });
    expect(await report('-- asm\nja -1\nexit\n-- error\n')).toMatchObject({
      status: 'pass',
      message: expect.stringMatching('budget is used up') as string,
    });
    expect(await report('-- asm\nmov %r11, 1\nexit\n-- error\n')).toMatchObject({ status: 'pass', expected });
    expect(await report('-- asm\nmov %r0, 1\nexit\n-- result\n1\n-- error pattern\nany')).toMatchObject({
      status: 'fail',
    });
    expect(await report('-- asm\nexit\n-- mem\nxyz\n-- error\n')).toMatchObject({ status: 'error', actual: null });
  });

  it('has the functions of the shared test files', async () => {
    const gather = [1, 2, 3, 4, 5].map((n) => `mov %r${n}, ${n}`).join('\n');
    expect(await report(`-- asm\n${gather}\ncall 0\nexit\n-- result\n0x0102030405`)).toMatchObject({ status: 'pass' });
    expect(
      await report('-- asm\nmov %r6, %r1\ncall 1\nldxh %r0, [%r6]\nexit\n-- mem\n0001\n-- result\n0x2b2a'),
    ).toMatchObject({ status: 'pass' });
    expect(await report('-- asm\nmov %r1, 144\ncall 3\nexit\n-- result\n12')).toMatchObject({ status: 'pass' });
    expect(
      await report('-- asm\nmov %r2, %r1\nadd %r2, 3\ncall 4\nexit\n-- mem\n6162006163 00\n-- result\n-1'),
    ).toMatchObject({ status: 'pass' });
    expect(await report('-- asm\nmov %r1, -1\ncall 5\nmov %r0, 2\nexit\n-- result\n2')).toMatchObject({
      status: 'pass',
    });
    expect(await report('-- asm\ncall 7\njeq %r0, 0, +1\nmov %r0, 1\nexit\n-- result\n1')).toMatchObject({
      status: 'pass',
    });
    expect(await report('-- asm\ncall 63\nexit\n-- error')).toMatchObject({ status: 'pass' });
  });

  it('says what is wrong with a file and goes on with the next', async () => {
    const good = file('-- asm\nmov %r0, 1\nexit\n-- result\n1');
    const bad = file('-- asm\nmov %r0, x y\n-- result\n1');
    const missing = join(folder, 'missing.data');
    const { code, out } = await exec(bad, missing, good);
    expect(code).toBe(1);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^error {2}.*1?\.data: /);
    expect(lines[1]).toMatch(/^error {2}.*missing\.data: ENOENT/);
    expect(lines.slice(2)).toEqual([`pass   ${good}`, '1 of 3 passed', '']);
  });

  it('shows registers on the way', async () => {
    const path = file('-- asm\nmov %r0, 1\nadd %r0, %r0\nexit\n-- result\n2');
    const { err } = await exec('--trace', path);
    const lines = err.split('\n').map((line) => line.replace(/ +/g, ' ').replace(/ ?r10=.*/, ''));
    expect(lines).toEqual([' 0: (b7) r0 = 1', ' 1: (0f) r0 += r0 r0=0x1', ' 2: (95) exit r0=0x2', '']);
  });

  it('traps alike on both engines', async () => {
    for (const text of ['ldxb %r0, [%r1+3]\nexit', 'l:\nadd %r0, 1\nja l', 'call 99999\nexit']) {
      const [interp, jit] = [
        await report(`-- asm\n${text}\n-- result\n0`, '--engine', 'interp'),
        await report(`-- asm\n${text}\n-- result\n0`, '--engine', 'jit'),
      ];
      expect(jit).toEqual({ ...interp, engine: 'jit' });
      expect(jit['status']).toBe('error');
    }
  });

  it('leaves to the interpreter what is not compiled yet', async () => {
    const tailCall = '-- asm\nmov %r0, 5\ncall 12\nexit\n-- result\n5';
    expect((await report(tailCall, '--engine', 'jit'))['status']).toBe('pass');
  });

  it('knows its engines', async () => {
    for (const engine of ['interp', 'jit'])
      expect(await report('-- asm\nmov %r0, 7\nexit\n-- result\n7', '--engine', engine)).toEqual({
        engine,
        status: 'pass',
        expected: '0x7',
        actual: '0x7',
      });
    await expect(exec('--engine', 'fast', 'x')).rejects.toThrow(UsageError);
    await expect(exec()).rejects.toThrow(UsageError);
    await expect(exec('--engine', 'linux', '--trace', 'x')).rejects.toThrow(UsageError);
  });
});
