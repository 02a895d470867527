/**
 * How often `may_goto` falls through, in each frame by itself: measured on Linux 6.18, where the rounds of a loop that does
 * nothing else are always a multiple of 65,535 and take a quarter of a second. The first look at the clock is behind
 * the first 65,535 rounds and starts the quarter; once it is over, `may_goto` jumps wherever it stands in that frame.
 */

/** Rounds between two looks at the clock. */
export const MAY_GOTO_ROUNDS = 0xffff;
/** Nanoseconds from the first look on. */
const MAY_GOTO_TIME = 250e6;

/** The clock that `may_goto` looks at, in nanoseconds; without one the first look ends it. */
export type Now = (() => number) | undefined;

/**
 * A look at the clock. @param started the result of the frame's last look, 0 at the first
 * @returns when the frame's first look was; -1: the time is over
 */
export function lookAtClock(started: number, now: Now): number {
  if (now === undefined) return -1;
  const time = Math.max(1, now());
  if (started === 0) return time;
  return time - started < MAY_GOTO_TIME ? started : -1;
}

/** The count of one frame. */
export class MayGoto {
  #rounds = MAY_GOTO_ROUNDS;
  #started = 0;

  reset(): void {
    this.#rounds = MAY_GOTO_ROUNDS;
    this.#started = 0;
  }

  /** @returns whether the program jumps */
  jumps(now: Now): boolean {
    if (this.#rounds === 0) return true;
    if (--this.#rounds === 0) {
      this.#started = lookAtClock(this.#started, now);
      if (this.#started > 0) this.#rounds = MAY_GOTO_ROUNDS;
    }
    return false;
  }
}
