/** Callbacks and tail calls from functions, compiled by clang: what each program returns on both backends. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD } from '../../src/uapi/index.ts';
import { update, u32 } from '../behaviour/support.ts';
import { onBackends } from '../backends.ts';

const bytes = new Uint8Array(readFileSync(new URL('control.o', import.meta.url)));
const FRAME = new Uint8Array(64);

function run(sys: BpfSys, progFd: number): number {
  const attr = { progFd, dataIn: FRAME, retval: -1, repeat: 1 };
  expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
  return attr.retval | 0;
}

/** What stands in the prog array, by index. */
const TARGETS = ['target', 'again', 'in_array_2'] as const;
const NAMES = Object.keys(loadCollectionSpec(bytes, { file: 'control.o' }).programs).sort();

onBackends(
  'control',
  Object.fromEntries(
    NAMES.map((name) => [
      name,
      ({ sys, ledger }) => {
        const spec = loadCollectionSpec(bytes, { file: 'control.o' });
        using loaded = spec.load(sys, { programs: [...new Set([name, ...TARGETS])] });
        const { progs } = loaded.maps;
        TARGETS.forEach((target, i) => {
          expect(update(sys, progs.fd, u32(i), u32(loaded.programs[target].fd))).toBe('ok');
        });
        ledger('returns', [1, 2].map(() => run(sys, loaded.programs[name].fd)));
      },
    ]),
  ),
);
