/**
 * Stack frames and who called. Each frame is a region of its own with at least a page that belongs to nobody before the
 * next; a frame that is not live has no bytes. A frame starts zeroed. r6-r10 are the caller's again on return. A caller may
 * be a helper that calls a function of the program again and again. A program that a tail call starts takes over the frame, and
 * may again make as many calls as any other.
 */
import { InternalError, Trap } from '../errors/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import { MAX_BPF_STACK } from '../uapi/index.ts';
import type { Calls, Executable } from './executable.ts';
import { MayGoto } from './may-goto.ts';

/** @kernel MAX_CALL_FRAMES */
const MAX_FRAMES = 8;
/** Words of r6-r10 in an operand file. */
const SAVED_FIRST = 12;
const SAVED_WORDS = 10;
/** Words of r10. */
const FRAME_POINTER = 20;

interface Frame<Env> {
  readonly region: Region;
  /** Fallen through by `may_goto` in this frame. */
  readonly mayGoto: MayGoto;
  /** Who called from this frame, once somebody has. */
  executable: Executable<Env> | undefined;
  /** Slot of the call. */
  slot: number;
  /** The helper that calls. */
  calls: Calls | undefined;
  /** Calls deep in the program that runs here. */
  nested: number;
  /** Whether a tail call has replaced the program that was called. */
  replaced: boolean;
  readonly saved: Int32Array;
}

/** Where a run goes on. */
export interface Place<Env> {
  readonly executable: Executable<Env>;
  readonly slot: number;
}

export class CallStack<Env> {
  readonly #space: AddressSpace;
  readonly #frames: Frame<Env>[] = [];
  #depth = 0;

  constructor(space: AddressSpace) {
    this.#space = space;
    while (this.#frames.length < MAX_FRAMES) this.#grow();
  }

  /** Calls deep: 0 in the main program. */
  get depth(): number {
    return this.#depth;
  }

  /** The budget of `may_goto` in the frame that runs. */
  get mayGoto(): MayGoto {
    return this.#frames[this.#depth].mayGoto;
  }

  /** Only the main program's frame, new. */
  reset(r: Int32Array): void {
    for (; this.#depth > 0; this.#depth--) this.#frames[this.#depth].region.size = 0;
    this.#frames[0].nested = 0;
    this.#open(r, false);
  }

  /** Remember the caller, and open the callee's frame. @param calls of the helper that calls */
  enter(executable: Executable<Env>, slot: number, calls?: Calls): void {
    const frame = this.#frames[this.#depth];
    if (frame.nested + 1 === MAX_FRAMES) throw new Trap(`calls are more than ${MAX_FRAMES} frames deep`, slot);
    frame.executable = executable;
    frame.slot = slot;
    frame.calls = calls;
    const r = executable.file;
    for (let i = 0; i < SAVED_WORDS; i++) frame.saved[i] = r[SAVED_FIRST + i];
    if (++this.#depth === this.#frames.length) this.#grow();
    this.#frames[this.#depth].nested = frame.nested + 1;
    this.#open(r, false);
  }

  /** The helper whose calls the function that runs is one of. */
  get calls(): Calls | undefined {
    return this.#depth === 0 ? undefined : this.#frames[this.#depth - 1].calls;
  }

  /** Whether a tail call has replaced the function that runs. */
  get replaced(): boolean {
    return this.#frames[this.#depth].replaced;
  }

  /** Another program takes over the frame. @param r its registers */
  replace(r: Int32Array): void {
    this.#frames[this.#depth].nested = 0;
    this.#open(r, true);
  }

  /** Close the callee's frame and hand r0-r5 over. @returns who called, and at which slot. */
  leave(callee: Executable<Env>): Place<Env> {
    this.#frames[this.#depth--].region.size = 0;
    const { executable = callee, slot, saved } = this.#frames[this.#depth];
    const r = executable.file;
    if (executable !== callee) r.set(callee.file.subarray(0, SAVED_FIRST));
    for (let i = 0; i < SAVED_WORDS; i++) r[SAVED_FIRST + i] = saved[i];
    return { executable, slot };
  }

  #open(r: Int32Array, replaced: boolean): void {
    const frame = this.#frames[this.#depth];
    const { region, mayGoto } = frame;
    frame.replaced = replaced;
    const top = region.base + MAX_BPF_STACK;
    region.size = MAX_BPF_STACK;
    mayGoto.reset();
    this.#space.bytes.fill(0, region.base, top);
    r[FRAME_POINTER] = top;
    r[FRAME_POINTER + 1] = 0;
  }

  #grow(): void {
    const region = this.#space.allocate(MAX_BPF_STACK, { kind: 'stack', name: `frame ${this.#frames.length}` });
    if (region === undefined) throw new InternalError('no memory for the stack');
    region.size = 0;
    const saved = new Int32Array(SAVED_WORDS);
    const mayGoto = new MayGoto();
    const caller = { executable: undefined, slot: 0, calls: undefined, saved };
    this.#frames.push({ region, mayGoto, ...caller, nested: 0, replaced: false });
  }
}
