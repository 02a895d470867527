/**
 * Read-copy-update for one CPU: what a running program may still point to is reclaimed only when no program runs.
 * A program that triggers a callback runs nested; the outermost exit is the quiescent state.
 */
export class Rcu {
  #depth = 0;
  #deferred: (() => void)[] = [];
  /** Replaced, never changed: a hook may take itself away. */
  #quiescent: readonly (() => void)[] = [];

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
    const hooks = this.#quiescent;
    for (let i = 0; i < hooks.length; i++) hooks[i](); // each event's end: an iterator would cost more than the hooks
    if (this.#deferred.length === 0) return;
    const work = this.#deferred;
    this.#deferred = [];
    for (const reclaim of work) reclaim();
  }

  /**
   * Call `hook` each time the outermost program has ended, before what was deferred. It must be quick.
   * @returns what ends that
   */
  onQuiescence(hook: () => void): () => void {
    this.#quiescent = [...this.#quiescent, hook];
    return () => {
      this.#quiescent = this.#quiescent.filter((other) => other !== hook);
    };
  }

  /** Call `reclaim` once every program that runs now has ended: at once when none runs. */
  defer(reclaim: () => void): void {
    if (this.#depth === 0) reclaim();
    else this.#deferred.push(reclaim);
  }
}
