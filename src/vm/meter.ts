/**
 * What a run may take. The interpreter counts instructions; compiled code counts those of a whole round of a loop when the round
 * begins, and those of a function outside of its loops when it is called, so that it stops somewhat earlier.
 */
import { BudgetTrap } from '../errors/index.ts';

export interface Budget {
  /** Instructions, of all runs together. */
  readonly fuel?: number;
  /** Milliseconds, of all runs together; looked at now and then. */
  readonly timeMs?: number;
}

/** Instructions between two looks at the clock: a fraction of a millisecond. */
const CHUNK = 100_000;
const ALL = 2 ** 50;

export class Meter {
  #fuel: number;
  readonly #end: number;
  readonly #now: () => number;

  /** @param now in nanoseconds */
  constructor({ fuel = Infinity, timeMs = Infinity }: Budget, now: () => number) {
    this.#fuel = fuel;
    this.#end = timeMs === Infinity ? Infinity : now() + timeMs * 1e6;
    this.#now = now;
  }

  /** @returns instructions that may run before the next grant, at least 1. @throws BudgetTrap at `slot` */
  grant(slot: number): number {
    if (!(this.#fuel >= 1)) throw new BudgetTrap('the instruction budget is used up', slot);
    if (this.#end !== Infinity && this.#now() >= this.#end) throw new BudgetTrap('the time budget is used up', slot);
    const granted = Math.floor(Math.min(this.#fuel, this.#end === Infinity ? ALL : CHUNK));
    this.#fuel -= granted;
    return granted;
  }

  /** What was granted and not used. */
  giveBack(instructions: number): void {
    this.#fuel += instructions;
  }
}
