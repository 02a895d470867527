/** What `skep verify` prints: a table of verdicts, and why each refused program was refused. */
import { formatInsn } from '../asm/index.ts';
import { errnoName } from '../errors/index.ts';
import type { LogStats, ProgramSpec, SourceLine } from '../loader/index.ts';
import { PROG_TYPE_NAMES } from '../uapi/index.ts';
import { formatTable, thousands } from './table.ts';
import { differences } from './verify-compare.ts';

export interface Verdict {
  readonly file: string;
  readonly program: ProgramSpec;
  readonly verdict: 'accept' | 'reject' | 'setup-failed' | 'unsupported';
  readonly errno: number;
  /** The lines that say why; the last one tells. */
  readonly reason: readonly string[];
  /** Slot index of the refused instruction, -1 where there is none. */
  readonly insn: number;
  readonly stats: LogStats;
  readonly log: string;
  /** Microseconds: the verifier's own count where the log has it. */
  readonly usec: number;
  /** What the running kernel says, where it was asked too. */
  readonly linux?: Verdict;
}

/** A file that could not be read or is no object. */
export interface FileProblem {
  readonly file: string;
  readonly problem: string;
}

export type Item = Verdict | FileProblem;

export const isVerdict = (item: Item): item is Verdict => 'verdict' in item;

const WORDS = {
  accept: 'accepted',
  reject: 'refused',
  'setup-failed': 'not set up',
  unsupported: 'unsupported',
} as const;

/** Who was compared with whom. */
export interface Compared {
  /** Profile of skep's verdicts. */
  readonly profile: string;
  /** Release and machine of the running kernel. */
  readonly kernel: string;
}

export function textReport(items: readonly Item[], withLog: boolean, between?: Compared): string {
  const several = new Set(items.map(({ file }) => file)).size > 1;
  const compared = items.some((item) => isVerdict(item) && item.linux);
  const heading = ['PROGRAM', 'TYPE', 'VERDICT', ...(compared ? ['LINUX'] : []), 'INSNS', 'STATES', 'PEAK', 'STACK', 'TIME']; // prettier-ignore
  const rows = items.map((item) => [
    ...(several ? [item.file] : []),
    ...(isVerdict(item) ? cells(item, compared) : ['-', '-', 'unreadable']),
  ]);
  const details = items
    .map((item) => (isVerdict(item) ? detailsOf(item, withLog) : `${item.problem}\n`))
    .filter(Boolean);
  const table = formatTable([[...(several ? ['OBJECT'] : []), ...heading], ...rows]);
  const head = between ? `skep as ${between.profile}, compared with the running kernel, Linux ${between.kernel}\n` : '';
  return [head + table, ...details].join('\n');
}

const verdictText = ({ verdict, errno }: Verdict): string =>
  verdict === 'accept' ? WORDS.accept : `${WORDS[verdict]} (${errnoName(errno)})`;

function cells(verdict: Verdict, compared: boolean): string[] {
  const { program, stats, usec, linux } = verdict;
  const count = (value: number | undefined): string => (value === undefined ? '' : thousands(value));
  return [
    program.name,
    PROG_TYPE_NAMES[program.type] ?? String(program.type),
    verdictText(verdict),
    ...(compared ? [linux ? agreement(verdict, linux) : ''] : []),
    count(stats.insns),
    count(stats.total_states),
    count(stats.peak_states),
    stats.stack_depth ?? '',
    `${(usec / 1000).toFixed(2)} ms`,
  ];
}

function agreement(ours: Verdict, theirs: Verdict): string {
  const found = differences(ours, theirs);
  if (found.length === 0) return 'the same';
  return found[0].what === 'verdict' ? verdictText(theirs) : `other ${found.map(({ what }) => what).join(', ')}`;
}

function detailsOf(verdict: Verdict, withLog: boolean): string {
  return explanation(verdict) + comparison(verdict) + (withLog ? logText(verdict) : '');
}

/** What Linux says where it says something else. */
function comparison(verdict: Verdict): string {
  const { file, program, linux } = verdict;
  const found = linux ? differences(verdict, linux) : [];
  if (!linux || found.length === 0) return '';
  const lines = [`${file}: program ${program.name}: Linux says otherwise`];
  for (const { what, ours, theirs } of found) lines.push(`  ${what}: skep ${ours}, Linux ${theirs}`);
  if (found[0].what === 'verdict') for (const line of linux.reason) lines.push(`  Linux: ${line}`);
  return `${lines.join('\n')}\n`;
}

/** Why a program was refused: the telling lines, the instruction, the line of the source. */
function explanation(verdict: Verdict): string {
  if (verdict.verdict === 'accept') return '';
  const { program, reason } = verdict;
  const lines = [
    `${verdict.file}: program ${program.name}: ${WORDS[verdict.verdict]}: ${reason.at(-1) ?? 'no reason given'}`,
  ];
  for (const line of reason.slice(0, -1)) lines.push(`  ${line}`);
  const text = instructionText(verdict);
  if (text !== undefined) lines.push(`  instruction ${verdict.insn}: ${text}`);
  const source = sourceLine(verdict);
  if (source) lines.push(`  ${source.file}:${source.line}:${source.column}: ${source.text}`);
  return `${lines.join('\n')}\n`;
}

function logText({ program, log }: Verdict): string {
  return log ? `\nverifier log of ${program.name}:\n${log}` : '';
}

function instructionText({ program, insn }: Verdict): string | undefined {
  if (insn < 0 || insn >= program.insns.length) return undefined;
  const names = new Map(program.references.map((reference) => [reference.insn, reference]));
  return formatInsn(program.insns, insn, {
    ldImm64: (_insn, _high, index) => {
      const reference = names.get(index);
      if (!reference) return undefined;
      return `map[${reference.map}]${reference.valueOffset === undefined ? '' : `[0]+${reference.valueOffset}`}`;
    },
  });
}

/** The line of the source that the instruction came from: the last one that starts at or before it. */
function sourceLine({ program, insn }: Verdict): SourceLine | undefined {
  return insn < 0 ? undefined : program.lines.findLast((line) => line.insn <= insn);
}

/** One row a program, or a file that could not be read. */
export function jsonReport(items: readonly Item[], withLog: boolean, between?: Compared): string {
  const rows = items.map((item) =>
    isVerdict(item) ? jsonRow(item, withLog, between) : { file: item.file, verdict: 'unreadable', error: item.problem },
  );
  return `${JSON.stringify(rows, null, 2)}\n`;
}

function jsonRow(verdict: Verdict, withLog: boolean, between?: Compared): Record<string, unknown> {
  const { file, program, insn, linux } = verdict;
  const source = sourceLine(verdict);
  return {
    file,
    program: program.name,
    section: program.section,
    type: PROG_TYPE_NAMES[program.type] ?? program.type,
    ...answer(verdict, withLog),
    ...(insn >= 0 && { insn, instruction: instructionText(verdict) }),
    ...(source && { source }),
    ...(linux && between && { compared: between }),
    ...(linux && { linux: answer(linux, withLog), differences: differences(verdict, linux) }),
  };
}

function answer({ verdict, errno, reason, stats, usec, log }: Verdict, withLog: boolean): Record<string, unknown> {
  return {
    verdict,
    errno,
    reason,
    insns: stats.insns,
    max_states_per_insn: stats.max_states_per_insn,
    total_states: stats.total_states,
    peak_states: stats.peak_states,
    stack_depth: stats.stack_depth,
    usec,
    ...(withLog && { log }),
  };
}
