/** The line of a log that tells why: the last one that is neither statistics nor bookkeeping. */
const BOOKKEEPING = /^(processed \d+ insns|verification time|stack depth|mark_precise: |force_precise: |$)/;

export function lastMessage(log: string): string {
  const lines = log.split('\n');
  for (let i = lines.length - 1; i >= 0; i--) if (!BOOKKEEPING.test(lines[i])) return lines[i];
  return '';
}
