/**
 * The programs of the repository's object files, as clang made them, run as those of the campaign `runs` are: on random packets
 * and contexts and on those that the benchmarks use. Case `n` is program `n`, round and round.
 */
import { readFileSync, readdirSync } from 'node:fs';
import type { ExchangeRun, ProgramObject } from '../../src/loader/index.ts';
import { PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import type { Case } from './runs/cases.ts';
import { tailsOf } from './runs/cases.ts';
import { programsOf } from './runs/compiled.ts';
import type { Compiled } from './runs/compiled.ts';
import { randomRun } from './runs/inputs.ts';
import { resultsCampaign } from './runs/results.ts';

const root = new URL('../../', import.meta.url);
const FOLDERS = ['test/objects', 'bench', 'examples'];
const RUNS = 4;

const { SOCKET_FILTER, XDP, SCHED_CLS, SCHED_ACT, CGROUP_SKB, RAW_TRACEPOINT, SYSCALL } = PROG_TYPE;
const { LWT_IN, LWT_OUT, LWT_XMIT } = PROG_TYPE;
const WITH_TEST_RUN: ReadonlySet<number> = new Set([
  ...[SOCKET_FILTER, XDP, SCHED_CLS, SCHED_ACT, CGROUP_SKB, RAW_TRACEPOINT, SYSCALL, LWT_IN, LWT_OUT, LWT_XMIT],
]);

/** Paths of files under the folders, in order. */
const files = (ending: string): string[] =>
  FOLDERS.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => `${folder}/${name}`),
  );

let programs: (Compiled & { readonly file: string })[] | undefined;
const allPrograms = (): NonNullable<typeof programs> =>
  (programs ??= files('.o').flatMap((file) =>
    programsOf(readFileSync(new URL(file, root))).map((one) => ({ ...one, file })),
  ));

let packets: Uint8Array[] | undefined;
const allPackets = (): Uint8Array[] =>
  (packets ??= files('.bin').map((name) => new Uint8Array(readFileSync(new URL(name, root)))));

/** A run on a packet of the benchmarks every other time, now and then with a byte changed. */
function runOf(random: Random, progType: number): ExchangeRun {
  const run = randomRun(random, progType);
  if (run.data.length === 0 || random.below(2)) return run;
  const data = random.pick(allPackets()).slice();
  if (random.oneIn(3)) data[random.below(data.length)] = random.below(256);
  return { ...run, data, ctx: progType === XDP ? undefined : run.ctx };
}

function makeCase(seed: number, n: number): Case | string {
  const all = allPrograms();
  const { object, why = '' } = all[n % all.length];
  if (object === undefined) return why.split('\n')[0];
  const { progType, maps } = object;
  if (!WITH_TEST_RUN.has(progType)) return 'no test run';
  const random = new Random(caseSeed(seed, n));
  const changed: ProgramObject = {
    ...object,
    progRefs: maps.flatMap((map, i) => tailsOf(map, i, progType)),
    runs: Array.from({ length: RUNS }, () => runOf(random, progType)),
  };
  return { object: changed, caps: undefined };
}

export const campaign: Campaign = resultsCampaign(
  {
    name: 'compiled',
    summary: 'programs of object files run: interpreter, JIT, hardened JIT and the kernel give the same results',
    defaultCount: 20_000,
  },
  makeCase,
);
