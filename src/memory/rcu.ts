/**
 * Read-copy-update for one CPU: what a running program may still point to is reclaimed only when no program runs.
 * A program that triggers a callback runs nested; the outermost exit is the quiescent state.
 */
import type { AddressSpace } from './address-space.ts';

export class Rcu {
  #depth = 0;
  #deferred: (() => void)[] = [];
  /** Replaced, never changed: a hook may take itself away. */
  #quiescent: readonly (() => void)[] = [];
  #memory: AddressSpace | undefined;
  /** Address of the word that says that `#reclaim` has work. */
  #word = 0;
  #reclaim: () => void = () => {};

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
    const waits = this.#memory !== undefined && this.#memory.view.getUint32(this.#word, true) !== 0;
    if (waits || this.#quiescent.length > 0 || this.#deferred.length > 0) this.#settle(waits);
  }

  /** Apart from `exit`, which ends each event of the process and has to be small. */
  #settle(waits: boolean): void {
    if (waits) this.#reclaim();
    for (const hook of this.#quiescent) hook();
    const work = this.#deferred;
    this.#deferred = [];
    for (const reclaim of work) reclaim();
  }

  /** Call `reclaim` when the outermost program has ended and a word of the memory is not 0: a look, not a call, at each end. */
  watch(memory: AddressSpace, word: number, reclaim: () => void): void {
    this.#memory = memory;
    this.#word = word;
    this.#reclaim = reclaim;
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
