/** What a verifier log says in short: the line that tells why, the instruction it is about, and what was counted. */
import type { VerifierStats } from '../errors/index.ts';

export interface LogSummary {
  /** The last line that tells something; empty for an empty log. */
  readonly summary: string;
  /** Slot of the last instruction printed, or -1. */
  readonly insn: number;
  readonly stats: VerifierStats | undefined;
}

/** Lines at the end that count instead of telling. */
const COUNTS = /^(processed \d+ insns|verification time |stack depth |mark_precise: )/;
/** `12: (bf) r0 = r1`, with the state behind. */
const INSN = /^(\d+): \([0-9a-f]{2}\)/;
/** Instructions, states, source lines and the walk's own notes: what led to the end, not the end. */
const TRACE =
  /^(\d+: |; |from \d+ to \d+|R\d+=|propagating |func#|last_idx |regs=|parent |safe$|arg#\d+ reference type)/;

export function summariseLog(log: string): LogSummary {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => !COUNTS.test(line));
  const summary = telling.findLast((line) => !TRACE.test(line)) ?? telling.at(-1) ?? '';
  const last = lines.findLast((line) => INSN.test(line));
  return {
    summary: summary.trim(),
    insn: last === undefined ? -1 : Number(INSN.exec(last)?.[1]),
    stats: readStats(lines),
  };
}

const PROCESSED = /^processed (\d+) insns .*max_states_per_insn (\d+) total_states (\d+) peak_states (\d+)/;

function readStats(lines: readonly string[]): VerifierStats | undefined {
  const counted = lines.map((line) => PROCESSED.exec(line)).findLast((match) => match !== null);
  if (counted === undefined || counted === null) return undefined;
  const [insns, maxStatesPerInsn, totalStates, peakStates] = counted.slice(1).map(Number);
  const stackDepth = lines.findLast((line) => line.startsWith('stack depth '))?.slice('stack depth '.length) ?? '';
  return { insns, maxStatesPerInsn, totalStates, peakStates, stackDepth };
}
