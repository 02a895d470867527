/** What `skep verify` prints: a table of verdicts, and why each refused program was refused. */
import { formatInsn } from '../asm/index.ts';
import { errnoName } from '../errors/index.ts';
import type { LogStats, ProgramSpec, SourceLine } from '../loader/index.ts';
import { PROG_TYPE_NAMES } from '../uapi/index.ts';
import { formatTable, thousands } from './table.ts';

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
}

const WORDS = {
  accept: 'accepted',
  reject: 'refused',
  'setup-failed': 'not set up',
  unsupported: 'unsupported',
} as const;

export function textReport(verdicts: readonly Verdict[], withLog: boolean): string {
  const files = new Set(verdicts.map(({ file }) => file)).size > 1;
  const count = (value: number | undefined): string => (value === undefined ? '' : thousands(value));
  const rows = verdicts.map(({ file, program, verdict, errno, stats, usec }) => [
    ...(files ? [file] : []),
    program.name,
    PROG_TYPE_NAMES[program.type] ?? String(program.type),
    verdict === 'accept' ? WORDS.accept : `${WORDS[verdict]} (${errnoName(errno)})`,
    count(stats.insns),
    count(stats.total_states),
    count(stats.peak_states),
    stats.stack_depth ?? '',
    `${(usec / 1000).toFixed(2)} ms`,
  ]);
  const heading = [
    ...(files ? ['OBJECT'] : []),
    'PROGRAM',
    'TYPE',
    'VERDICT',
    'INSNS',
    'STATES',
    'PEAK',
    'STACK',
    'TIME',
  ];
  const details = verdicts.map((verdict) => explanation(verdict) + (withLog ? logText(verdict) : '')).filter(Boolean);
  return [formatTable([heading, ...rows]), ...details].join('\n');
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

export function jsonReport(verdicts: readonly Verdict[], withLog: boolean): string {
  const rows = verdicts.map((verdict) => {
    const { file, program, errno, reason, insn, stats, log, usec } = verdict;
    const source = sourceLine(verdict);
    return {
      file,
      program: program.name,
      section: program.section,
      type: PROG_TYPE_NAMES[program.type] ?? program.type,
      verdict: verdict.verdict,
      errno,
      reason,
      ...(insn >= 0 && { insn, instruction: instructionText(verdict) }),
      ...(source && { source }),
      insns: stats.insns,
      max_states_per_insn: stats.max_states_per_insn,
      total_states: stats.total_states,
      peak_states: stats.peak_states,
      stack_depth: stats.stack_depth,
      usec,
      ...(withLog && { log }),
    };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}
