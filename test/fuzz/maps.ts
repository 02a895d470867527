/**
 * Random operations on one map of every type, by programs (the map's own face and the map core's, as compiled programs call
 * it) and by user space, against a model in plain JavaScript: every answer and every value. Old values stay what they were
 * while a program runs; when the map is gone no byte of memory is left.
 */
import { MapCore, checkMap, createMap } from '../../src/maps/index.ts';
import type { BpfMap, MapDeps, MapInfo } from '../../src/maps/index.ts';
import { AddressSpace, Rcu } from '../../src/memory/index.ts';
import { MAP_FLAG, MAP_TYPE as M } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { ElementBench } from '../support/element-bench.ts';
import { ArrayModel, HashModel, TrieModel } from '../support/map-models.ts';
import { FilterBench, NestedBench, QueueBench, RingBench } from '../support/other-benches.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';

/** Operations of one case, on a map of its own. */
export const OPERATIONS = 1000;
const CPUS = 3;

/** A map under test and its model. */
export interface Bench {
  /** One operation. @returns what is wrong, or undefined */
  step(): string | undefined;
  /** Programs have ended. @returns what is wrong, or undefined */
  end?(): string | undefined;
}

interface Kind {
  readonly type: number;
  sizes(random: Random): Partial<MapInfo>;
  bench(map: BpfMap, deps: MapDeps, random: Random): Bench;
}

const entries = (random: Random): number => 1 + random.below(random.oneIn(2) ? 6 : 60);

const hash = (type: number, copies: number): Kind => ({
  type,
  sizes: (random) => ({
    keySize: 1 + random.below(20),
    valueSize: copies > 1 ? 8 * (1 + random.below(3)) : 1 + random.below(40),
    maxEntries: entries(random),
    flags: (random.oneIn(2) ? MAP_FLAG.NO_PREALLOC : 0) | (random.oneIn(2) ? MAP_FLAG.ZERO_SEED : 0),
  }),
  bench: (map, deps, random) => new ElementBench(map, deps, random, new HashModel(map.info.maxEntries), { copies }),
});

const lru = (type: number, copies: number): Kind => ({
  type,
  sizes: (random) => ({
    ...hash(type, copies).sizes(random),
    flags: random.oneIn(2) ? MAP_FLAG.NO_COMMON_LRU : 0,
  }),
  bench: (map, deps, random) => new ElementBench(map, deps, random, new HashModel(Infinity), { copies, forgets: true }),
});

const array = (type: number, copies: number): Kind => ({
  type,
  sizes: (random) => ({
    valueSize: copies > 1 ? 8 * (1 + random.below(3)) : 1 + random.below(40),
    maxEntries: entries(random),
  }),
  bench: (map, deps, random) => {
    const model = new ArrayModel(map.info.maxEntries, copies, map.info.valueSize);
    return new ElementBench(map, deps, random, model, { copies, inPlace: true });
  },
});

const trie: Kind = {
  type: M.LPM_TRIE,
  sizes: (random) => ({
    keySize: 5 + random.below(random.oneIn(3) ? 20 : 3),
    valueSize: 1 + random.below(40),
    maxEntries: entries(random),
    flags: MAP_FLAG.NO_PREALLOC,
  }),
  bench: (map, deps, random) =>
    new ElementBench(map, deps, random, new TrieModel(map.info.maxEntries), { copies: 1, bits: true }),
};

const queue = (type: number): Kind => ({
  type,
  sizes: (random) => ({ keySize: 0, valueSize: 1 + random.below(40), maxEntries: entries(random) }),
  bench: (map, deps, random) => new QueueBench(map, deps, random),
});

const nested = (type: number): Kind => ({
  type,
  sizes: (random) => ({ keySize: 4, valueSize: 4, maxEntries: entries(random) }),
  bench: (map, deps, random) => new NestedBench(map, deps, random),
});

const KINDS: Readonly<Record<string, Kind>> = {
  hash: hash(M.HASH, 1),
  array: array(M.ARRAY, 1),
  'percpu-hash': hash(M.PERCPU_HASH, CPUS),
  'percpu-array': array(M.PERCPU_ARRAY, CPUS),
  'lru-hash': lru(M.LRU_HASH, 1),
  'lru-percpu-hash': lru(M.LRU_PERCPU_HASH, CPUS),
  'lpm-trie': trie,
  queue: queue(M.QUEUE),
  stack: queue(M.STACK),
  'bloom-filter': {
    type: M.BLOOM_FILTER,
    sizes: (random) => ({
      keySize: 0,
      valueSize: 1 + random.below(40),
      maxEntries: entries(random),
      extra: random.below(16),
    }),
    bench: (map, deps, random) => new FilterBench(map, deps, random),
  },
  ringbuf: {
    type: M.RINGBUF,
    sizes: (random) => ({ keySize: 0, valueSize: 0, maxEntries: 4096 << random.below(3) }),
    bench: (map, deps, random) => new RingBench(map, deps, random),
  },
  'array-of-maps': nested(M.ARRAY_OF_MAPS),
  'hash-of-maps': nested(M.HASH_OF_MAPS),
};
export const TYPES: readonly string[] = Object.keys(KINDS);

/** A map of a type in a memory of its own, and what is beside it there. */
export interface OpenMap {
  readonly map: BpfMap;
  readonly deps: MapDeps;
  readonly bench: Bench;
  /** Bytes that were taken before there was the map. */
  readonly before: number;
  readonly slots: { readonly held: number };
}

export function openMap(name: string, random: Random): OpenMap {
  const { type, sizes, bench } = KINDS[name];
  const slots = NestedBench.resolver();
  const seed = random.u32();
  const memory = new AddressSpace();
  const deps = { memory, rcu: new Rcu(), cpus: CPUS, random: () => seed, hasDevice: () => true, slots };
  const info = { type, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0, extra: 0, name, ...sizes(random) };
  const core = MapCore.of(deps);
  const before = memory.used;
  const map = checkMap(info) || createMap(info, deps);
  if (typeof map === 'number') throw new Error(`${JSON.stringify(info)}: create ${map}`);
  core.mapAt = (address) => (address === map.address ? map : undefined);
  return { map, deps, before, slots, bench: bench(map, deps, random) };
}

function runMap(name: string, random: Random): string | undefined {
  const { map, deps, before, slots, bench } = openMap(name, random);
  const { memory } = deps;
  const own = memory.used - before - map.memoryBytes;
  let wrong: string | undefined;
  for (let n = 0; n < OPERATIONS && wrong === undefined; n++) {
    const bad = bench.step();
    if (bad !== undefined) wrong = `operation ${n}: ${bad}`;
  }
  wrong ??= bench.end?.();
  map.destroy();
  const left = memory.used - before - own;
  if (wrong === undefined && left !== 0) wrong = `${left} bytes are left`;
  if (wrong === undefined && slots.held !== 0) wrong = `${slots.held} inner maps are held`;
  return wrong && `${JSON.stringify(map.info)}: ${wrong}`;
}

/** A map of a type and its operations, all from the seed. @returns what is wrong, or undefined */
export function runType(name: string, seed: number): string | undefined {
  try {
    const wrong = runMap(name, new Random(seed));
    return wrong && `${name}: ${wrong}`;
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.stack : String(error)}`;
  }
}

let chosen: readonly string[] = TYPES;

export const campaign: Campaign = {
  name: 'maps',
  summary: `${OPERATIONS} random operations on a map against a model, types in turn or --type T`,
  defaultCount: 13_000,
  choose(type) {
    if (KINDS[type] === undefined) throw new Error(`--type ${type}: one of ${TYPES.join(', ')}`);
    chosen = [type];
  },
  runCase: (seed, n) => runType(chosen[n % chosen.length], caseSeed(seed, n)),
};
