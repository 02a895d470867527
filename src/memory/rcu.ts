/**
 * Read-copy-update for one CPU: what a running program may still point to is reclaimed only when no program runs.
 * A program that triggers a callback runs nested; the outermost exit is the quiescent state.
 */
export class Rcu {
  #depth = 0;
  #deferred: (() => void)[] = [];
  readonly #quiescent: (() => void)[] = [];

  /** Whether no program runs: what nobody else holds may be reused at once. */
  get idle(): boolean {
    return this.#depth === 0;
  }

  /** A program starts. */
  enter(): void {
    this.#depth++;
  }

  /** A program ends; at the outermost end everything deferred is reclaimed. */
  exit(): void {
    if (--this.#depth > 0) return;
    for (const hook of this.#quiescent) hook();
    if (this.#deferred.length === 0) return;
    const work = this.#deferred;
    this.#deferred = [];
    for (const reclaim of work) reclaim();
  }

  /** Call `hook` each time the outermost program has ended, before what was deferred. It must be quick. */
  onQuiescence(hook: () => void): void {
    this.#quiescent.push(hook);
  }

  /** Call `reclaim` once every program that runs now has ended: at once when none runs. */
  defer(reclaim: () => void): void {
    if (this.#depth === 0) reclaim();
    else this.#deferred.push(reclaim);
  }
}
