/**
 * Generated programs that user space and the kernel accept, run on random packets and contexts on the interpreter, on
 * both modes of the JIT and on the kernel: results, packets, contexts, maps and records must be the same everywhere.
 * docs/parity/results.md says what is left out.
 */
import { formatProgram } from '../../src/asm/index.ts';
import { CALL, decode } from '../../src/isa/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { ProgramObject } from '../../src/loader/index.ts';
import {
  ATTACH_TYPE,
  CALL_PSEUDO,
  HELPER_NAMES,
  MAP_TYPE,
  MAP_TYPE_NAMES,
  PROG_FLAG,
  PROG_TYPE,
  PROG_TYPE_NAMES,
} from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import { NO_LEAKS, showsAddresses } from './runs/addresses.ts';
import { RESULT_FRAGMENTS, noteAll } from './runs/fragments.ts';
import { comparedHelpers } from './runs/helpers.ts';
import { randomRun } from './runs/inputs.ts';
import { linuxPlace, userspacePlace } from './runs/observe.ts';
import type { Observer, Seen } from './runs/observe.ts';
import { pinToFirstCpu } from './runs/pin.ts';
import { zeroed } from './runs/zeroed.ts';
import { generate } from './verifier/generator.ts';
import { shrink } from './verifier/shrink.ts';

/** Runs of each program, at least. */
const RUNS = 3;
const SHRINK_LIMIT = 400;
/** Rings do not wrap, so that a record that is sent unwritten holds zeros. */
const RING_SIZE = 65536;

const { INGRESS, EGRESS } = { INGRESS: ATTACH_TYPE.CGROUP_INET_INGRESS, EGRESS: ATTACH_TYPE.CGROUP_INET_EGRESS };
/** Types that have a test run; those that have most of the helpers twice and more. */
const TYPES: readonly (readonly [number, number])[] = [
  [PROG_TYPE.SOCKET_FILTER, 0],
  [PROG_TYPE.SOCKET_FILTER, 0],
  [PROG_TYPE.XDP, 0],
  [PROG_TYPE.XDP, 0],
  [PROG_TYPE.XDP, 0],
  [PROG_TYPE.SCHED_CLS, 0],
  [PROG_TYPE.SCHED_CLS, 0],
  [PROG_TYPE.SCHED_CLS, 0],
  [PROG_TYPE.SCHED_CLS, 0],
  [PROG_TYPE.SCHED_ACT, 0],
  [PROG_TYPE.CGROUP_SKB, INGRESS],
  [PROG_TYPE.CGROUP_SKB, EGRESS],
  [PROG_TYPE.LWT_IN, 0],
  [PROG_TYPE.LWT_OUT, 0],
  [PROG_TYPE.LWT_XMIT, 0],
  [PROG_TYPE.RAW_TRACEPOINT, 0],
  [PROG_TYPE.SYSCALL, 0],
];

const NEED_PERFMON: ReadonlySet<number> = new Set([PROG_TYPE.RAW_TRACEPOINT, PROG_TYPE.SYSCALL]);

interface Case {
  readonly object: ProgramObject;
  /** Held while the program is loaded; undefined: all. */
  readonly caps: bigint | undefined;
  readonly seed: number;
}

let linux: Awaited<ReturnType<typeof openLinux>> | undefined;
let whyNot: string | undefined;
try {
  linux = await openLinux();
  pinToFirstCpu();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
}
const cpus = linux?.possibleCpus ?? 1;
const onLinux = linux && linuxPlace(linux);
/** Programs that take longer are left out: loops of `may_goto` have millions of rounds. */
const FUEL = 200_000;
const onInterpreter = userspacePlace({ engine: 'interp', cpus }, { fuel: FUEL });
const elsewhere = userspacePlace({ engine: 'interp', cpus }, { displaced: 0x123450 });
const ENGINES: Readonly<Record<string, Observer>> = {
  jit: userspacePlace({ engine: 'jit', cpus }),
  'jit, hardened': userspacePlace({ engine: 'jit', hardened: true, cpus }),
};

const counts = new Map<string, number>();
const count = (name: string, by = 1): void => void counts.set(name, (counts.get(name) ?? 0) + by);

function makeCase(seed: number, n: number): Case {
  const number = caseSeed(seed, n);
  const random = new Random(number);
  const { object } = generate(random.u32(), `${seed}/${n}`, {
    fragments: RESULT_FRAGMENTS,
    types: TYPES,
    helpers: comparedHelpers,
    care: random.oneIn(10) ? 60 : 0,
    epilogue: noteAll,
  });
  const leaky = NEED_PERFMON.has(object.progType) || random.oneIn(3);
  const tails = object.maps.flatMap(({ type }, i) =>
    type === MAP_TYPE.PROG_ARRAY ? [[i, 0, 7] as const, [i, 2, 9] as const] : [],
  );
  const changed: ProgramObject = {
    ...object,
    maps: object.maps.map((map) => (map.type === MAP_TYPE.RINGBUF ? { ...map, maxEntries: RING_SIZE } : map)),
    license: 'GPL',
    progFlags: object.progFlags | (object.progType === PROG_TYPE.SYSCALL ? PROG_FLAG.SLEEPABLE : 0),
    progRefs: tails,
    runs: Array.from({ length: RUNS + random.below(2) }, () => randomRun(random, object.progType)),
  };
  return { object: changed, caps: leaky ? undefined : NO_LEAKS, seed: number };
}

/** A helper whose result nobody can compare. */
function leftOut({ insns }: ProgramObject): string | undefined {
  const call = decode(insns).find(
    ({ opcode, src, imm }) => opcode === CALL && src === CALL_PSEUDO.HELPER && !comparedHelpers.has(imm),
  );
  return call && (HELPER_NAMES[call.imm] ?? 'unknown');
}

/**
 * A stack of zeros: with all capabilities a program may read what it never wrote, and every program what a helper that failed
 * did not write.
 */
function prepared(one: Case): Case {
  const { verdict, stack_depth } = onInterpreter.observe({ ...one.object, runs: [] }, one.caps).answer;
  if (verdict !== 'accept' || stack_depth === undefined) return one;
  return { ...one, object: zeroed(one.object, stack_depth.split('+').map(Number)) };
}

interface Difference {
  readonly where: string;
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

function firstDifference(where: string, expected: Seen, actual: Seen): Difference | undefined {
  if (expected.answer.verdict !== actual.answer.verdict) {
    const say = ({ answer }: Seen): string => `${answer.verdict} ${answer.reason.join(' | ')}`;
    return { where, what: 'verdict', expected: say(expected), actual: say(actual) };
  }
  for (const [what, text] of expected.observation) {
    const other = actual.observation.get(what) ?? '(nothing)';
    if (other !== text) return { where, what, expected: text, actual: other };
  }
  return undefined;
}

/** Answers of a case: not comparable (why), or what differs, or nothing. */
type Outcome = { readonly out: string } | { readonly difference: Difference | undefined };

function run({ object, caps }: Case): Outcome {
  const without = leftOut(object);
  if (without !== undefined) return { out: `helper ${without}` };
  const reference = onInterpreter.observe(object, caps);
  const { verdict, reason } = reference.answer;
  const why = reason.join(' | ');
  if (why.includes('budget')) return { out: 'too long' };
  if (why.includes('a verified program was stopped'))
    return { difference: { where: 'interpreter', what: 'run', expected: 'no trap', actual: why } };
  if (verdict !== 'accept') return { out: verdict === 'reject' ? 'refused' : `${verdict}: ${why}` };
  const difference = enginesDiffer(object, caps, reference) ?? kernelDiffers(object, caps, reference);
  if (typeof difference === 'string') return { out: difference };
  if (difference === undefined || caps !== undefined) return { difference };
  // Only with all capabilities a program may show addresses.
  if (showsAddresses(object) !== undefined) return { out: 'addresses' };
  const again = firstDifference('', reference, elsewhere.observe(object, caps));
  return again ? { out: 'addresses' } : { difference };
}

function enginesDiffer(object: ProgramObject, caps: Case['caps'], reference: Seen): Difference | undefined {
  for (const [name, engine] of Object.entries(ENGINES)) {
    const difference = firstDifference(`${name} beside interpreter`, reference, engine.observe(object, caps));
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** @returns why nothing can be said, or what differs */
function kernelDiffers(object: ProgramObject, caps: Case['caps'], ours: Seen): Difference | string | undefined {
  if (onLinux === undefined) return undefined;
  const theirs = onLinux.observe(object, caps);
  const { verdict, reason } = theirs.answer;
  if (verdict !== 'accept') return `the kernel says ${verdict} ${reason.at(-1)}`;
  return firstDifference('interpreter beside the kernel', theirs, ours);
}

const kindOf = ({ where, what }: Difference): string => `${where} ${what.replace(/\d+/g, 'N')}`;

function describe(one: Case, found: Difference): string {
  const stays = (smaller: ProgramObject): boolean => {
    const again = run(
      prepared({ ...one, object: { ...smaller, progRefs: refsOf(smaller, one.object), runs: one.object.runs } }),
    );
    return 'difference' in again && again.difference !== undefined && kindOf(again.difference) === kindOf(found);
  };
  const small = stays(one.object) ? shrink(one.object, stays, { limit: SHRINK_LIMIT }) : one.object;
  const again = run(prepared({ ...one, object: { ...small, runs: one.object.runs } }));
  const now = 'difference' in again && again.difference ? again.difference : found;
  const maps = small.maps.map(
    (map, i) => `map ${i}: ${map.typeName} ${map.keySize}/${map.valueSize}/${map.maxEntries}`,
  );
  const at = Number(/run (\d+)/.exec(now.what)?.[1] ?? 0);
  const given = one.object.runs[at];
  return [
    `${PROG_TYPE_NAMES[small.progType]}${one.caps === undefined ? ', all capabilities' : ''}: ${now.where}, ${now.what}`,
    `expected ${now.expected}`,
    `actual   ${now.actual}`,
    `packet   ${Buffer.from(given.data).toString('hex')} repeat ${given.repeat}`,
    `context  ${given.ctx ? Buffer.from(given.ctx).toString('hex') : 'none'}`,
    ...maps,
    ...formatProgram(decode(small.insns), { raw: true }),
  ].join('\n');
}

/** Prog arrays are filled by their index, which changes where maps before them go. */
function refsOf(smaller: ProgramObject, object: ProgramObject): ProgramObject['progRefs'] {
  return smaller.maps.length === object.maps.length ? object.progRefs : [];
}

function tally(object: ProgramObject): void {
  count('compared');
  count('runs', object.runs.length);
  count(`type ${PROG_TYPE_NAMES[object.progType]}`);
  for (const type of new Set(object.maps.map((map) => map.type))) count(`map ${MAP_TYPE_NAMES[type]}`);
  const calls = decode(object.insns).filter(({ opcode, src }) => opcode === CALL && src === CALL_PSEUDO.HELPER);
  for (const imm of new Set(calls.map((call) => call.imm))) count(`helper ${HELPER_NAMES[imm]}`);
}

export const campaign: Campaign = {
  name: 'runs',
  summary: 'accepted programs run: interpreter, JIT, hardened JIT and the kernel give the same results',
  defaultCount: 100_000,
  unavailable: () => whyNot,
  report() {
    const lines = (prefix: string): string => {
      const found = [...counts].filter(([name]) => name.startsWith(prefix));
      return found
        .sort(([, a], [, b]) => b - a)
        .map(([name, n]) => `${name.slice(prefix.length)} ${n.toLocaleString('en')}`)
        .join(', ');
    };
    const of = (name: string): string => (counts.get(name) ?? 0).toLocaleString('en');
    return [
      `programs compared ${of('compared')} in ${of('runs')} runs`,
      `not compared: ${lines('out ')}`,
      `program types: ${lines('type ')}`,
      `map types: ${lines('map ')}`,
      `helpers: ${lines('helper ')}`,
    ];
  },
  runCase(seed, n) {
    const one = makeCase(seed, n);
    const outcome = run(prepared(one));
    if ('out' in outcome) {
      count(`out ${outcome.out.replace(/\d+/g, 'N').slice(0, 90)}`);
      return undefined;
    }
    tally(one.object);
    return outcome.difference && describe(one, outcome.difference);
  },
};
