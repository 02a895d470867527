/**
 * Stack frames and who called. Each frame is a region of its own with at least a page that belongs to nobody before the
 * next; a frame that is not live has no bytes. A frame starts zeroed. r6-r10 are the caller's again on return.
 */
import { InternalError, Trap } from '../errors/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import { MAX_BPF_STACK } from '../uapi/index.ts';
import type { Executable } from './executable.ts';

/** @kernel MAX_CALL_FRAMES */
const MAX_FRAMES = 8;
/** Words of r6-r10 in an operand file. */
const SAVED_FIRST = 12;
const SAVED_WORDS = 10;
/** Words of r10. */
const FRAME_POINTER = 20;

interface Caller<Env> {
  executable: Executable<Env> | undefined;
  /** Slot to return to. */
  slot: number;
  readonly saved: Int32Array;
}

export class CallStack<Env> {
  readonly #space: AddressSpace;
  readonly #frames: Region[];
  readonly #callers: Caller<Env>[];
  #depth = 0;

  constructor(space: AddressSpace) {
    this.#space = space;
    this.#frames = Array.from({ length: MAX_FRAMES }, (_, i) => {
      const region = space.allocate(MAX_BPF_STACK, { kind: 'stack', name: `frame ${i}` });
      if (region === undefined) throw new InternalError('no memory for the stack');
      region.size = 0;
      return region;
    });
    this.#callers = this.#frames.map(() => ({
      executable: undefined,
      slot: 0,
      saved: new Int32Array(SAVED_WORDS),
    }));
  }

  /** Calls deep: 0 in the main program. */
  get depth(): number {
    return this.#depth;
  }

  /** Only the main program's frame, new. */
  reset(r: Int32Array): void {
    for (; this.#depth > 0; this.#depth--) this.#frames[this.#depth].size = 0;
    this.#open(r);
  }

  /** Remember the caller, which goes on behind `slot`, and open the callee's frame. */
  enter(executable: Executable<Env>, slot: number): void {
    if (this.#depth + 1 === MAX_FRAMES) throw new Trap(`calls are more than ${MAX_FRAMES} frames deep`, slot);
    const caller = this.#callers[this.#depth++];
    caller.executable = executable;
    caller.slot = slot + 1;
    const r = executable.file;
    for (let i = 0; i < SAVED_WORDS; i++) caller.saved[i] = r[SAVED_FIRST + i];
    this.#open(r);
  }

  /** Close the callee's frame and hand r0-r5 over. @returns the caller: what runs on, and at which slot. */
  leave(callee: Executable<Env>): { readonly executable: Executable<Env>; readonly slot: number } {
    this.#frames[this.#depth--].size = 0;
    const { executable = callee, slot, saved } = this.#callers[this.#depth];
    const r = executable.file;
    if (executable !== callee) r.set(callee.file.subarray(0, SAVED_FIRST));
    for (let i = 0; i < SAVED_WORDS; i++) r[SAVED_FIRST + i] = saved[i];
    return { executable, slot };
  }

  #open(r: Int32Array): void {
    const frame = this.#frames[this.#depth];
    const top = frame.base + MAX_BPF_STACK;
    frame.size = MAX_BPF_STACK;
    this.#space.bytes.fill(0, frame.base, top);
    r[FRAME_POINTER] = top;
    r[FRAME_POINTER + 1] = 0;
  }
}
