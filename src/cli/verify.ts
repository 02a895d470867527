/** `skep verify`: what Linux's verifier says of every program of an object, or of a stream of program objects. */
import { machine, release } from 'node:os';
import { parseArgs } from 'node:util';
import type { Profile } from '../contracts/index.ts';
import { BpfError, ERRNO, UnsupportedError, VerifierError } from '../errors/index.ts';
import { CollectionSpec, loadCollectionSpec, reasonOf, statsOf } from '../loader/index.ts';
import type { ExchangeBackend, ProgramSpec } from '../loader/index.ts';
import { ALL_CAPS, heldCaps } from './caps.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { backendName, openExchangeBackend, runBatch, wholeNumber } from './exchange.ts';
import { answerOf } from './failure.ts';
import { inputName, readInput } from './input.ts';
import { chosenProfile } from './profile.ts';
import { differences } from './verify-compare.ts';
import { isVerdict, jsonReport, textReport } from './verify-report.ts';
import type { FileProblem, Item, Verdict } from './verify-report.ts';

const help = `usage: skep verify OBJ... [options]
       skep verify --batch [FILE|-] [options]

Verifies every program of the objects and prints a table. Of a refused program it shows why, the instruction, and the line
of the source where the object has BTF. Exit codes: 0 every program is accepted; 1 one is refused or unsupported; 2 a
file could not be read or is no object (the others are verified all the same).

  --program NAME       only the program of that name
  --log-level N        print the verifier's log: 1 the refused path, 2 every instruction, 4 statistics
  --json               one JSON array of verdicts
  --backend NAME       userspace (default) or linux, the running kernel (needs root and the package koffi)
  --compare linux      ask the running kernel too and show where it differs, in the verdict, the error, the telling line
                       or the statistics; exit code 1 if it does anywhere, 0 if not, whatever the verdicts are
  --caps LIST          as a caller who holds only these capabilities: names with commas between, as in bpf,net_admin;
                       all (default), none
  --profile NAME       whose verdict: linux-6.18 (default) or lwn-2014, the patch set of July 2014
  --nonperfmon         as a caller without CAP_PERFMON and CAP_SYS_ADMIN: pointers may not leak

  --btf FILE           raw BTF of the kernel that the programs are for (default $SKEP_BTF or /sys/kernel/btf/vmlinux)

  --batch              program objects in, one JSON object a line; answers out, one a line in the same order
  --level N            bits of the log: 1 basic, 2 verbose, 4 statistics (default 5)
  --full-log           put the log into the answers
  --btf-dir DIR        where the BTF that objects call "@name" lies (default btf)

examples:
  skep verify filter.o
  skep verify --log-level 2 --program drop filter.o
  skep verify --compare linux filter.o
  skep verify --caps bpf,net_admin filter.o
  skep verify --batch programs.jsonl > answers.jsonl
`;

const options = {
  program: { type: 'string' },
  'log-level': { type: 'string' },
  json: { type: 'boolean' },
  backend: { type: 'string' },
  compare: { type: 'string' },
  caps: { type: 'string' },
  profile: { type: 'string' },
  nonperfmon: { type: 'boolean' },
  batch: { type: 'boolean' },
  level: { type: 'string' },
  'full-log': { type: 'boolean' },
  btf: { type: 'string' },
  'btf-dir': { type: 'string' },
} as const;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const caps = heldCaps(values.caps, values.nonperfmon);
  const profile = profileFor(values);
  const backend = await openExchangeBackend(backendName(values.backend), true, values.btf, profile);
  const linux = await kernelToCompare(values);
  if (values.batch) {
    if (positionals.length > 1) throw new UsageError('--batch takes one file');
    await runBatch(positionals[0], io, backend, {
      logLevel: wholeNumber('--level', values.level ?? '5', 0, 15),
      fullLog: values['full-log'],
      btfDir: values['btf-dir'],
      withoutCaps: caps === undefined ? undefined : ALL_CAPS & ~caps,
    });
    return 0;
  }
  if (positionals.length === 0) throw new UsageError('which object?');
  const wanted = values['log-level'];
  const level = wanted === undefined ? undefined : wholeNumber('--log-level', wanted, 0, 15);
  const items: Item[] = [];
  for (const file of positionals) {
    const spec = await read(file, io, positionals.length > 1);
    if (!(spec instanceof CollectionSpec)) items.push(spec);
    else items.push(...verdictsOn(spec, values.program, backend, linux, caps, level));
  }
  const report = values.json ? jsonReport : textReport;
  io.out(report(items, level !== undefined, linux && { profile: profile.name, kernel: `${release()} ${machine()}` }));
  return exitCode(items);
}

/** The profile that user space answers for: Linux answers for itself. */
function profileFor(values: { profile?: string; backend?: string }): Profile {
  const profile = chosenProfile(values.profile);
  if (profile.limits && backendName(values.backend) === 'linux')
    throw new UsageError(`--profile ${profile.name} goes with --backend userspace`);
  return profile;
}

/** The kernel that `--compare` names. */
async function kernelToCompare(values: {
  compare?: string;
  batch?: boolean;
  backend?: string;
}): Promise<ExchangeBackend | undefined> {
  if (values.compare === undefined) return undefined;
  if (values.compare !== 'linux') throw new UsageError(`--compare takes linux, not ${values.compare}`);
  if (values.batch) throw new UsageError('--compare takes objects, not --batch');
  if (backendName(values.backend) === 'linux')
    throw new UsageError('--compare linux compares with --backend userspace');
  return openExchangeBackend('linux');
}

/** What an object holds; of one of several objects also what is wrong with it. */
async function read(path: string, io: Io, several: boolean): Promise<CollectionSpec | FileProblem> {
  const file = inputName(path);
  try {
    const spec = loadCollectionSpec(await readInput(path, io), { file });
    for (const warning of spec.warnings) io.err(`${file}: ${warning}\n`);
    return spec;
  } catch (error) {
    const problem = several ? answerOf(error) : undefined;
    if (problem === undefined) throw error;
    return { file, problem };
  }
}

function verdictsOn(
  spec: CollectionSpec,
  name: string | undefined,
  backend: ExchangeBackend,
  linux: ExchangeBackend | undefined,
  caps: bigint | undefined,
  level: number | undefined,
): Verdict[] {
  return choose(spec, name).map((program) => {
    const verdict = judge(spec, program, backend, caps, level);
    return linux ? { ...verdict, linux: judge(spec, program, linux, caps, level) } : verdict;
  });
}

function exitCode(items: readonly Item[]): number {
  if (!items.every(isVerdict)) return 2;
  const good = (item: Verdict): boolean =>
    item.linux ? differences(item, item.linux).length === 0 : item.verdict === 'accept';
  return items.every(good) ? 0 : 1;
}

function choose(spec: CollectionSpec, name: string | undefined): ProgramSpec[] {
  const all = Object.values(spec.programs);
  if (name === undefined) return all;
  const chosen = all.filter((program) => program.name === name);
  if (chosen.length) return chosen;
  throw new UsageError(
    `${spec.file} has no program ${name}; there are: ${Object.keys(spec.programs).join(', ') || 'none'}`,
  );
}

/** Loads one program, with the maps it uses, and lets go of it again. */
function judge(
  spec: CollectionSpec,
  program: ProgramSpec,
  backend: ExchangeBackend,
  caps: bigint | undefined,
  level: number | undefined,
): Verdict {
  const base = { file: spec.file, program };
  const started = performance.now();
  const done = (log: string, more: Pick<Verdict, 'verdict' | 'errno' | 'reason' | 'insn'>): Verdict => {
    const measured = (performance.now() - started) * 1000;
    const stats = statsOf(log);
    return { ...base, ...more, stats, log, usec: stats.verif_usec ?? Math.round(measured) };
  };
  try {
    const log = backend.with(caps, (sys) => {
      const collection = spec.load(sys, { programs: [program.name], logLevel: level || 5 });
      const text = collection.programs[program.name].log;
      collection.close();
      return text;
    });
    return done(log, { verdict: 'accept', errno: 0, reason: [], insn: -1 });
  } catch (error) {
    if (error instanceof UnsupportedError)
      return done('', { verdict: 'unsupported', errno: ERRNO.ENOTSUPP, reason: [error.message], insn: -1 });
    if (!(error instanceof BpfError)) throw error;
    if (!(error instanceof VerifierError)) {
      const verdict = error.cmd === 'BPF_PROG_LOAD' ? 'reject' : 'setup-failed';
      return done('', { verdict, errno: error.errno, reason: [error.message], insn: -1 });
    }
    const reason = reasonOf(error.log);
    const unsupported = reason.at(-1)?.startsWith('unsupported by skep: ') || error.errno === ERRNO.ENOTSUPP;
    return done(error.log, {
      verdict: unsupported ? 'unsupported' : 'reject',
      errno: error.errno,
      reason: reason.length ? reason : [error.summary],
      insn: error.insn,
    });
  }
}

export const command: Command = { help, run };
