import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLinux } from '../linux/index.ts';
import { testIo } from '../../test/support/io.ts';
import { command as explain } from './explain.ts';
import { command as verify } from './verify.ts';

const object = (name: string): string => fileURLToPath(new URL(`../../test/objects/${name}`, import.meta.url));
const linux = await openLinux().then(
  () => true,
  (error: Error) => void console.warn(`skipped on Linux: ${error.message}`),
);

describe('--profile', () => {
  it('verify asks the system of 2014', async () => {
    const io = testIo();
    expect(await verify.run(['--profile', 'lwn-2014', object('xdp_parse.o')], io)).toBe(1);
    expect(io.stdout).toContain('refused: profile lwn-2014: there are no programs of type xdp');
  });

  it('explain too, with the instruction and what helps', async () => {
    const io = testIo();
    expect(await explain.run(['--profile', 'lwn-2014', '--json', object('legacy.o')], io)).toBe(1);
    expect(JSON.parse(io.stdout)).toMatchObject({
      message: 'profile lwn-2014: insn 8: programs of type socket_filter cannot call bpf_skb_load_bytes',
      kind: 'profile',
      remedy: 'do without the helper, or ask for another profile',
      steps: [{ insn: 8, role: 'refused' }],
    });
  });

  it('the default is Linux 6.18', async () => {
    const io = testIo();
    expect(await verify.run(['--profile', 'linux-6.18', object('xdp_parse.o')], io)).toBe(0);
  });

  it('an unknown one is answered with the list', async () => {
    const list = /there is no profile linux-2\.4; there are: linux-6\.18 \(.*\); lwn-2014 \(.*\)/;
    await expect(verify.run(['--profile', 'linux-2.4', object('maps.o')], testIo())).rejects.toThrow(list);
    await expect(explain.run(['--profile', 'linux-2.4', object('maps.o')], testIo())).rejects.toThrow(list);
  });

  it('a backend of its own is no profile', async () => {
    const asked = verify.run(['--profile', 'lwn-2014', '--backend', 'linux', object('maps.o')], testIo());
    await expect(asked).rejects.toThrow('--profile lwn-2014 goes with --backend userspace');
  });

  it.runIf(linux)('--compare says who was compared with whom', async () => {
    const io = testIo();
    expect(await verify.run(['--compare', 'linux', object('legacy.o')], io)).toBe(0);
    expect(io.stdout).toMatch(/^skep as linux-6\.18, compared with the running kernel, Linux \d+\.\d+\S* \S+\n/);
    const json = testIo();
    expect(await verify.run(['--compare', 'linux', '--profile', 'lwn-2014', '--json', object('legacy.o')], json)).toBe(
      1,
    );
    expect(JSON.parse(json.stdout)).toMatchObject([
      { compared: { profile: 'lwn-2014' }, verdict: 'reject', linux: { verdict: 'accept' } },
    ]);
  });
});
