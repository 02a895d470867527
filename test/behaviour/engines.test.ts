/** The programs of the benchmark and of the test objects return the same on every engine, with and without a budget. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import type { KernelOptions } from '../../src/kernel/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { CollectionSpec } from '../../src/loader/index.ts';

const folder = new URL('../../bench/', import.meta.url);
const read = (url: URL): Uint8Array => new Uint8Array(readFileSync(url));
const packet = read(new URL('packet.bin', folder));

interface Engine extends KernelOptions {
  readonly fuel?: number;
}

const ENGINES: Readonly<Record<string, Engine>> = {
  jit: { engine: 'jit' },
  'jit with a budget': { engine: 'jit', fuel: 1e9 },
  'jit hardened': { engine: 'jit', hardened: true },
  'interp with a budget': { engine: 'interp', fuel: 1e9 },
};

/** What the programs of an object return in three runs each. */
function returned(spec: CollectionSpec, { fuel, ...options }: Engine): Record<string, number[] | string> {
  const kernel = createKernel({ ...options, random: () => 4 });
  using loaded = spec.load(kernel);
  return Object.fromEntries(
    Object.entries(loaded.programs).map(([name, program]) => {
      const runs = [1, 2, 3].map(() => program.run({ data: packet, fuel }).retval);
      return [name, kernel.notCompiled(program.fd) ?? runs];
    }),
  );
}

describe('engines', () => {
  const objects = [
    ...readdirSync(folder).filter((name) => name.endsWith('.o')),
    ...['control.o', 'flows.o', 'subprogs.o'].map((name) => `../test/objects/${name}`),
  ];
  for (const name of objects) {
    it(`agree on ${name.replace(/.*\//, '')}`, () => {
      const spec = loadCollectionSpec(read(new URL(name, folder)), { file: name });
      const expected = returned(spec, { engine: 'interp' });
      for (const [engine, options] of Object.entries(ENGINES))
        expect(returned(spec, options), engine).toEqual(expected);
    });
  }
});
