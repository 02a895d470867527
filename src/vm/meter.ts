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

/** Instructions between two looks at the clock: few at first, more while they are quick, fewer when helpers copy megabytes. */
const CHUNK = { LEAST: 1000, MOST: 100_000 } as const;
/** Nanoseconds between two looks. */
const QUICK = 50_000;
const SLOW = 500_000;
const ALL = 2 ** 50;

export class Meter {
  #fuel: number;
  readonly #end: number;
  readonly #now: () => number;
  #chunk: number = CHUNK.LEAST;
  /** When the clock was looked at last. */
  #looked: number;

  /** @param now in nanoseconds */
  constructor({ fuel = Infinity, timeMs = Infinity }: Budget, now: () => number) {
    this.#fuel = fuel;
    this.#looked = timeMs === Infinity ? 0 : now();
    this.#end = this.#looked + timeMs * 1e6;
    this.#now = now;
  }

  /** @returns instructions that may run before the next grant, at least 1. @throws BudgetTrap at `slot` */
  grant(slot: number): number {
    if (!(this.#fuel >= 1)) throw new BudgetTrap('the instruction budget is used up', slot);
    const granted = Math.floor(Math.min(this.#fuel, this.#end === Infinity ? ALL : this.#look(slot)));
    this.#fuel -= granted;
    return granted;
  }

  /** @returns instructions until the next look at the clock */
  #look(slot: number): number {
    const now = this.#now();
    if (now >= this.#end) throw new BudgetTrap('the time budget is used up', slot);
    const took = now - this.#looked;
    this.#looked = now;
    if (took < QUICK) this.#chunk = Math.min(CHUNK.MOST, 2 * this.#chunk);
    else if (took > SLOW) this.#chunk = Math.max(CHUNK.LEAST, this.#chunk / 4);
    return this.#chunk;
  }

  /** What was granted and not used. */
  giveBack(instructions: number): void {
    this.#fuel += instructions;
  }
}
