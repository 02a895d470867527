/**
 * Which 8-byte stack slots may still be read after an instruction, on any path. Pruning forgets the others, so that
 * states which differ only in dead slots are equal. Rejects nothing.
 *
 * While the walk goes, every visit of an instruction notes what it read and what it surely wrote. A slot counts as
 * written by an instruction only when each visit wrote it. When a path ends, a backward data flow over the whole
 * function, visited or not, computes for each instruction
 *
 *     written = wrote ∪ ⋂ written of the successors        (on every way to the end of the function)
 *     live    = read  ∪ (⋃ live of the successors \ wrote)
 *
 * A function is analysed once for each chain of calls that leads to it, and for each frame on the chain: a callee reads
 * its callers' slots through pointers. What it reads and writes there counts as done by the call.
 *
 * The walk calls, for each instruction, `beginVisit`, then `recordRead` and `recordWrite`, then `endVisit`; and `update`
 * whenever a path ends: at `exit` of any function and where a state was found safe.
 *
 * Slots are counted from 0 = fp-8; frames from 0 = the main program's.
 */
import type { Arena } from './arena.ts';
import { flowOf } from './cfg.ts';
import type { Context } from './context.ts';
import { AUX } from './insn-aux.ts';
import { isLocalCall } from './subprogs.ts';

/** A call in progress, as in a state's frames. */
export interface CallFrame {
  readonly subprog: number;
  /** Slot of the call instruction, -1 for the main program. */
  readonly callsite: number;
}

/** The main program alone. */
const MAIN: readonly CallFrame[] = [{ subprog: 0, callsite: -1 }];

/**
 * Sets of slots of one frame: eight words an instruction, two of each kind, for slots 0-31 and 32-63. The words are signed:
 * sets are only compared and combined.
 */
const STRIDE = 8;
const READ = 0;
const WROTE = 2;
const WRITTEN = 4;
const LIVE = 6;

/** One function at the end of one chain of calls. */
class Instance {
  readonly name: string;
  readonly start: number;
  readonly count: number;
  /** By frame; created at the frame's first access. */
  readonly frames: (Int32Array | undefined)[] = [];
  readonly visited: Uint8Array;
  /** Instances of the functions called from here, by call site and function. */
  readonly callees = new Map<number, Instance>();
  /** Something was noted that the data flow does not know yet. */
  dirty = false;
  /** An instruction did not write what it wrote before: `written` has to be computed anew. */
  dropped = false;

  readonly #arena: Arena;

  constructor(ctx: Context, chain: readonly CallFrame[]) {
    this.#arena = ctx.aux.arena;
    const { start, end } = ctx.aux.subprogs[chain[chain.length - 1].subprog];
    this.start = start;
    this.count = end - start;
    this.visited = this.#arena.uint8(this.count);
    this.name = `(${[...chain.slice(1).map((frame) => frame.callsite), start].join(',')})`;
  }

  frame(index: number): Int32Array {
    return (this.frames[index] ??= this.#arena.int32(STRIDE * this.count));
  }

  /** Note that the instruction at index `at` read `slots` of word `w`. */
  addRead(sets: Int32Array, at: number, w: number, slots: number): void {
    const word = STRIDE * at + w;
    sets[word + READ] |= slots;
    // What is live already changes nothing.
    if (slots & ~sets[word + LIVE]) this.dirty = true;
  }

  /** Note what a visit of the instruction wrote; the first visit decides, later ones can only take away. */
  addWrites(sets: Int32Array, at: number, low: number, high: number): void {
    const word = STRIDE * at + WROTE;
    if (this.visited[at] === 0) {
      sets[word] = low;
      sets[word + 1] = high;
      if (low | high) this.dirty = true;
    } else if ((sets[word] & ~low) | (sets[word + 1] & ~high)) {
      sets[word] &= low;
      sets[word + 1] &= high;
      this.dirty = this.dropped = true;
    }
  }
}

export class LiveStack {
  readonly #ctx: Context;
  /** Functions that the walk began with, by call site and function. */
  readonly #roots = new Map<number, Instance>();
  readonly #orders = new Map<number, Int32Array>();
  /** The frame asked for last, which no other chain has, and its instance. */
  #lastFrame: CallFrame | undefined;
  #last: Instance | undefined;
  /** The instance and the instruction being visited. */
  #current: Instance | undefined;
  #at = 0;
  /** What this visit wrote, two words a frame. */
  readonly #writes: number[] = [];
  #hasWrites = false;

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  /** The walk comes to `insn` in the last of `frames`. */
  beginVisit(insn: number, frames: readonly CallFrame[] = MAIN): void {
    this.#current = this.#instance(frames, frames.length);
    this.#at = insn - this.#current.start;
    if (this.#hasWrites) this.#writes.fill(0);
    this.#hasWrites = false;
  }

  /** The instruction may read a slot, or part of it. */
  recordRead(frame: number, slot: number): void {
    const instance = this.#current!;
    instance.addRead(instance.frame(frame), this.#at, slot >>> 5, 1 << (slot & 31));
  }

  /** The instruction overwrites a whole slot, whatever happens. */
  recordWrite(frame: number, slot: number): void {
    while (this.#writes.length < 2 * (frame + 1)) this.#writes.push(0);
    this.#current!.frame(frame);
    this.#writes[2 * frame + (slot >>> 5)] |= 1 << (slot & 31);
    this.#hasWrites = true;
  }

  endVisit(): void {
    const instance = this.#current!;
    const at = this.#at;
    // What a call does is what its callee does; `update` notes it.
    if (isLocalCall(this.#ctx.insns[instance.start + at])) return;
    const { frames } = instance;
    const writes = this.#writes;
    for (let f = 0; f < frames.length; f++) {
      const sets = frames[f];
      if (sets === undefined) continue;
      const any = this.#hasWrites && 2 * f < writes.length;
      instance.addWrites(sets, at, any ? writes[2 * f] : 0, any ? writes[2 * f + 1] : 0);
    }
    instance.visited[at] = 1;
  }

  /** A path ended in the last of `frames`: bring the data flow up to date, from there outwards. */
  update(frames: readonly CallFrame[] = MAIN): void {
    for (let depth = frames.length; depth > 0; depth--) {
      const instance = this.#instance(frames, depth);
      if (!instance.dirty) continue;
      this.#flow(instance, frames[depth - 1].subprog);
      if (depth > 1) this.#noteCall(instance, this.#instance(frames, depth - 1), frames[depth - 1].callsite, depth - 1);
    }
  }

  /**
   * Which slots of `frame` may be read by the instruction at `insn` of the last of `frames` or later, also after the calls
   * in progress have returned: bit i for slot 32 * `word` + i.
   */
  live(insn: number, frame: number, word: number, frames: readonly CallFrame[] = MAIN): number {
    let slots = 0;
    for (let depth = frame + 1; depth <= frames.length; depth++) {
      const instance = this.#instance(frames, depth);
      const sets = instance.frames[frame];
      if (!sets) continue;
      if (depth === frames.length) {
        slots |= sets[STRIDE * (insn - instance.start) + LIVE + word];
        continue;
      }
      const { callsite } = frames[depth];
      slots |= sets[STRIDE * (callsite + 1 - instance.start) + LIVE + word];
      // A callback may be called again.
      if (this.#ctx.aux.flags[callsite] & AUX.CALLS_CALLBACK) {
        slots |= sets[STRIDE * (callsite - instance.start) + LIVE + word];
      }
    }
    return slots;
  }

  /** The instance of the first `depth` frames. */
  #instance(frames: readonly CallFrame[], depth: number): Instance {
    const last = frames[depth - 1];
    if (last === this.#lastFrame) return this.#last!;
    let known = this.#roots;
    let instance: Instance | undefined;
    for (let i = 0; i < depth; i++) {
      const { callsite, subprog } = frames[i];
      const key = (callsite + 1) * this.#ctx.aux.subprogs.length + subprog;
      instance = known.get(key);
      if (!instance) known.set(key, (instance = new Instance(this.#ctx, frames.slice(0, i + 1))));
      known = instance.callees;
    }
    this.#lastFrame = last;
    this.#last = instance;
    return instance!;
  }

  /** What the callee does to its callers' `count` frames is done by the call at `callsite`. */
  #noteCall(callee: Instance, caller: Instance, callsite: number, count: number): void {
    const at = callsite - caller.start;
    for (let f = 0; f < count; f++) {
      const from = callee.frames[f];
      if (!from) continue;
      const sets = caller.frame(f);
      for (let w = 0; w < 2; w++) caller.addRead(sets, at, w, from[LIVE + w]);
      caller.addWrites(sets, at, from[WRITTEN], from[WRITTEN + 1]);
    }
    caller.visited[at] = 1;
  }

  /** Iterate the data flow of one instance until nothing changes. */
  #flow(instance: Instance, subprog: number): void {
    if (instance.dropped) for (const sets of instance.frames) forgetWritten(sets);
    instance.dirty = instance.dropped = false;
    const order = this.#postorder(instance, subprog);
    let iterations = 0;
    for (let changed = true; changed; iterations++) {
      changed = false;
      for (let f = 0; f < instance.frames.length; f++) {
        const sets = instance.frames[f];
        if (sets && this.#round(instance, f, sets, order)) changed = true;
      }
    }
    const { log } = this.#ctx;
    if (log.verbose) log.write(`${instance.name} live stack update done in ${iterations} iterations\n`);
  }

  /** One round over the instructions for one frame. @returns whether a set changed. */
  #round(instance: Instance, frame: number, sets: Int32Array, order: Int32Array): boolean {
    const flow = flowOf(this.#ctx);
    const { start } = instance;
    const { verbose } = this.#ctx.log;
    let changed = false;
    for (let i = 0; i < order.length; i++) {
      const at = order[i];
      const first = flow[2 * at];
      const second = flow[2 * at + 1];
      const word = STRIDE * (at - start);
      const old = verbose ? sets.slice(word + WRITTEN, word + STRIDE) : undefined;
      let insnChanged = false;
      for (let w = word; w < word + 2; w++) {
        let liveAfter = 0;
        let writtenAfter = 0;
        if (first >= 0) {
          const to = STRIDE * (first - start) + (w - word);
          liveAfter = sets[to + LIVE];
          writtenAfter = sets[to + WRITTEN];
        }
        if (second >= 0) {
          const to = STRIDE * (second - start) + (w - word);
          liveAfter |= sets[to + LIVE];
          writtenAfter &= sets[to + WRITTEN];
        }
        const live = sets[w + READ] | (liveAfter & ~sets[w + WROTE]);
        const written = sets[w + WROTE] | writtenAfter;
        if (live === sets[w + LIVE] && written === sets[w + WRITTEN]) continue;
        sets[w + LIVE] = live;
        sets[w + WRITTEN] = written;
        insnChanged = true;
      }
      if (!insnChanged) continue;
      changed = true;
      if (old && this.#isShown(instance, sets, at)) {
        const prefix = `${instance.name} frame ${frame} insn ${at} `;
        this.#print(prefix, 'live', old[2], old[3], sets[word + LIVE], sets[word + LIVE + 1]);
        this.#print(prefix, 'written', old[0], old[1], sets[word + WRITTEN], sets[word + WRITTEN + 1]);
      }
    }
    return changed;
  }

  /** Linux shows changes where a state may be compared, where the function begins and where it accesses the stack. */
  #isShown(instance: Instance, sets: Int32Array, at: number): boolean {
    const word = STRIDE * (at - instance.start);
    if (at === instance.start || this.#ctx.aux.flags[at] & AUX.PRUNE_POINT) return true;
    return (sets[word + READ] | sets[word + READ + 1] | sets[word + WROTE] | sets[word + WROTE + 1]) !== 0;
  }

  #print(prefix: string, what: string, oldLow: number, oldHigh: number, low: number, high: number): void {
    const added = slotNames(low & ~oldLow, high & ~oldHigh);
    const removed = slotNames(oldLow & ~low, oldHigh & ~high);
    if (!added && !removed) return;
    this.#ctx.log.write(`${prefix}${added && `+${what} ${added} `}${removed && `-${what} ${removed}`}\n`);
  }

  /**
   * Order of a round: successors before predecessors as far as loops allow. Both successors of an instruction are put
   * on the stack when it is first seen, the jump target on top; this fixes how many rounds a loop takes.
   */
  #postorder(instance: Instance, subprog: number): Int32Array {
    const known = this.#orders.get(subprog);
    if (known) return known;
    const { start, count } = instance;
    const { arena } = this.#ctx.aux;
    const flow = flowOf(this.#ctx);
    const seen = arena.uint8(count);
    const stack = [start];
    const order: number[] = [];
    seen[0] = 1;
    while (stack.length) {
      const at = stack[stack.length - 1];
      const size = stack.length;
      for (let n = 2 * at; n < 2 * at + 2; n++) {
        const to = flow[n];
        if (to < 0 || seen[to - start]) continue;
        seen[to - start] = 1;
        stack.push(to);
      }
      if (stack.length === size) order.push(stack.pop()!);
    }
    const result = arena.int32(order.length);
    for (let i = 0; i < order.length; i++) result[i] = order[i];
    this.#orders.set(subprog, result);
    return result;
  }
}

function forgetWritten(sets: Int32Array | undefined): void {
  if (sets) for (let word = WRITTEN; word < sets.length; word += STRIDE) sets[word] = sets[word + 1] = 0;
}

/** `-8,-16` for slots 0 and 1. */
function slotNames(low: number, high: number): string {
  const names: number[] = [];
  for (let slot = 0; slot < 64; slot++) {
    if (((slot < 32 ? low : high) >>> (slot & 31)) & 1) names.push(-8 * (slot + 1));
  }
  return names.join(',');
}
