/**
 * The path that the walk is on, step by step, with what was known before each instruction. A step points at the one
 * before it: a path that ended is forgotten by itself, and paths share what they have in common.
 */
import type { Env } from '../env.ts';
import type { Reg } from '../state/reg.ts';
import type { Slot } from '../state/slot.ts';
import type { State } from '../state/state.ts';

/** What was known of one function's registers and stack. */
export interface FrameView {
  readonly regs: readonly Reg[];
  /** Slots from fp-8 down. */
  readonly stack: readonly Slot[];
  /** Slot of the call that opened it, -1 for the outermost. */
  readonly callsite: number;
}

export interface Step {
  /** Slot of the instruction. */
  readonly insn: number;
  /** Steps before it on the path. */
  readonly index: number;
  /** The step before it on the path; undefined at the start of a function that is walked by itself. */
  readonly before: Step | undefined;
  /** What was known when the instruction was reached; the outermost function first. */
  readonly frames: readonly FrameView[];
}

/** A copy that later steps of the walk do not change: registers and slots themselves never change. */
export const viewFrames = (state: State): FrameView[] =>
  state.frames.map(({ regs, stack, callsite }) => ({ regs: regs.slice(), stack: stack.slice(), callsite }));

/** Give its `observe` to `Env.observer`. */
export class PathRecorder {
  /** The last step of every path that is open. */
  readonly #tips = new WeakMap<State, Step>();
  /** The step that the walk is at, or ended at. */
  last: Step | undefined;

  readonly observe = (env: Env): void => {
    const { last } = this;
    // Paths put aside since the last step begin behind it.
    for (let i = env.pending.length - 1; last && i >= 0 && !this.#tips.has(env.pending[i].state); i--) {
      this.#tips.set(env.pending[i].state, last);
    }
    const before = this.#tips.get(env.cur);
    this.last = { insn: env.insnIdx, index: (before?.index ?? -1) + 1, before, frames: viewFrames(env.cur) };
    this.#tips.set(env.cur, this.last);
  };
}
