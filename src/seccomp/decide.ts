/**
 * The verdict of all filters of a thread together: every one of them runs, the one installed last first, and the least
 * permissive answer holds. The verdict is certain only if what is not known of the call cannot change it.
 */
import { SECCOMP_RET, byPermission, isLessPermissive } from './action.ts';
import { WORD } from './data.ts';
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

export class SeccompFilters {
  /** In the order of installation. */
  readonly programs: readonly SeccompProgram[];
  readonly #pure: boolean;
  /** Decisions for which only number and architecture were read: by architecture, by number. */
  readonly #byNumber = new Map<number, Map<number, Decision>>();

  /** @param programs in the order of installation, at least one */
  constructor(programs: readonly SeccompProgram[]) {
    this.programs = programs;
    this.#pure = programs.every(({ pure }) => pure);
  }

  /** The decision for a call where its arguments do not matter, if that is known from an earlier one. */
  known(nr: number, arch: number): Decision | undefined {
    return this.#byNumber.get(arch)?.get(nr);
  }

  decide(data: SeccompData): Decision {
    const nr = data.words[WORD.NR];
    const arch = data.words[WORD.ARCH];
    const numbered = (data.known & NUMBER_AND_ARCH) === NUMBER_AND_ARCH;
    const found = numbered ? this.known(nr, arch) : undefined;
    if (found !== undefined) return found;
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
    const decision = { answers: list, certain, unknown: certain ? 0 : unknown, complete };
    if (numbered && this.#pure && !(reads & ~NUMBER_AND_ARCH)) this.#remember(nr, arch, decision);
    return decision;
  }

  #remember(nr: number, arch: number, decision: Decision): void {
    let numbers = this.#byNumber.get(arch);
    if (!numbers) this.#byNumber.set(arch, (numbers = new Map<number, Decision>()));
    numbers.set(nr, decision);
  }
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
