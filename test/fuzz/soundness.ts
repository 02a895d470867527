/**
 * Generated programs that user space and the kernel accept, run on random packets while every register and stack slot is
 * held to what the verifier proved of that instruction: a value outside is a hole in the verifier (or a bug in the
 * interpreter), whatever Linux says.
 */
import { formatProgram } from '../../src/asm/index.ts';
import { decode } from '../../src/isa/index.ts';
import { ExchangeRunner } from '../../src/loader/index.ts';
import type { ProgramObject } from '../../src/loader/index.ts';
import { Random } from '../../src/util/index.ts';
import { exchangeBackends } from '../backends.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import { SoundnessRunner } from './soundness/run.ts';
import { makeCase } from './verifier/case.ts';
import { generate } from './verifier/generator.ts';
import { shrink } from './verifier/shrink.ts';

/** Packets that each program is run on. */
const RUNS = 4;
const SHRINK_LIMIT = 600;

const { linux } = await exchangeBackends();
const onLinux = linux && new ExchangeRunner(linux, { logLevel: 0 });
const runner = new SoundnessRunner();

const counts = new Map<string, number>();
const count = (name: string, by = 1): void => void counts.set(name, (counts.get(name) ?? 0) + by);

function withRuns(object: ProgramObject, random: Random): ProgramObject {
  const run = { repeat: 1, flags: 0, cpu: 0 };
  return {
    ...object,
    runs: Array.from({ length: RUNS }, () => ({ ...run, data: random.bytes(14 + random.below(120)) })),
  };
}

/** Most programs as they were generated: mutated ones are mostly refused. */
function makeProgram(seed: number, n: number): { object: ProgramObject; topics: ReadonlySet<string> } {
  const random = new Random(caseSeed(seed, n));
  return random.oneIn(5) ? makeCase(seed, n) : generate(random.u32(), `${seed}/${n}`);
}

/** Whether the kernel accepts it, as far as it can be asked. */
const kernelAccepts = (object: ProgramObject): boolean => !onLinux || onLinux.answer(object).verdict === 'accept';

export const campaign: Campaign = {
  name: 'soundness',
  summary: 'accepted programs run: every register and stack slot lies within what the verifier proved',
  defaultCount: 200_000,
  report: () => {
    const of = (name: string): string => (counts.get(name) ?? 0).toLocaleString('en');
    return [
      `generated ${of('generated')}: refused ${of('reject')}, unsupported ${of('unsupported')}, too long ${of('too long')}`,
      `accepted by skep and the kernel ${of('accepted')}, of these with loops, spills or calls ${of('structured')}`,
      `held to the exact walk ${of('accepted, exact')}, to the pruned one ${of('accepted, pruned')}; run ${of('run')}`,
      `instructions run and checked ${of('steps')}`,
    ];
  },
  runCase(seed, n) {
    const { object: made, topics } = makeProgram(seed, n);
    count('generated');
    const object = withRuns(made, new Random(caseSeed(~seed, n)));
    const outcome = runner.check(object);
    count(outcome.mode);
    if (outcome.mode !== 'exact' && outcome.mode !== 'pruned') return undefined;
    if (!kernelAccepts(object)) return undefined;
    count('accepted');
    if (['loop', 'spill', 'call'].some((topic) => topics.has(topic))) count('structured');
    if (outcome.steps) count('run');
    count(`accepted, ${outcome.mode}`);
    count('steps', outcome.steps);
    return outcome.violation === undefined ? undefined : describe(object, outcome.violation);
  },
};

function describe(object: ProgramObject, violation: string): string {
  const kind = kindOf(violation);
  const breaks = (smaller: ProgramObject): boolean => {
    const again = runner.check({ ...smaller, runs: object.runs });
    return again.violation !== undefined && kindOf(again.violation) === kind && kernelAccepts(smaller);
  };
  // Programs that read clocks or random numbers may not break again.
  const small = breaks(object) ? shrink(object, breaks, { limit: SHRINK_LIMIT }) : object;
  const now = runner.check({ ...small, runs: object.runs }).violation ?? violation;
  const text = formatProgram(decode(small.insns), { raw: true }).join('\n');
  return `type ${small.progType}, ${violation}\nshrunk: ${now}\n${text}`;
}

/** What is broken, without the numbers. */
const kindOf = (violation: string): string => violation.replace(/^.*?: /, '').replace(/-?(?:0x[0-9a-f]+|\d+)/g, 'N');
