/** Variables of `.kconfig`: what programs find in them, on both backends, and what the loader refuses. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { onBackends } from '../backends.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { LoadOptions } from '../../src/loader/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD } from '../../src/uapi/index.ts';

const bytes = new Uint8Array(readFileSync(new URL('kconfig.o', import.meta.url)));
const spec = () => loadCollectionSpec(bytes, { file: 'kconfig.o' });
const SETTINGS = {
  CONFIG_HZ: '250',
  CONFIG_BPF_SYSCALL: 'y',
  CONFIG_NET: 'm',
  CONFIG_BPF_JIT: 'y',
  CONFIG_DEFAULT_HOSTNAME: '"(none)"',
};

function results(sys: BpfSys, options: LoadOptions): Record<string, number> {
  using loaded = spec().load(sys, options);
  const run = (progFd: number): number => {
    const attr = { progFd, dataIn: new Uint8Array(64), retval: 0 };
    expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
    return attr.retval | 0;
  };
  return Object.fromEntries(Object.entries(loaded.programs).map(([name, { fd }]) => [name, run(fd)]));
}

onBackends('kconfig', {
  'settings that are given': ({ sys, ledger }) => {
    ledger('results', results(sys, { kconfig: SETTINGS }));
    ledger('another number', results(sys, { kconfig: { ...SETTINGS, CONFIG_HZ: '-7', CONFIG_NO_SUCH_THING: 'y' } }));
  },
});

describe('the loader', () => {
  const load = (kconfig: Record<string, string>) => () => spec().load(createKernel(), { kconfig }).close();

  it('names a setting that is missing', () => {
    const { CONFIG_HZ: _, ...others } = SETTINGS;
    expect(load(others)).toThrow(/ESRCH.*CONFIG_HZ/);
  });

  it.each([
    ['CONFIG_HZ', '4294967296'],
    ['CONFIG_HZ', 'y'],
    ['CONFIG_HZ', 'many'],
    ['CONFIG_BPF_SYSCALL', 'm'],
    ['CONFIG_BPF_SYSCALL', '1'],
    ['CONFIG_NET', '"y"'],
    ['CONFIG_DEFAULT_HOSTNAME', 'y'],
  ])('refuses %s=%s', (name, value) => {
    expect(load({ ...SETTINGS, [name]: value })).toThrow(/EINVAL/);
  });

  it('places the variables, largest first', () => {
    const { config } = spec().maps['.kconfig'];
    expect(config?.variables.map(({ name, offset, size }) => `${offset}+${size} ${name}`)).toMatchInlineSnapshot(`
      [
        "0+4 CONFIG_HZ",
        "4+4 CONFIG_NET",
        "8+4 CONFIG_NO_SUCH_THING",
        "12+4 LINUX_KERNEL_VERSION",
        "16+8 CONFIG_DEFAULT_HOSTNAME",
        "24+1 CONFIG_BPF_JIT",
        "25+1 CONFIG_BPF_SYSCALL",
      ]
    `);
  });
});
