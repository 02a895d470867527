/**
 * Asks skep's verifier and the kernel about one program, and says how their answers differ: by grade, from a wrong
 * verdict down to a different line of the log.
 */
import { KernelBtf } from '../../../src/btf/index.ts';
import { btfIdIn } from '../../../src/cli/exchange.ts';
import { ExchangeRunner, statsOf } from '../../../src/loader/index.ts';
import type { ExchangeAnswer, ExchangeBackend, ProgramObject } from '../../../src/loader/index.ts';
import { createKernel } from '../../../src/kernel/index.ts';
import { kernelBtfSource } from '../../../src/node/index.ts';
import type { BpfSys } from '../../../src/sys/index.ts';
import { LOG_LEVEL } from '../../../src/verifier/index.ts';
import { canonical } from '../../bpft.ts';
import { faultsLinux } from './faults.ts';

/** From the worst to the least. */
export const GRADES = [
  'crash',
  'false accept',
  'false reject',
  'errno',
  'message',
  'processed',
  'states',
  'stack depth',
  'log 1',
  'log 2',
] as const;
export type Grade = (typeof GRADES)[number];

export interface Judgement {
  readonly verdict: ExchangeAnswer['verdict'];
  readonly errno: number;
  /** The telling lines, addresses masked. */
  readonly reason: readonly string[];
  readonly processed: number | undefined;
  /** total, peak, most per instruction */
  readonly states: string;
  readonly stackDepth: string | undefined;
  /** Addresses and times masked. */
  readonly log: string;
}

export interface Difference {
  readonly grade: Grade;
  /** Differences of one kind have the same: what is wrong without its numbers. */
  readonly kind: string;
  readonly ours: string;
  readonly theirs: string;
}

/** A walk of more instructions than this is not compared at level 2: the log would be long. */
const LEVEL_2_LIMIT = 4000;
/** Programs of which the kernel walks more instructions are left out. */
const LENGTH_LIMIT = 15_000;
/** Objects that one userspace kernel answers before a new one takes its place. */
const OBJECTS_PER_KERNEL = 4096;

/** The running kernel's, which judges. */
const kernelBtf = new KernelBtf(kernelBtfSource());

/** A userspace kernel that verifies and runs nothing, so that all helpers and maps will do. */
class VerifyOnly implements ExchangeBackend {
  #kernel = createKernel({ verifyOnly: true, kernelBtf });
  #left = OBJECTS_PER_KERNEL;
  readonly btfId = btfIdIn(kernelBtf);

  with<T>(caps: bigint | undefined, body: (sys: BpfSys) => T): T {
    if (this.#left-- === 0) {
      this.#kernel = createKernel({ verifyOnly: true, kernelBtf });
      this.#left = OBJECTS_PER_KERNEL;
    }
    const kernel = this.#kernel;
    return caps === undefined ? body(kernel) : kernel.withCaps(caps, () => body(kernel));
  }
}

/** Answers objects at the two levels that are compared. */
class Judge {
  readonly #basic: ExchangeRunner;
  readonly #verbose: ExchangeRunner;

  constructor(backend: ExchangeBackend) {
    this.#basic = new ExchangeRunner(backend, { logLevel: LOG_LEVEL.BASIC | LOG_LEVEL.STATS, fullLog: true });
    this.#verbose = new ExchangeRunner(backend, { logLevel: LOG_LEVEL.VERBOSE | LOG_LEVEL.STATS, fullLog: true });
  }

  ask(object: ProgramObject, logLevel: number): Judgement {
    const runner = logLevel & LOG_LEVEL.VERBOSE ? this.#verbose : this.#basic;
    const { verdict, errno = 0, log = '', reason } = runner.answer(object);
    return judgement(verdict, errno, log, reason);
  }
}

/** The running kernel as a judge. */
export class Kernel extends Judge {}

const skep = new Judge(new VerifyOnly());

export const askSkep = (object: ProgramObject, logLevel: number): Judgement => skep.ask(object, logLevel);

/** Without addresses, times, descriptors, and slots that are counted after rewriting. */
function masked(text: string): string {
  return canonical(text)
    .replace(/\bfd -?\d+ is not/g, 'fd N is not')
    .replace(/No program to jit at insn \d+/g, 'No program to jit at insn N');
}

function judgement(verdict: Judgement['verdict'], errno: number, log: string, reason: readonly string[]): Judgement {
  const stats = statsOf(log);

  const { total_states, peak_states, max_states_per_insn } = stats;
  return {
    verdict,
    errno,
    reason: reason.map(masked),
    processed: stats.insns,
    states: `${total_states}/${peak_states}/${max_states_per_insn}`,
    stackDepth: stats.stack_depth,
    log: masked(log),
  };
}

/** Numbers, registers and addresses out of a message. */
export const template = (text: string): string =>
  text
    .replace(/R\d+/g, 'R')
    .replace(/0x[0-9a-f]+/g, 'N')
    .replace(/-?\d+/g, 'N');

const last = ({ reason }: Judgement): string => reason.at(-1) ?? '(no message)';

function verdictText(one: Judgement): string {
  return one.verdict === 'accept' ? 'accept' : `reject ${one.errno}: ${last(one)}`;
}

function difference(grade: Grade, ours: string, theirs: string, kind = ''): Difference {
  return { grade, kind: kind || `${template(theirs)} | ${template(ours)}`, ours, theirs };
}

/** What differs first, but for the text of the log. */
function compareAnswers(ours: Judgement, theirs: Judgement): Difference | undefined {
  if (ours.verdict !== theirs.verdict) {
    const grade = ours.verdict === 'accept' ? 'false accept' : 'false reject';
    return difference(grade, verdictText(ours), verdictText(theirs));
  }
  if (ours.errno !== theirs.errno) return difference('errno', verdictText(ours), verdictText(theirs));
  if (last(ours) !== last(theirs)) return difference('message', last(ours), last(theirs));
  const numbers = (one: Judgement): string => `${one.processed} insns, ${one.states} states, depth ${one.stackDepth}`;
  if (ours.processed !== theirs.processed) return difference('processed', numbers(ours), numbers(theirs), ours.verdict);
  if (ours.states !== theirs.states) return difference('states', numbers(ours), numbers(theirs), ours.verdict);
  if (ours.stackDepth !== theirs.stackDepth)
    return difference('stack depth', numbers(ours), numbers(theirs), ours.verdict);
  return undefined;
}

/** What a line of the log is about, without what is particular to it. */
function lineKind(line: string | undefined): string {
  if (line === undefined) return 'end';
  if (line.startsWith('mark_precise')) return 'mark_precise';
  if (line.startsWith('from ')) return 'from';
  if (/^\d+: \([0-9a-f]{2}\)/.test(line)) return 'insn';
  if (/^\d+: R/.test(line)) return 'state';
  return template(line).slice(0, 60);
}

function compareLogs(grade: Grade, ours: string, theirs: string): Difference | undefined {
  if (ours === theirs) return undefined;
  const a = ours.split('\n');
  const b = theirs.split('\n');
  let at = 0;
  while (a[at] === b[at]) at++;
  const text = (lines: string[]): string => lines[at] ?? '(end of the log)';
  return difference(grade, text(a), text(b), `${lineKind(b[at])} | ${lineKind(a[at])}`);
}

export interface Comparison {
  /**
   * Skep's verdict; nothing is compared of what is `unsupported`, `too long` for a campaign, or `unusable`: the kernel did
   * not get as far as the program.
   */
  readonly verdict: Judgement['verdict'] | 'too long' | 'crash' | 'unusable';
  readonly unsupported?: string;
  readonly difference?: Difference;
  readonly theirs: Judgement;
  /** Whether level 2 was compared. */
  readonly verbose: boolean;
}

const notAsked = (why: string): Judgement => judgement('setup-failed', 0, '', [`not asked: ${why}`]);

/** What skep throws, and what only it fails to set up, is a difference of grade `crash`. */
export function compare(object: ProgramObject, kernel: Kernel): Comparison {
  const basic = LOG_LEVEL.BASIC | LOG_LEVEL.STATS;
  const fault = faultsLinux(object);
  if (fault !== undefined) return { verdict: 'unusable', theirs: notAsked(fault), verbose: false };
  const theirs = kernel.ask(object, basic);
  if (theirs.verdict === 'setup-failed') return { verdict: 'unusable', theirs, verbose: false };
  const processed = theirs.processed ?? 0;
  if (processed > LENGTH_LIMIT) return { verdict: 'too long', theirs, verbose: false };
  const ours = askSkep(object, basic);
  const { verdict } = ours;
  if (verdict === 'setup-failed') {
    const crash = difference('crash', last(ours), verdictText(theirs), template(last(ours)));
    return { verdict: 'crash', theirs, difference: crash, verbose: false };
  }
  if (verdict === 'unsupported') return { verdict, theirs, unsupported: last(ours), verbose: false };
  const found = compareAnswers(ours, theirs) ?? compareLogs('log 1', ours.log, theirs.log);
  if (found || processed > LEVEL_2_LIMIT) return { verdict, difference: found, theirs, verbose: false };
  const verbose = LOG_LEVEL.VERBOSE | LOG_LEVEL.STATS;
  const [a, b] = [askSkep(object, verbose), kernel.ask(object, verbose)];
  return { verdict, theirs, verbose: true, difference: compareAnswers(a, b) ?? compareLogs('log 2', a.log, b.log) };
}

/** Whether two differences are the same finding. */
export const sameKind = (a: Difference | undefined, b: Difference | undefined): boolean =>
  !!a && !!b && a.grade === b.grade && a.kind === b.kind;
