/**
 * The objects that the slots of one map hold: each object once, with the number of its slots, so that a million slots of
 * one object are one entry here. A slot tells its object by the word that stands for it in the memory. An object is let go
 * of when its last slot has changed and every program that was running has ended.
 *
 * Words are read out of memory that a wrong program might have written: one that stands for nothing here is never followed,
 * and what its slot held before is held until the end of the map.
 */
import type { Rcu } from '../memory/index.ts';
import type { SlotObject } from './bpf-map.ts';

interface Holding {
  readonly object: SlotObject;
  /** At least 1. */
  slots: number;
}

export class HeldObjects {
  readonly #rcu: Rcu;
  /** By the object's word. */
  readonly #holdings = new Map<number, Holding>();

  constructor(rcu: Rcu) {
    this.#rcu = rcu;
  }

  get(word: number): SlotObject | undefined {
    return this.#holdings.get(word)?.object;
  }

  /** One more slot holds an object that was acquired for it. */
  add(object: SlotObject): void {
    const holding = this.#holdings.get(object.word);
    if (holding === undefined) {
      this.#holdings.set(object.word, { object, slots: 1 });
      return;
    }
    holding.slots++;
    object.release(); // it is held already
  }

  /** One slot fewer holds the object of a word; 0: the slot was empty. */
  drop(word: number): void {
    const holding = this.#holdings.get(word);
    if (holding === undefined || --holding.slots > 0) return;
    this.#holdings.delete(word);
    this.#rcu.defer(() => holding.object.release());
  }

  /** No slot holds anything any more. */
  clear(): void {
    const holdings = [...this.#holdings.values()];
    this.#holdings.clear();
    for (const { object } of holdings) this.#rcu.defer(() => object.release());
  }
}
