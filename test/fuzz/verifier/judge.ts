/**
 * Asks skep's verifier and the kernel about one program, and says how their answers differ: by grade, from a wrong
 * verdict down to a different line of the log.
 */
import { decode } from '../../../src/isa/index.ts';
import { ExchangeRunner, reasonOf, statsOf } from '../../../src/loader/index.ts';
import type { ExchangeAnswer, ExchangeBackend, ExchangeMap, ProgramObject } from '../../../src/loader/index.ts';
import type { MapDesc } from '../../../src/contracts/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../../src/uapi/index.ts';
import { LOG_LEVEL, verify } from '../../../src/verifier/index.ts';
import { canonical } from '../../bpft.ts';
import { fieldsOf } from './map-fields.ts';

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
const ALL_CAPS = (1n << 41n) - 1n;
/** Descriptors of no process. */
const FIRST_FD = 1000;

function mapDesc(map: ExchangeMap, object: ProgramObject): MapDesc {
  const contents = new Uint8Array(map.valueSize);
  for (const [, value] of map.init) contents.set(value.subarray(0, map.valueSize));
  const constant = map.freeze && map.type === MAP_TYPE.ARRAY && (map.mapFlags & MAP_FLAG.RDONLY_PROG) !== 0;
  return {
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.mapFlags,
    name: map.name,
    fields: fieldsOf(map, object),
    frozen: map.freeze,
    readFrozen: (offset, size) =>
      constant && offset >= 0 && offset + size <= map.valueSize ? contents.slice(offset, offset + size) : undefined,
  };
}

/** Skep's verifier by itself, without a subsystem around it. */
export function askSkep(object: ProgramObject, logLevel: number): Judgement {
  const maps = object.maps.map((map) => mapDesc(map, object));
  const insns = decode(object.insns);
  for (const [slot, map] of object.mapRefs) insns[slot] = { ...insns[slot], imm: FIRST_FD + map };
  const result = verify({
    insns,
    progType: object.progType,
    expectedAttachType: object.expectedAttachType,
    progFlags: object.progFlags,
    license: object.license,
    caps: object.caps ?? ALL_CAPS,
    mapOf: (fd) => maps[fd - FIRST_FD],
    logLevel,
  });
  const verdict = result.ok ? 'accept' : result.unsupported ? 'unsupported' : 'reject';
  return judgement(verdict, result.ok ? 0 : result.errno, result.log);
}

function judgement(verdict: Judgement['verdict'], errno: number, log: string): Judgement {
  const stats = statsOf(log);
  const mask = (text: string): string => canonical(text).replace(/\bfd -?\d+ is not/g, 'fd N is not');
  const { total_states, peak_states, max_states_per_insn } = stats;
  return {
    verdict,
    errno,
    reason: verdict === 'accept' ? [] : reasonOf(log).map(mask),
    processed: stats.insns,
    states: `${total_states}/${peak_states}/${max_states_per_insn}`,
    stackDepth: stats.stack_depth,
    log: mask(log),
  };
}

export class Kernel {
  readonly #basic: ExchangeRunner;
  readonly #verbose: ExchangeRunner;

  constructor(linux: ExchangeBackend) {
    this.#basic = new ExchangeRunner(linux, { logLevel: LOG_LEVEL.BASIC | LOG_LEVEL.STATS, fullLog: true });
    this.#verbose = new ExchangeRunner(linux, { logLevel: LOG_LEVEL.VERBOSE | LOG_LEVEL.STATS, fullLog: true });
  }

  ask(object: ProgramObject, logLevel: number): Judgement {
    const runner = logLevel & LOG_LEVEL.VERBOSE ? this.#verbose : this.#basic;
    const { verdict, errno = 0, log = '', reason } = runner.answer(object);
    if (verdict === 'setup-failed')
      throw new Error(`the kernel did not get as far as the program: ${reason.join('; ')}`);
    return judgement(verdict, errno, log);
  }
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
  /** Skep's verdict; nothing is compared of what is `unsupported`, or `too long` for a campaign. */
  readonly verdict: Judgement['verdict'] | 'too long' | 'crash';
  readonly unsupported?: string;
  readonly difference?: Difference;
  readonly theirs: Judgement;
  /** Whether level 2 was compared. */
  readonly verbose: boolean;
}

/** What skep's verifier throws is a difference of grade `crash`. */
export function compare(object: ProgramObject, kernel: Kernel): Comparison {
  const basic = LOG_LEVEL.BASIC | LOG_LEVEL.STATS;
  const theirs = kernel.ask(object, basic);
  const processed = theirs.processed ?? 0;
  if (processed > LENGTH_LIMIT) return { verdict: 'too long', theirs, verbose: false };
  const ours = attempt(object, basic);
  if (!('verdict' in ours)) return { verdict: 'crash', theirs, difference: ours, verbose: false };
  const { verdict } = ours;
  if (verdict === 'unsupported')
    return { verdict, theirs, unsupported: ours.log.trimEnd().split('\n').at(-1), verbose: false };
  const found = compareAnswers(ours, theirs) ?? compareLogs('log 1', ours.log, theirs.log);
  if (found || processed > LEVEL_2_LIMIT) return { verdict, difference: found, theirs, verbose: false };
  const verbose = LOG_LEVEL.VERBOSE | LOG_LEVEL.STATS;
  const [a, b] = [askSkep(object, verbose), kernel.ask(object, verbose)];
  return { verdict, theirs, verbose: true, difference: compareAnswers(a, b) ?? compareLogs('log 2', a.log, b.log) };
}

function attempt(object: ProgramObject, level: number): Judgement | Difference {
  try {
    return askSkep(object, level);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return difference('crash', text, 'an answer', template(text.split('\n')[0]));
  }
}

/** Whether two differences are the same finding. */
export const sameKind = (a: Difference | undefined, b: Difference | undefined): boolean =>
  !!a && !!b && a.grade === b.grade && a.kind === b.kind;
