/**
 * What a verifier log says, read from its text: the lines that tell why a program was refused, and the statistics. The
 * same rules hold for the kernel's log and for ours, which has the same text.
 */

/** Statistics, bookkeeping and precision tracking: never the reason. */
const NOISE =
  /^(?:processed \d+ insns \(limit|verification time \d+ usec|stack depth |mark_precise: |func#\d+ @\d+$|Live regs before insn:|SCC (?:enter|exit) |\([\d,]+\) (?:frame \d+ insn|live stack)|propagating |old state: |cur state: )/;
/** An instruction, a state or a place in the program: the reason starts after the last of these. */
const PLACE =
  /^(?:\s*(?:\d+ +)?\d+: (?:\([0-9a-f]{2}\)|R\d|frame\d|safe|[0-9.]{10} )|from \d+ to \d+: |; |caller:|callee:|returning from callee:|to caller at |\s(?:frame\d+: )?R\d+=|Validating .* func#\d+\.\.\.$|Func#\d+ .*is safe for any args)/;
/** Below level 2 the log is cut back in mid-line when a path ends, so that the next text follows a jump. */
const GLUED = /^\d+: \([0-9a-f]{2}\) (?:[^;]*?)goto pc[+-]\d+ (?! *;|\d+: |from )(.+)/;
const STATISTICS = /(?=processed \d+ insns \(limit|verification time \d+ usec)/;

/** The number of lines looked at is bounded by the reason's own: logs of many megabytes are not split. */
function* linesFromEnd(log: string): Generator<string> {
  for (let end = log.length; end > 0;) {
    const start = log.lastIndexOf('\n', end - 1) + 1;
    yield* log.slice(start, end).split(STATISTICS).reverse();
    end = start - 1;
  }
}

/**
 * The log lines that say why: those after the last instruction or state line, without statistics and bookkeeping. The
 * last one is the message; empty where the log says nothing.
 */
export function reasonOf(log: string): string[] {
  const reason: string[] = [];
  for (const line of linesFromEnd(log)) {
    if (!line || NOISE.test(line)) continue;
    if (PLACE.test(line)) {
      const glued = GLUED.exec(line);
      if (glued) reason.push(glued[1]);
      break;
    }
    reason.push(line);
  }
  return reason.reverse();
}

export interface LogStats {
  verif_usec?: number;
  insns?: number;
  max_states_per_insn?: number;
  total_states?: number;
  peak_states?: number;
  stack_depth?: string;
}

/** The statistics are the log's last lines; this much of it is searched for them. */
const STATS_TAIL = 1 << 16;

/** The numbers of the `processed`, `verification time` and `stack depth` lines, as far as the log has them. */
export function statsOf(log: string): LogStats {
  const tail = log.slice(-STATS_TAIL);
  const stats: LogStats = {};
  const time = /^verification time (\d+) usec/m.exec(tail);
  if (time) stats.verif_usec = Number(time[1]);
  const processed =
    /^processed (\d+) insns \(limit \d+\) max_states_per_insn (\d+) total_states (\d+) peak_states (\d+) mark_read (\d+)/m.exec(
      tail,
    );
  if (processed) {
    const [insns, maxStates, totalStates, peakStates] = processed.slice(1).map(Number);
    Object.assign(stats, { insns, max_states_per_insn: maxStates, total_states: totalStates, peak_states: peakStates });
  }
  const depth = /^stack depth (\S+)/m.exec(tail);
  if (depth) stats.stack_depth = depth[1];
  return stats;
}
