/**
 * Maps of every type whose memory a wrong program has written: headers, lengths, links, chains in circles. Operations by
 * programs and commands of user space then answer something or throw an error that names a map; nothing else is thrown,
 * nothing goes on for ever, and the map can still be closed. Another map in the same memory may have other contents, too;
 * outside of the memory nothing is reached.
 */
import { InternalError } from '../../src/errors/index.ts';
import { elementsOf } from '../../src/maps/index.ts';
import { Random } from '../../src/util/index.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import { TYPES, openMap } from './maps.ts';
import type { OpenMap } from './maps.ts';

const HEADER_WORDS = 32;
const STEPS = 60;

/** Overwrite one word of the map: half of the time of its header. */
function corrupt({ map, deps }: OpenMap, random: Random): void {
  const { memory } = deps;
  const words = random.oneIn(2) ? HEADER_WORDS : Math.min(map.memoryBytes, 1 << 16) / 4;
  const at = map.address + 4 * random.below(words);
  const inside = map.address + 4 * random.below(words);
  const old = memory.view.getUint32(at, true);
  const nearby = [old + 1, old - 1, old ^ (1 << random.below(32)), old + map.address];
  const values = [0, 1, 0xffffffff, 0x7fffffff, random.u32(), map.address, at, inside, ...nearby];
  memory.view.setUint32(at, random.pick(values) >>> 0, true);
}

/** Do something; errors that say which map is corrupt are what there should be. */
function attempt(body: () => void): string | undefined {
  try {
    body();
  } catch (error) {
    // A list that leads to what is no map has no name to give.
    const clear =
      error instanceof InternalError && /the memory of map '(\S+|at 0x[0-9a-f]+)' is corrupt: /.test(error.message);
    if (!clear) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return undefined;
}

export function runCorruption(name: string, seed: number): string | undefined {
  const random = new Random(seed);
  const open = openMap(name, random);
  const { map, deps, bench } = open;
  for (let n = 0; n < STEPS; n++) bench.step();
  for (let n = 1 + random.below(4); n > 0; n--) corrupt(open, random);
  for (let n = 0; n < STEPS; n++) {
    const wrong = attempt(() => void bench.step());
    if (wrong !== undefined) return `${name}: ${wrong}`;
    if (random.oneIn(20)) corrupt(open, random);
  }
  const elements = (): void => {
    let left = 1000;
    for (const _ of elementsOf(map, { space: deps.memory, cpu: 0 }) ?? []) if (left-- === 0) return;
  };
  const buckets = (): void => {
    for (let n = 0; n < 100; n++) map.bucketKeys?.(n);
  };
  const close = (): void => {
    while (!deps.rcu.idle) deps.rcu.exit();
    map.destroy();
  };
  const wrong = attempt(elements) ?? attempt(buckets) ?? attempt(close);
  return wrong && `${name}: ${wrong}`;
}

let chosen: readonly string[] = TYPES;

export const campaign: Campaign = {
  name: 'map-corruption',
  summary: 'maps whose memory was written at random answer or name themselves, types in turn or --type T',
  defaultCount: 50_000,
  choose(type) {
    if (!TYPES.includes(type)) throw new Error(`--type ${type}: one of ${TYPES.join(', ')}`);
    chosen = [type];
  },
  runCase: (seed, n) => runCorruption(chosen[n % chosen.length], caseSeed(seed, n)),
};
