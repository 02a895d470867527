/**
 * The backward slice of a path: the instructions that made the values which the refused instruction met, through
 * registers, calls and spills, and the conditions on the way that told something about them.
 */
import { ATOMIC, CALL, CLASS, EXIT, type Instruction, LD_IMM64, MODE } from '../../isa/index.ts';
import { CALL_PSEUDO } from '../../uapi/index.ts';
import { isConditional, jumpTarget } from '../cfg.ts';
import type { Env } from '../env.ts';
import { effectOf } from '../liveness.ts';
import { NOT_INIT, REG } from '../state/reg.ts';
import { NREGS } from '../state/state.ts';
import type { Step } from './recorder.ts';

/** A register (`slot` < 0) or a stack slot of one frame. */
export interface Place {
  readonly frame: number;
  readonly reg: number;
  readonly slot: number;
}

/**
 * `made`: it wrote the value; `checked`: a condition that taught something about it; `tested`: one that taught nothing;
 * `passed`: a condition on the way to a value that was never written.
 */
export type Role = 'made' | 'checked' | 'tested' | 'passed';

export interface SliceStep {
  readonly step: Step;
  readonly role: Role;
  /** What it wrote, or taught about. */
  readonly places: readonly Place[];
  /** What is known behind it. */
  readonly after: Step;
  /** For a condition: whether it jumped. */
  readonly jumped: boolean | undefined;
}

/** Conditions shown on the way to a value that nothing wrote. */
const PASSED = 3;

const key = ({ frame, reg, slot }: Place): number => (frame << 8) | (slot < 0 ? reg : 16 + slot);
const register = (frame: number, reg: number): Place => ({ frame, reg, slot: -1 });
const stackSlot = (frame: number, slot: number): Place => ({ frame, reg: -1, slot });

/** What a place is known to hold at a step. */
function known(step: Step, place: Place): unknown {
  const frame = step.frames[place.frame];
  return place.slot < 0 ? frame?.regs[place.reg] : frame?.stack[place.slot];
}

/** The places that are looked for; what made them is found on the way back. */
class Wanted {
  readonly #places = new Map<number, Place>();
  add(place: Place): void {
    this.#places.set(key(place), place);
  }
  has(place: Place): boolean {
    return this.#places.has(key(place));
  }
  take(place: Place): boolean {
    return this.#places.delete(key(place));
  }
  get all(): Place[] {
    return [...this.#places.values()];
  }
}

/** @param places what the refused instruction, at `last`, met. @returns steps in the order of the path */
export function slicePath(env: Env, last: Step, places: readonly Place[]): SliceStep[] {
  const wanted = new Wanted();
  for (const place of places) wanted.add(place);
  const found: SliceStep[] = [];
  for (let after = last, step = last.before; step; after = step, step = step.before) {
    const one = explainStep(env, step, after, wanted);
    if (one) found.push(one);
    if (wanted.all.length === 0) break;
  }
  found.push(...passed(env, last, wanted));
  return found.sort((a, b) => a.step.index - b.step.index);
}

/** The last conditions before a value that nothing on this path wrote: they led around what would have. */
function passed(env: Env, last: Step, wanted: Wanted): SliceStep[] {
  const unwritten = wanted.all.filter((place) => isUnwritten(last, place));
  const steps: SliceStep[] = [];
  if (unwritten.length === 0) return steps;
  for (let after = last, step = last.before; step && steps.length < PASSED; after = step, step = step.before) {
    const insn = env.insns[step.insn];
    if (!isCondition(insn)) continue;
    steps.push({ step, role: 'passed', places: [], after, jumped: jumped(insn, step, after) });
  }
  return steps;
}

function isUnwritten(step: Step, place: Place): boolean {
  const value = known(step, place);
  if (value === undefined || value === NOT_INIT) return true;
  return place.slot >= 0 && (value as { types: number }).types === 0;
}

const isCondition = (insn: Instruction): boolean => {
  const cls = insn.opcode & 7;
  return (cls === CLASS.JMP || cls === CLASS.JMP32) && isConditional(insn);
};

const jumped = (insn: Instruction, step: Step, after: Step): boolean => after.insn === jumpTarget(insn, step.insn);

function explainStep(env: Env, step: Step, after: Step, wanted: Wanted): SliceStep | undefined {
  const depth = after.frames.length - step.frames.length;
  const insn = env.insns[step.insn];
  if (depth > 0) return enterCall(step, after, wanted);
  if (depth < 0) return leaveCall(step, after, wanted);
  return isCondition(insn) ? condition(env, insn, step, after, wanted) : plain(env, insn, step, after, wanted);
}

/** The called function's r1-r5 are the caller's; all else in its frame begins there. */
function enterCall(step: Step, after: Step, wanted: Wanted): SliceStep | undefined {
  const callee = after.frames.length - 1;
  const places = wanted.all.filter(({ frame, slot, reg }) => frame === callee || (frame === callee - 1 && slot < 0 && reg <= 5)); // prettier-ignore
  for (const place of places) {
    wanted.take(place);
    if (place.frame === callee && place.slot < 0 && place.reg >= 1 && place.reg <= 5) {
      wanted.add(register(callee - 1, place.reg));
    }
  }
  return places.length ? { step, role: 'made', places, after, jumped: undefined } : undefined;
}

/** r0 comes from the called function. */
function leaveCall(step: Step, after: Step, wanted: Wanted): SliceStep | undefined {
  const result = register(after.frames.length - 1, 0);
  if (!wanted.take(result)) return undefined;
  wanted.add(register(step.frames.length - 1, 0));
  return { step, role: 'made', places: [result], after, jumped: undefined };
}

function condition(env: Env, insn: Instruction, step: Step, after: Step, wanted: Wanted): SliceStep | undefined {
  const taught = wanted.all.filter((place) => known(step, place) !== known(after, place));
  if (taught.length) return { step, role: 'checked', places: taught, after, jumped: jumped(insn, step, after) };
  const top = step.frames.length - 1;
  const reads = effectOf(env, insn) & 0xffff;
  const tested = wanted.all.filter(({ frame, reg, slot }) => slot < 0 && frame === top && (reads >>> reg) & 1);
  return tested.length ? { step, role: 'tested', places: tested, after, jumped: jumped(insn, step, after) } : undefined;
}

function plain(env: Env, insn: Instruction, step: Step, after: Step, wanted: Wanted): SliceStep | undefined {
  const top = step.frames.length - 1;
  const effect = effectOf(env, insn);
  const writes = effect >>> 16;
  const places = wanted.all.filter(
    ({ frame, reg, slot }) =>
    slot < 0 ? frame === top && (writes >>> reg) & 1 : known(step, stackSlot(frame, slot)) !== known(after, stackSlot(frame, slot)), // prettier-ignore
  );
  if (places.length === 0) return undefined;
  for (const place of places) wanted.take(place);
  for (const source of sources(env, insn, step, effect & 0xffff)) wanted.add(source);
  return { step, role: 'made', places, after, jumped: undefined };
}

/** The slots that a fixed offset from a pointer to the stack covers; empty where it is no such pointer. */
export function slotsAt(env: Env, step: Step, r: number, off: number, size: number): Place[] {
  const reg = step.frames[step.frames.length - 1].regs[r];
  if (reg.type !== REG.STACK || !env.store.isConst(reg.s)) return [];
  const start = env.store.sminN(reg.s) + reg.off + off;
  const places = new Map<number, Place>();
  for (let at = start; at < start + size && at < 0; at++) {
    const slot = (-at - 1) >> 3;
    places.set(slot, stackSlot(reg.frame, slot));
  }
  return [...places.values()];
}

const SIZES: Record<number, number> = { 0: 4, 8: 2, 16: 1, 24: 8 };

/** Where the values come from that an instruction's result depends on. Memory other than the stack is an end. */
function sources(env: Env, insn: Instruction, step: Step, reads: number): Place[] {
  const top = step.frames.length - 1;
  const { regs } = step.frames[top];
  const of = (r: number): Place[] => (regs[r].type === REG.CTX || r === 10 ? [] : [register(top, r)]);
  switch (insn.opcode & 7) {
    case CLASS.LDX: {
      const slots = slotsAt(env, step, insn.src, insn.off, SIZES[insn.opcode & 0x18]);
      return slots.length ? slots : of(insn.src);
    }
    case CLASS.ST:
      return [];
    case CLASS.STX:
      if ((insn.opcode & 0xe0) !== MODE.ATOMIC) return of(insn.src);
      return insn.imm === ATOMIC.LOAD_ACQ ? of(insn.src) : [];
    case CLASS.LD:
      return insn.opcode === LD_IMM64 ? [] : of(insn.src);
    default: {
      if (insn.opcode === EXIT) return [];
      const places: Place[] = [];
      for (let r = 0; r < NREGS; r++) if ((reads >>> r) & 1) places.push(...of(r));
      // Of a helper's arguments only the map tells what its result is.
      if (insn.opcode !== CALL || insn.src !== CALL_PSEUDO.HELPER) return places;
      return places.filter(({ reg }) => regs[reg].type === REG.MAP_PTR);
    }
  }
}
