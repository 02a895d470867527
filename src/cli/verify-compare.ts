/** Where two verdicts on one program differ: what `skep verify --compare` shows. */
import { errnoName } from '../errors/index.ts';
import type { Verdict } from './verify-report.ts';

/** One thing that the two say differently. */
export interface Difference {
  readonly what: string;
  readonly ours: string | number;
  readonly theirs: string | number;
}

const STATISTICS = ['insns', 'max_states_per_insn', 'total_states', 'peak_states', 'stack_depth'] as const;

/** Verdict, error number, the telling line, statistics; later rows only where the earlier ones are the same. */
export function differences(ours: Verdict, theirs: Verdict): Difference[] {
  const found: Difference[] = [];
  const compare = (what: string, a: string | number | undefined, b: string | number | undefined): void => {
    if (a !== b) found.push({ what, ours: a ?? 'nothing', theirs: b ?? 'nothing' });
  };
  compare('verdict', ours.verdict, theirs.verdict);
  if (found.length) return found;
  compare('errno', errnoName(ours.errno), errnoName(theirs.errno));
  compare('message', ours.reason.at(-1), theirs.reason.at(-1));
  for (const name of STATISTICS) compare(name, ours.stats[name], theirs.stats[name]);
  return found;
}
