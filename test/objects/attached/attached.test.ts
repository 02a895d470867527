/**
 * Programs attached by the kernel's types, from an object of clang to the verdict: what their sections name is found, their
 * fields are relocated, and the verifier says what Linux 6.18 said of them. SKEP_BLESS=1 on that kernel records it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BpfError, UnsupportedError } from '../../../src/errors/index.ts';
import { createKernel } from '../../../src/kernel/index.ts';
import { openLinux } from '../../../src/linux/index.ts';
import { loadCollectionSpec, reasonOf, statsOf } from '../../../src/loader/index.ts';
import type { BpfSys } from '../../../src/sys/index.ts';
import { blessing } from '../../backends.ts';
import { profileTypes } from '../../support/profile-types.ts';

const LEDGER = new URL('linux-6.18.json', import.meta.url);
const file = 'attached.o';
const spec = loadCollectionSpec(new Uint8Array(readFileSync(new URL(file, import.meta.url))), { file });
const names = Object.keys(spec.programs);

interface Answer {
  readonly errno: number;
  readonly message?: string;
  readonly stats: object;
}

function answerOf(sys: BpfSys, name: string): Answer {
  const told = (log: string): object => {
    const { verif_usec: _, ...stats } = statsOf(log);
    return stats;
  };
  try {
    const collection = spec.load(sys, { programs: [name], logLevel: 5 });
    collection.close();
    return { errno: 0, stats: told(collection.programs[name].log) };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    const log = 'log' in error ? String(error.log) : '';
    return { errno: error.errno, message: reasonOf(log).at(-1) ?? '', stats: told(log) };
  }
}

if (blessing) {
  const linux = await openLinux();
  writeFileSync(
    LEDGER,
    `${JSON.stringify(Object.fromEntries(names.map((name) => [name, answerOf(linux, name)])), null, 1)}\n`,
  );
}

const recorded = JSON.parse(readFileSync(LEDGER, 'utf8')) as Record<string, Answer>;
const types = profileTypes();

describe(file, () => {
  const kernel = createKernel({ verifyOnly: true, kernelBtf: types });

  it.skipIf(!types).each(names)('%s is judged as on Linux', (name) => {
    expect(answerOf(kernel, name)).toEqual(recorded[name]);
  });

  it('without types of a kernel nothing is guessed', () => {
    const bare = createKernel({ verifyOnly: true });
    for (const name of names) expect(() => answerOf(bare, name), name).toThrow(UnsupportedError);
  });
});
