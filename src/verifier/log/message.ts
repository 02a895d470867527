/**
 * The telling line of a log: the last one that is neither statistics nor bookkeeping; empty where the log ends with an
 * instruction or a state.
 */
const BOOKKEEPING =
  /^(processed \d+ insns|verification time|stack depth |mark_precise: |force_precise: |func#\d+ @|Live regs before|SCC (enter|exit) |\([\d,]+\) (frame \d+ insn|live stack)|frame \d+: propagating |old state:|cur state:|$)/;
const TRACE = /^(\s*(\d+ +)?\d+: |from \d+ to \d+: |; )/;

/** Statistics and notes of the verifier to itself: never what tells. */
export const isBookkeeping = (line: string): boolean => BOOKKEEPING.test(line);

/** Statistics that follow a message without a newline of its own, as the kernel prints one of them. */
const GLUED = /(verification time \d+ usec|processed \d+ insns \(limit .*)$/;

export function lastMessage(log: string): string {
  const lines = log.split('\n');
  for (let i = lines.length - 1; i >= 0; i--) {
    if (!isBookkeeping(lines[i])) return TRACE.test(lines[i]) ? '' : lines[i].replace(GLUED, '');
  }
  return '';
}
