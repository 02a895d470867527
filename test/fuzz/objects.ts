/**
 * Mutated objects: a spec that can be printed and loaded, or a FormatError that says where, or an UnsupportedError that
 * names the construct; nothing else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { BpfError, FormatError, UnsupportedError } from '../../src/errors/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import { Random } from '../../src/util/index.ts';
import { FakeSys } from '../support/fake-sys.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import { mutate } from './mutate.ts';

const folder = new URL('../objects/', import.meta.url);
const objects = readdirSync(folder)
  .filter((name) => name.endsWith('.o'))
  .sort()
  .map((name) => new Uint8Array(readFileSync(new URL(name, folder))));

const NUMBERS = [
  0, 1, 4, 7, 8, 16, 24, 64, 0xff, 0x7fff, 0xffff, 0xff00, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff,
];

/** Change numbers in place, where a move of bytes would only break the section table. */
function damage(file: Uint8Array, random: Random): Uint8Array {
  if (random.oneIn(4)) return mutate(file, random);
  const bytes = file.slice();
  const view = new DataView(bytes.buffer);
  for (let rounds = 1 + random.below(6); rounds > 0; rounds--) {
    const at = random.below(bytes.length >> 2) * 4;
    const choice = random.below(5);
    if (choice === 0) view.setUint32(at, random.pick(NUMBERS), true);
    else if (choice === 1) view.setUint32(at, view.getUint32(at, true) + random.pick([-8, -4, -1, 1, 4, 8]), true);
    else if (choice === 2) view.setUint32(at, view.getUint32(random.below(bytes.length >> 2) * 4, true), true);
    else if (choice === 3) bytes[at + random.below(4)] ^= 1 << random.below(8);
    else view.setUint16(at + random.below(2) * 2, random.pick(NUMBERS), true);
  }
  return bytes;
}

/** Everything that is done with an object short of running it. */
function use(file: Uint8Array): void {
  const spec = loadCollectionSpec(file, { file: 'fuzz.o' });
  spec.toString();
  JSON.stringify(spec);
  for (const program of Object.values(spec.programs)) void program.lines;
  for (const variable of Object.values(spec.variables)) if (variable.size < 1 << 20) variable.get();
  for (const name of Object.keys(spec.programs)) {
    try {
      using collection = spec.load(new FakeSys(), { programs: [name] });
      for (const map of Object.values(collection.maps)) if (map.valueSize < 1 << 20) for (const _ of map);
    } catch (error) {
      if (!(error instanceof BpfError || error instanceof UnsupportedError)) throw error;
    }
  }
}

function check(file: Uint8Array): string | undefined {
  try {
    use(file);
  } catch (error) {
    if (error instanceof UnsupportedError) return error.construct === '' ? 'unsupported without a name' : undefined;
    if (!(error instanceof FormatError)) return `threw ${error instanceof Error ? error.stack : String(error)}`;
    if (error.file !== 'fuzz.o' || (error.section === '' && error.offset < 0)) return `says no place: ${error.message}`;
  }
  return undefined;
}

export const campaign: Campaign = {
  name: 'objects',
  summary: 'mutated object files: a spec, a FormatError or an UnsupportedError',
  defaultCount: 500_000,
  runCase(seed, n) {
    const random = new Random(caseSeed(seed, n));
    const file = damage(random.pick(objects), random);
    const problem = check(file);
    return problem && `${problem}\nfile: ${Buffer.from(file).toString('hex')}`;
  },
};
