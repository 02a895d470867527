/** The campaign's programs: of the types that have a test run, with the inputs of their runs, before the kernel has seen them. */
import type { ExchangeMap, ProgramObject } from '../../../src/loader/index.ts';
import { ATTACH_TYPE, MAP_TYPE, PROG_FLAG, PROG_TYPE } from '../../../src/uapi/index.ts';
import { Random } from '../../../src/util/index.ts';
import { caseSeed } from '../campaign.ts';
import type { Fragment } from '../verifier/generator.ts';
import { generate } from '../verifier/generator.ts';
import { NO_LEAKS } from './addresses.ts';
import { RESULT_FRAGMENTS } from './fragments.ts';
import { comparedHelpers, helpersOfAll } from './helpers.ts';
import { randomRun } from './inputs.ts';
import { noteAll } from './note.ts';
import { zeroed } from './zeroed.ts';

/** Runs of each program, at least. */
const RUNS = 3;
/** Rings do not wrap, so that a record that is sent unwritten holds zeros. */
const RING_SIZE = 65536;

/** Bytes of stack that most main programs keep to. */
const USUAL_STACK = 112;

const { CGROUP_INET_INGRESS, CGROUP_INET_EGRESS } = ATTACH_TYPE;
/** Types that have a test run, and how often: those that have most of the helpers twice and more. */
const TYPES: readonly (readonly [type: number, attach: number])[] = (
  [
    [2, PROG_TYPE.SOCKET_FILTER, 0],
    [3, PROG_TYPE.XDP, 0],
    [4, PROG_TYPE.SCHED_CLS, 0],
    [1, PROG_TYPE.SCHED_ACT, 0],
    [1, PROG_TYPE.CGROUP_SKB, CGROUP_INET_INGRESS],
    [1, PROG_TYPE.CGROUP_SKB, CGROUP_INET_EGRESS],
    [1, PROG_TYPE.LWT_IN, 0],
    [1, PROG_TYPE.LWT_OUT, 0],
    [1, PROG_TYPE.LWT_XMIT, 0],
    [1, PROG_TYPE.RAW_TRACEPOINT, 0],
    [1, PROG_TYPE.SYSCALL, 0],
  ] as const
).flatMap(([times, type, attach]) => Array<readonly [number, number]>(times).fill([type, attach]));

const NEED_PERFMON: ReadonlySet<number> = new Set([PROG_TYPE.RAW_TRACEPOINT, PROG_TYPE.SYSCALL]);

export interface Case {
  readonly object: ProgramObject;
  /** Held while the program is loaded; undefined: all. */
  readonly caps: bigint | undefined;
  /** Names of the fragments that a generated program is made of. */
  readonly names?: ReadonlySet<string>;
}

/** Weights of a fragment that comes often, and of each of several at least; all others together have some hundreds. */
const OFTEN = 120;
const OFTEN_EACH = 25;

/** Types that alone have what a fragment needs; others: all. */
const TYPES_OF: Readonly<Record<string, readonly number[]>> = {
  'storage of a cgroup': [PROG_TYPE.CGROUP_SKB],
  'storage of a socket': [PROG_TYPE.SCHED_CLS, PROG_TYPE.SCHED_ACT, PROG_TYPE.CGROUP_SKB],
};

/** What programs are made of. */
export interface Ingredients {
  readonly fragments: readonly Fragment[];
  readonly types: typeof TYPES;
}

const ALL: Ingredients = { fragments: RESULT_FRAGMENTS, types: TYPES };

/** All fragments, some of them often: their names with `+` between them. @throws RangeError for a name that none has */
export function muchOf(often: string): Ingredients {
  const names = often.split('+');
  const known = RESULT_FRAGMENTS.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new RangeError(`no fragment ${unknown}: ${known.join(', ')}`);
  const weight = Math.max(OFTEN_EACH, OFTEN / names.length);
  return {
    fragments: RESULT_FRAGMENTS.map((one) => (names.includes(one.name) ? { ...one, weight } : one)),
    types: TYPES.filter(([type]) => names.every((name) => TYPES_OF[name]?.includes(type) ?? true)),
  };
}

export function makeCase(seed: number, n: number, ingredients = ALL): Case {
  const random = new Random(caseSeed(seed, n));
  const careful = random.oneIn(4);
  const { object, names } = generate(random.u32(), `${seed}/${n}`, {
    ...ingredients,
    helpers: careful ? helpersOfAll : comparedHelpers,
    care: random.oneIn(10) ? 60 : 0,
    epilogue: noteAll,
  });
  const { progType, maps } = object;
  const leaky = NEED_PERFMON.has(progType) || !careful;
  const tails = maps.flatMap((map, i) => tailsOf(map, i, progType));
  const changed: ProgramObject = {
    ...object,
    maps: maps.map((map) => (map.type === MAP_TYPE.RINGBUF ? { ...map, maxEntries: RING_SIZE } : map)),
    license: 'GPL',
    progFlags: object.progFlags | (progType === PROG_TYPE.SYSCALL ? PROG_FLAG.SLEEPABLE : 0),
    progRefs: tails,
    runs: Array.from({ length: RUNS + random.below(2) }, () => randomRun(random, progType)),
  };
  // Without all capabilities a program reads only what it wrote.
  return leaky
    ? { object: changed, caps: undefined, names }
    : { object: zeroed(changed, [USUAL_STACK]), caps: NO_LEAKS, names };
}

/** Two programs in map `index` if it is a prog array, which return what programs of the type may. */
export function tailsOf({ type }: ExchangeMap, index: number, progType: number): ProgramObject['progRefs'] {
  if (type !== MAP_TYPE.PROG_ARRAY) return [];
  const [first, second] = progType === PROG_TYPE.CGROUP_SKB ? [1, 0] : [7, 9];
  return [
    [index, 0, first],
    [index, 2, second],
  ];
}
