/**
 * The verdict of all filters of a thread together: every one of them runs, the one installed last first, and the least
 * permissive answer holds. The verdict is certain only if what is not known of the call cannot change it.
 */
import { SECCOMP_RET, byPermission, isLessPermissive } from './action.ts';
import { WORD, WORDS } from './data.ts';
import type { SeccompData } from './data.ts';
import type { Outcome, SeccompProgram } from './program.ts';

/** A value, and what decided it. */
export interface Answer extends Outcome {
  /** Which filter: index in the order of installation. */
  readonly filter: number;
}

export interface Decision {
  /** What all filters together may return, least permissive first; one where the verdict is certain. */
  readonly answers: readonly Answer[];
  readonly certain: boolean;
  /** Bits of the unknown words that an uncertain verdict depends on; 0 for a certain one. */
  readonly unknown: number;
  /** False where there may be other answers. */
  readonly complete: boolean;
}

const NUMBER_AND_ARCH = (1 << WORD.NR) | (1 << WORD.ARCH);
/** Decisions that are kept for one number. */
const MAX_KEPT = 1000;

/** Decisions for one number of one architecture. */
interface Kept {
  /** The one where only number and architecture were read. */
  always: Decision | undefined;
  /** Bits of the words that were read in any of them: data that are equal in these are decided alike. */
  reads: number;
  /** By what is known in these words. */
  readonly byWords: Map<string, Decision>;
}

export class SeccompFilters {
  /** In the order of installation. */
  readonly programs: readonly SeccompProgram[];
  readonly #pure: boolean;
  /** By architecture, by number. */
  readonly #kept = new Map<number, Map<number, Kept>>();

  /** @param programs in the order of installation, at least one */
  constructor(programs: readonly SeccompProgram[]) {
    this.programs = programs;
    this.#pure = programs.every(({ pure }) => pure);
  }

  /** The decision for a call where its arguments do not matter, if that is known from an earlier one. */
  known(nr: number, arch: number): Decision | undefined {
    return this.#kept.get(arch)?.get(nr)?.always;
  }

  /** Equal calls are given the same object where the filters are pure and not too many others came between. */
  decide(data: SeccompData): Decision {
    const numbered = (data.known & NUMBER_AND_ARCH) === NUMBER_AND_ARCH;
    const kept = this.#pure && numbered ? this.#keptFor(data) : undefined;
    const found = kept && (kept.always ?? kept.byWords.get(keyOf(data, kept.reads)));
    if (found !== undefined) return found;
    const { decision, reads } = this.#run(data);
    if (kept === undefined) return decision;
    if (!(reads & ~NUMBER_AND_ARCH)) kept.always = decision;
    else {
      if (kept.reads !== (kept.reads | reads) || kept.byWords.size === MAX_KEPT) kept.byWords.clear();
      kept.reads |= reads;
      kept.byWords.set(keyOf(data, kept.reads), decision);
    }
    return decision;
  }

  #run(data: SeccompData): { decision: Decision; reads: number } {
    let answers = new Map<number, Answer>();
    let unknown = 0;
    let reads = 0;
    let complete = true;
    for (let filter = this.programs.length - 1; filter >= 0; filter--) {
      const run = this.programs[filter].run(data);
      unknown |= run.unknown;
      reads |= run.reads;
      complete &&= run.complete;
      answers = combine(answers, run.outcomes, filter);
    }
    const list = [...answers.values()].sort((a, b) => byPermission(a.returned, b.returned));
    const certain = complete && list.length === 1;
    return { decision: { answers: list, certain, unknown: certain ? 0 : unknown, complete }, reads };
  }

  #keptFor({ words }: SeccompData): Kept {
    const arch = words[WORD.ARCH];
    const nr = words[WORD.NR];
    let numbers = this.#kept.get(arch);
    if (!numbers) this.#kept.set(arch, (numbers = new Map<number, Kept>()));
    let kept = numbers.get(nr);
    if (!kept) numbers.set(nr, (kept = { always: undefined, reads: 0, byWords: new Map<string, Decision>() }));
    return kept;
  }
}

/** The words of a mask, and which of them are known. */
function keyOf({ words, known }: SeccompData, mask: number): string {
  let key = `${known & mask}`;
  for (let word = WORD.IP; word < WORDS; word++) if (mask & known & (1 << word)) key += ` ${words[word]}`;
  return key;
}

/** @param later what the filters that were installed later may return; empty before the first */
function combine(
  later: ReadonlyMap<number, Answer>,
  outcomes: readonly Outcome[],
  filter: number,
): Map<number, Answer> {
  const all = new Map<number, Answer>();
  const add = (answer: Answer): void => {
    // Nothing is more permissive than ALLOW, and its data mean nothing.
    const permits = !isLessPermissive(answer.returned, SECCOMP_RET.ALLOW);
    const returned = permits ? SECCOMP_RET.ALLOW : answer.returned;
    if (!all.has(returned)) all.set(returned, { ...answer, returned });
  };
  for (const outcome of outcomes) {
    if (later.size === 0) add({ ...outcome, filter });
    for (const answer of later.values())
      add(isLessPermissive(outcome.returned, answer.returned) ? { ...outcome, filter } : answer);
  }
  return all;
}
