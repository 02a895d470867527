/**
 * What is known at one point of one path (@kernel bpf_verifier_state): the frames of the calls in progress, and how the
 * path came here. Copying is cheap: arrays of shared, unchanging registers and slots.
 */
import type { Checkpoint } from '../env.ts';
import { NOT_INIT, REG, type Reg } from './reg.ts';
import { NO_REFS, type Ref } from './refs.ts';
import { isSpill, Slot } from './slot.ts';

/** Number of registers, r0 to r10. */
export const NREGS = 11;
export const FP = 10;

/** Why an instruction is in the history; bits of `HistoryEntry.flags`. */
export const HISTORY = { STACK_ACCESS: 1, DST_REG_STACK: 2, SRC_REG_STACK: 4 } as const;

/** A step of the path that precision backtracking cannot see from the instructions alone. */
export interface HistoryEntry {
  /** The entry before it, and how many there are with this one: paths that part share what came before. */
  readonly before: HistoryEntry | undefined;
  readonly count: number;
  readonly insn: number;
  /** The instruction before it on this path. */
  readonly prev: number;
  flags: number;
  /** For STACK_ACCESS: where. */
  frame: number;
  slot: number;
  /** Registers and slots that one comparison taught something together. */
  linked: readonly LinkedReg[] | undefined;
  /** What backtracking looked for before this step, and found: registers and slots 0-31 of the frame it runs in. */
  foundRegs: number;
  foundSlots: number;
}

/** A register (`slot` < 0) or a spilled one. */
export interface LinkedReg {
  readonly frame: number;
  readonly reg: number;
  readonly slot: number;
}

/** @kernel bpf_func_state */
export class Frame {
  readonly frameno: number;
  readonly subprog: number;
  /** Instruction of the call that opened it, -1 for the outermost. */
  readonly callsite: number;
  regs: Reg[];
  /** Slots from fp-8 down; length * 8 bytes are in use. */
  stack: Slot[];
  /** Callbacks only: the range of what they may return. */
  returns: readonly [number, number] | undefined;
  /** Functions that run later (call/async.ts): how many set each other up on the way here; 0 = runs now. */
  asyncEntry = 0;
  /** Rounds of the callback that the call being walked has begun. */
  callbackDepth = 0;
  /** Checkpoints only: bit r is set when the exact value of scalar r mattered. */
  preciseRegs = 0;
  /** Checkpoints only: the same for spilled scalars, slots 0-31 and 32-63. */
  preciseLow = 0;
  preciseHigh = 0;
  /** Checkpoints only: register, or NREGS + slot, in which the last state compared differed; -1 = in none. */
  unequal = -1;

  constructor(frameno: number, subprog: number, callsite: number, regs: Reg[], stack: Slot[]) {
    this.frameno = frameno;
    this.subprog = subprog;
    this.callsite = callsite;
    this.regs = regs;
    this.stack = stack;
  }

  copy(): Frame {
    const copy = new Frame(this.frameno, this.subprog, this.callsite, this.regs.slice(), this.stack.slice());
    copy.returns = this.returns;
    copy.asyncEntry = this.asyncEntry;
    copy.callbackDepth = this.callbackDepth;
    return copy;
  }

  isSlotPrecise(slot: number): boolean {
    return ((slot < 32 ? this.preciseLow >>> slot : this.preciseHigh >>> (slot - 32)) & 1) !== 0;
  }

  markSlotPrecise(slot: number): void {
    if (slot < 32) this.preciseLow |= 1 << slot;
    else this.preciseHigh |= 1 << (slot - 32);
  }
}

export class State {
  frames: Frame[];
  /** Paths that go on from here and have not ended; 1 for the current path. */
  branches = 1;
  /** The checkpoint before. */
  parent: State | undefined;
  /** Where the checkpoint was taken; for the current state, the instruction being walked. */
  insn = 0;
  /** First and last instruction walked since the parent. */
  firstInsn = 0;
  lastInsn = -1;
  /** The last step since the parent. */
  history: HistoryEntry | undefined;
  /** Rounds of `may_goto` loops on the way here. */
  mayGotoDepth = 0;
  /** Rounds of callbacks on the way here. */
  callbackRounds = 0;
  /** What the program acquired and has to give back, in order. Never changed, only replaced. */
  refs: readonly Ref[] = NO_REFS;
  /** Only a processor that guesses comes here; see pointer/sanitize.ts. */
  speculative = false;
  /** Registers that nobody reads later were forgotten. */
  cleaned = false;
  /** Checkpoints only: the outermost loop that it is in, by its name in prune/bucket.ts. */
  loop: string | undefined;
  /** Checkpoints only: its place in a list, while it is in one or evicted with paths open. */
  checkpoint: Checkpoint | undefined;

  constructor(frames: Frame[]) {
    this.frames = frames;
  }

  get top(): Frame {
    return this.frames[this.frames.length - 1];
  }

  /** A path that goes on from here by itself. */
  fork(): State {
    const frames = new Array<Frame>(this.frames.length);
    for (let i = 0; i < frames.length; i++) frames[i] = this.frames[i].copy();
    const copy = new State(frames);
    copy.parent = this.parent;
    copy.insn = this.insn;
    copy.firstInsn = this.firstInsn;
    copy.lastInsn = this.lastInsn;
    copy.history = this.history;
    copy.refs = this.refs;
    copy.callbackRounds = this.callbackRounds;
    copy.speculative = this.speculative;
    copy.mayGotoDepth = this.mayGotoDepth;
    return copy;
  }
}

/** Replace every register and spilled register for which `change` returns another. */
export function mapRegs(state: State, change: (reg: Reg) => Reg): void {
  for (const frame of state.frames) {
    for (let r = 0; r < NREGS; r++) {
      const reg = frame.regs[r];
      if (reg.type !== REG.NOT_INIT) frame.regs[r] = change(reg);
    }
    for (let i = 0; i < frame.stack.length; i++) {
      const slot = frame.stack[i];
      if (!isSpill(slot)) continue;
      const reg = change(slot.reg);
      if (reg !== slot.reg) frame.stack[i] = new Slot(slot.types, reg);
    }
  }
}

/** Registers of a function that starts: none written but the frame pointer. */
export function freshRegs(framePointer: Reg): Reg[] {
  const regs: Reg[] = new Array<Reg>(NREGS).fill(NOT_INIT);
  regs[FP] = framePointer;
  return regs;
}
