/**
 * Which numbers had to be known exactly (@kernel mark_chain_precision). When a decision depended on a number, the walk
 * goes back along the path to where it came from, and marks it precise in every checkpoint on the way: later paths may be
 * pruned against such a checkpoint only if their number lies within. All other numbers are compared not at all.
 * Where the origin cannot be followed, every number of the path becomes precise. Rejects (EFAULT) only where Linux loses its
 * way, behind a packet load that made a function return: `verifier bug: static subprog unexpected regs %x`, `… leftover stack
 * slots %x`, `verifier bug: callback unexpected regs %x`, `verifier bug: subprog exit from frame 0`.
 */
import { ERRNO, InternalError } from '../../errors/index.ts';
import { ALU, ATOMIC, CALL, CLASS, EXIT, type Instruction, JMP, MODE, SRC } from '../../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { AUX } from '../insn-aux.ts';
import { insnText } from '../log/insn-text.ts';
import { stateText } from '../log/state-text.ts';
import { REG } from '../state/reg.ts';
import { isScalarSpill } from '../state/slot.ts';
import { FP, HISTORY, type HistoryEntry, NREGS, type State } from '../state/state.ts';
import { isLocalCall } from '../subprogs.ts';
import type { Track } from './track.ts';

const ARG_REGS = 0x3e;
const TAIL_CALL = HELPER_NAMES.indexOf('tail_call');

/** Register `r` of the current frame must be exact. @returns 0 */
export function markPrecise(env: Env, r: number): number {
  const track = env.track.start(env.cur.frames.length - 1);
  if (env.cur.top.regs[r].type !== REG.SCALAR) throw new InternalError(`backtracking of r${r}, which is no number`);
  track.setReg(r);
  return backtrack(env, env.cur, track);
}

/** How walking back over one stretch of the path ended. */
const STRETCH = { FOUND: 0, BEGINNING: 1, LOST: 2 } as const;

/** Walk back from `start` until everything in `track` is found. @returns 0 or -errno; whether marks were added is in `changed`. */
export function backtrack(env: Env, start: State, track: Track, changed?: { value: boolean }): number {
  if (!env.bpfCapable || track.empty) return 0;
  let state = start;
  let last = start.insn;
  let subsequent = -1;
  for (;;) {
    if (env.log.verbose) {
      const from = `last_idx ${last} first_idx ${state.firstInsn} subseq_idx ${subsequent}`;
      env.log.write(`mark_precise: frame${track.frame}: ${from} \n`);
    }
    // The very beginning of a global function: its arguments come from anywhere.
    if (last < 0) {
      markArguments(state, track, changed);
      return 0;
    }
    const end = walkBack(env, state, track, last, subsequent, state === start);
    if (end < 0) return end;
    if (end === STRETCH.FOUND) return 0;
    if (end === STRETCH.LOST || !state.parent) break;
    subsequent = state.firstInsn;
    state = state.parent;
    markCheckpoint(env, state, track, changed);
    if (track.empty) return 0;
    last = state.lastInsn;
  }
  // Something was stored in a way that cannot be followed.
  markAllPrecise(env, start);
  return 0;
}

/** What is still wanted in the state that a global function starts with are its arguments. */
function markArguments(state: State, track: Track, changed?: { value: boolean }): void {
  const [frame] = state.frames;
  for (let r = 0; r < NREGS; r++) {
    if (!track.hasReg(r, 0) || frame.regs[r].type !== REG.SCALAR) continue;
    frame.preciseRegs |= 1 << r;
    if (changed) changed.value = true;
  }
}

/** Undo a state's own instructions, from `last` to its first; the very last of all was not done yet when `skip`. */
function walkBack(env: Env, state: State, track: Track, last: number, subsequent: number, skip: boolean): number {
  const { verbose } = env.log;
  const { firstInsn } = state;
  const concerns = (env.concerns ??= concernsOf(env));
  let entry = state.history;
  let at = last;
  let wanted = track.regs[track.frame] | FRAMES_CHANGE;
  for (;;) {
    const here = entry !== undefined && entry.insn === at ? entry : undefined;
    // Most instructions have nothing to do with what is looked for.
    const matters = verbose || (concerns[at] & wanted) !== 0 || (here !== undefined && tells(here));
    if (skip) skip = false;
    else if (matters) {
      const followed = step(env, at, subsequent, here, track);
      if (followed <= 0) return followed || STRETCH.LOST;
      if (track.empty) return STRETCH.FOUND;
      wanted = track.regs[track.frame] | FRAMES_CHANGE;
    }
    if (here !== undefined && !verbose && wasFound(here, track)) return STRETCH.FOUND;
    subsequent = at;
    if (at === firstInsn && (entry === undefined || (here !== undefined && here.before === undefined))) {
      return STRETCH.BEGINNING;
    }
    if (here !== undefined) {
      at = here.prev;
      entry = here.before;
    } else {
      at--;
    }
  }
}

/**
 * Whether all that is looked for before a step was looked for there before: the way back from it is the same, and every
 * mark on it is made. What is looked for of callers is not remembered.
 */
function wasFound(entry: HistoryEntry, track: Track): boolean {
  if (!track.isLocal) return false;
  const regs = track.regs[track.frame];
  const slots = track.low[track.frame];
  if (((regs & ~entry.foundRegs) | (slots & ~entry.foundSlots)) === 0) return true;
  entry.foundRegs |= regs;
  entry.foundSlots |= slots;
  return false;
}

/** Whether an entry says more than that the path came by. */
const tells = (entry: HistoryEntry): boolean => entry.flags !== 0 || entry.linked !== undefined;

/** No register: calls and ends of functions matter whatever is looked for. */
const FRAMES_CHANGE = 1 << 15;

/** Registers that make an instruction worth undoing when they are looked for, by slot: bit r. */
function concernsOf({ insns, aux }: Env): Uint16Array {
  const concerns = aux.arena.uint16(insns.length);
  for (let i = 0; i < insns.length; i++) concerns[i] = concernOf(insns[i]);
  return concerns;
}

function concernOf(insn: Instruction): number {
  const cls = insn.opcode & 7;
  if (insn.opcode === 0) return 0;
  if (cls !== CLASS.JMP && cls !== CLASS.JMP32) return 1 << insn.dst;
  if (insn.opcode === CALL || insn.opcode === EXIT) return FRAMES_CHANGE;
  return insn.opcode & SRC.X ? (1 << insn.dst) | (1 << insn.src) : 0;
}

/** Mark what is wanted in a checkpoint; what is already marked there, or is no number, need not be followed further. */
function markCheckpoint(env: Env, state: State, track: Track, changed?: { value: boolean }): void {
  for (let f = track.frame; f >= 0; f--) {
    const frame = state.frames[f];
    for (let left = track.regs[f]; left; left &= left - 1) {
      const r = 31 - Math.clz32(left & -left);
      if (frame.regs[r].type !== REG.SCALAR || (frame.preciseRegs >>> r) & 1) track.clearReg(r, f);
      else {
        frame.preciseRegs |= 1 << r;
        if (changed) changed.value = true;
      }
    }
    for (const i of track.slots(f)) {
      const slot = frame.stack[i];
      if (slot === undefined || !isScalarSpill(slot) || frame.isSlotPrecise(i)) track.clearSlot(f, i);
      else {
        frame.markSlotPrecise(i);
        if (changed) changed.value = true;
      }
    }
    if (env.log.verbose) {
      const wanted = `regs=${track.regText(f)} stack=${track.slotText(f)}`;
      env.log.write(`mark_precise: frame${f}: parent state ${wanted}: ${stateText(env, state, f, true)}\n`);
    }
  }
}

/** What undoing an instruction answers, or -errno. */
const UNDO = { LOST: 0, FOLLOWED: 1 } as const;

/** Undo one instruction, after which the path went on at `subsequent`. @returns UNDO or -errno */
function step(env: Env, index: number, subsequent: number, entry: HistoryEntry | undefined, track: Track): number {
  const insn = env.insns[index];
  if (insn.opcode === 0) return UNDO.FOLLOWED;
  if (env.log.verbose) {
    const wanted = `regs=${track.regText()} stack=${track.slotText()}`;
    env.log.write(`mark_precise: frame${track.frame}: ${wanted} before ${index}: ${insnText(env, index)}\n`);
  }
  track.spread(entry?.linked);
  const followed = undo(env, index, subsequent, entry, track);
  if (followed > 0) track.spread(entry?.linked);
  return followed;
}

/** What was wanted behind the instruction, expressed by what is wanted before it. */
function undo(env: Env, index: number, subsequent: number, entry: HistoryEntry | undefined, track: Track): number {
  const insn = env.insns[index];
  const cls = insn.opcode & 7;
  switch (cls) {
    case CLASS.ALU:
    case CLASS.ALU64:
      undoAlu(insn, track);
      return UNDO.FOLLOWED;
    case CLASS.LDX:
      undoLoad(insn.dst, entry, track);
      return UNDO.FOLLOWED;
    case CLASS.ST:
    case CLASS.STX:
      return undoStore(insn, cls, entry, track);
    case CLASS.JMP:
    case CLASS.JMP32:
      if (insn.opcode === CALL) return undoCall(env, insn, index, subsequent, track);
      if (insn.opcode === EXIT) undoExit(env, subsequent, track);
      else undoBranch(insn, entry, track);
      return UNDO.FOLLOWED;
    default: {
      if (!track.hasReg(insn.dst)) return UNDO.FOLLOWED;
      track.clearReg(insn.dst);
      const mode = insn.opcode & 0xe0;
      return mode !== MODE.ABS && mode !== MODE.IND ? UNDO.FOLLOWED : UNDO.LOST;
    }
  }
}

function undoAlu(insn: Instruction, track: Track): void {
  if (!track.hasReg(insn.dst)) return;
  const op = insn.opcode & 0xf0;
  if (op === ALU.END || op === ALU.NEG) return;
  if (op === ALU.MOV) track.clearReg(insn.dst);
  if ((insn.opcode & SRC.X) !== 0 && insn.src !== FP) track.setReg(insn.src);
}

function undoLoad(reg: number, entry: HistoryEntry | undefined, track: Track): void {
  if (!track.hasReg(reg)) return;
  track.clearReg(reg);
  // A number from anywhere but the stack begins there.
  if (entry && entry.flags & HISTORY.STACK_ACCESS) track.setSlot(entry.frame, entry.slot);
}

function undoStore(insn: Instruction, cls: number, entry: HistoryEntry | undefined, track: Track): number {
  const isAtomic = cls === CLASS.STX && (insn.opcode & 0xe0) === MODE.ATOMIC;
  if (isAtomic && insn.imm === ATOMIC.LOAD_ACQ) {
    undoLoad(insn.dst, entry, track);
    return UNDO.FOLLOWED;
  }
  if (track.hasReg(insn.dst)) return UNDO.LOST;
  if (!entry || !(entry.flags & HISTORY.STACK_ACCESS) || !track.hasSlot(entry.frame, entry.slot)) return UNDO.FOLLOWED;
  track.clearSlot(entry.frame, entry.slot);
  if (cls === CLASS.STX) track.setReg(insn.src);
  return UNDO.FOLLOWED;
}

/**
 * A call: seen from inside a function, its beginning, where what is wanted of r1-r5 is wanted of the caller's, unless a
 * helper made them for a callback; seen from behind a helper or a global function, r0 begins there.
 */
function undoCall(env: Env, insn: Instruction, index: number, subsequent: number, track: Track): number {
  if (subsequent !== index + 1 && insn.src === CALL_PSEUDO.CALL) return undoEntry(env, track);
  if (subsequent !== index + 1 && callsBack(env, index)) {
    const regs = track.regs[track.frame];
    if (regs & ~ARG_REGS) return env.fail(ERRNO.EFAULT, `verifier bug: callback unexpected regs ${regs.toString(16)}`);
    track.leaveFunction();
    return UNDO.FOLLOWED;
  }
  // One that no loader resolved is not followed.
  if (insn.src === CALL_PSEUDO.KFUNC) return UNDO.LOST;
  track.clearReg(0);
  if (track.regs[track.frame] & ARG_REGS) throw new InternalError('backtracking found arguments behind a call');
  // A tail call out of a function: what is wanted besides its result was there before.
  if (subsequent !== index + 1 && insn.src === CALL_PSEUDO.HELPER && insn.imm === TAIL_CALL) track.enterFunction();
  return UNDO.FOLLOWED;
}

/**
 * The call of a static function, seen from its beginning. A packet load that made the function return is not taken for its
 * end: then what the caller wants is still looked for in the function.
 */
function undoEntry(env: Env, track: Track): number {
  const { frame } = track;
  const lost = (what: string): number => env.fail(ERRNO.EFAULT, `verifier bug: ${what}`);
  const regs = track.regs[frame];
  if (regs & ~ARG_REGS) return lost(`static subprog unexpected regs ${regs.toString(16)}`);
  const slots = track.slots(frame);
  if (slots.length) {
    const mask = slots.reduce((bits, slot) => bits | (1n << BigInt(slot)), 0n);
    return lost(`static subprog leftover stack slots ${mask.toString(16)}`);
  }
  // Linux 6.18 looks for the caller of the outermost frame here, and crashes.
  if (frame === 0) return lost('subprog exit from frame 0');
  for (let r = 1; r <= 5; r++) if (track.hasReg(r)) track.setReg(r, frame - 1);
  track.leaveFunction();
  return UNDO.FOLLOWED;
}

const callsBack = (env: Env, index: number): boolean => (env.aux.flags[index] & AUX.CALLS_CALLBACK) !== 0;

/** The end of a function, after which the path went on at `subsequent`: behind a call, whose r0 it set, or at the helper that called it back. */
function undoExit(env: Env, subsequent: number, track: Track): void {
  if (callsBack(env, subsequent)) for (let r = 1; r <= 5; r++) track.clearReg(r);
  if (track.regs[track.frame] & ARG_REGS) throw new InternalError('backtracking found arguments behind a call');
  const wanted = track.hasReg(0);
  track.clearReg(0);
  track.enterFunction();
  if (wanted && subsequent > 0 && isLocalCall(env.insns[subsequent - 1])) track.setReg(0);
}

function undoBranch(insn: Instruction, entry: HistoryEntry | undefined, track: Track): void {
  if ((insn.opcode & 0xf0) === JMP.JA || !(insn.opcode & SRC.X)) return;
  if (!track.hasReg(insn.dst) && !track.hasReg(insn.src)) return;
  if (!entry || !(entry.flags & HISTORY.SRC_REG_STACK)) track.setReg(insn.src);
  if (!entry || !(entry.flags & HISTORY.DST_REG_STACK)) track.setReg(insn.dst);
}

/** The last resort: every number in every checkpoint of this path is precise. */
function markAllPrecise(env: Env, start: State): void {
  const verbose = env.log.verbose;
  if (verbose) {
    env.log.write(`mark_precise: frame${start.frames.length - 1}: falling back to forcing all scalars precise\n`);
  }
  for (let state = start.parent; state; state = state.parent) {
    for (const frame of state.frames) {
      for (let r = 0; r < FP; r++) {
        if (frame.regs[r].type !== REG.SCALAR || (frame.preciseRegs >>> r) & 1) continue;
        frame.preciseRegs |= 1 << r;
        if (verbose) env.log.write(`force_precise: frame${frame.frameno}: forcing r${r} to be precise\n`);
      }
      frame.stack.forEach((slot, i) => {
        if (!isScalarSpill(slot) || frame.isSlotPrecise(i)) return;
        frame.markSlotPrecise(i);
        if (verbose) env.log.write(`force_precise: frame${frame.frameno}: forcing fp${-(i + 1) * 8} to be precise\n`);
      });
    }
  }
}
