/**
 * When a state adds nothing to a checkpoint that was found safe (@kernel states_equal). A number that mattered must lie
 * within what was known then; one that did not matter is not compared; a packet pointer must reach at least as far; what
 * was never read was forgotten before.
 */
import type { Env } from '../env.ts';
import { baseType, REG, type Reg, sameValue } from '../state/reg.ts';
import type { Ref } from '../state/refs.ts';
import { all, isScalarSpill64, kindAt, type Slot, STACK } from '../state/slot.ts';
import { type Frame, NREGS, type State } from '../state/state.ts';
import { IdMap } from './idmap.ts';

/** How closely states are compared. @kernel enum exact_level */
export const EXACT = {
  /** Only what mattered. */
  NOT: 0,
  /** The very same: the walk goes round in a circle. */
  YES: 1,
  /** All numbers as if they had mattered: for loops whose marks are not complete yet. */
  WITHIN: 2,
} as const;
export type Exact = (typeof EXACT)[keyof typeof EXACT];

const ids = new IdMap();

export function statesEqual(env: Env, old: State, cur: State, exact: Exact): boolean {
  // What was found safe because a barrier ends it says nothing of the way that is really taken.
  if (old.speculative && !cur.speculative) return false;
  if (old.frames.length !== cur.frames.length) return false;
  ids.reset(env.idGen);
  for (let i = 0; i < old.frames.length; i++) if (differsAgain(env, old.frames[i], cur.frames[i], exact)) return false;
  ids.reset(env.idGen);
  if (!refsSafe(old.refs, cur.refs)) return false;
  const last = old.frames.length - 1;
  for (let i = 0; i <= last; i++) {
    const frame = old.frames[i];
    const other = cur.frames[i];
    if (frame.callsite !== other.callsite) return false;
    const live = env.aux.liveRegs[i === last ? old.insn : old.frames[i + 1].callsite];
    if (!framesEqual(env, frame, other, live, exact)) return false;
  }
  return true;
}

/** The same things acquired in the same order. @kernel refsafe */
function refsSafe(old: readonly Ref[], cur: readonly Ref[]): boolean {
  if (old.length !== cur.length) return false;
  for (let i = 0; i < old.length; i++) {
    const ref = old[i];
    const other = cur[i];
    if (ref.kind !== other.kind || ref.map !== other.map || !ids.match(ref.id, other.id)) return false;
  }
  return true;
}

function framesEqual(env: Env, old: Frame, cur: Frame, live: number, exact: Exact): boolean {
  if (old.callbackDepth > cur.callbackDepth) return false;
  for (let left = live & ALL_REGS; left; left &= left - 1) {
    const r = 31 - Math.clz32(left & -left);
    if (regOfFrameSafe(env, old, cur, r, exact)) continue;
    old.unequal = r;
    return false;
  }
  for (let i = 0; i < old.stack.length; i++) {
    if (slotOfFrameSafe(env, old, cur, i, exact)) continue;
    old.unequal = NREGS + i;
    return false;
  }
  return true;
}

/** States differ from one checkpoint mostly in the same place: look there first. */
function differsAgain(env: Env, old: Frame, cur: Frame, exact: Exact): boolean {
  const { unequal } = old;
  if (unequal < 0) return false;
  if (unequal < NREGS) return !regOfFrameSafe(env, old, cur, unequal, exact);
  return !slotOfFrameSafe(env, old, cur, unequal - NREGS, exact);
}

function regOfFrameSafe(env: Env, old: Frame, cur: Frame, r: number, exact: Exact): boolean {
  const a = old.regs[r];
  const b = cur.regs[r];
  return (a === b && isNameless(a)) || regSafe(env, a, b, ((old.preciseRegs >>> r) & 1) !== 0, exact);
}

const ALL_REGS = (1 << NREGS) - 1;

/** Without ids to match: nothing but its equal is needed to be safe. */
const isNameless = (reg: Reg): boolean => (reg.id | reg.refId) === 0;

/** Start matching ids anew, for `regsExact`. */
export const newComparison = (env: Env): void => ids.reset(env.idGen);

/** The very same, with ids that correspond. */
export const regsExact = (old: Reg, cur: Reg): boolean =>
  sameValue(old, cur) && ids.match(scalarId(old), scalarId(cur)) && ids.match(old.refId, cur.refId);

/** The distance of a linked number is part of its name. */
const scalarId = (reg: Reg): number => (reg.linked ? reg.id | (reg.linked << 24) : reg.id);

/** Whether what is known of `cur` allows all that was found safe for `old`. @kernel regsafe */
function regSafe(env: Env, old: Reg, cur: Reg, precise: boolean, exact: Exact): boolean {
  if (exact === EXACT.YES) return regsExact(old, cur);
  // What the old state never used may be anything; while its loop is still walked that is not known yet.
  if (old.type === REG.NOT_INIT && exact === EXACT.NOT) return true;
  if (old.type !== cur.type) return false;
  const { store } = env;
  switch (baseType(old.type)) {
    case REG.SCALAR:
      if (env.exactNumbers) {
        return old.s === cur.s && old.off === cur.off && ids.matchScalar(scalarId(old), scalarId(cur));
      }
      if (!precise && exact === EXACT.NOT) return true;
      if (old.id && (old.linked !== cur.linked || (old.linked && old.off !== cur.off))) return false;
      return store.within(old.s, cur.s) && ids.matchScalar(scalarId(old), scalarId(cur));
    case REG.MAP_KEY:
    case REG.MAP_VALUE:
    case REG.MEM:
    case REG.BUF:
    case REG.TP_BUFFER:
      if (old.off !== cur.off || old.map !== cur.map || old.range !== cur.range) return false;
      return store.within(old.s, cur.s) && ids.match(old.id, cur.id) && ids.match(old.refId, cur.refId);
    case REG.PACKET:
    case REG.PACKET_META:
      if (old.range < 0 || cur.range < 0 ? old.range !== cur.range : old.range > cur.range) return false;
      return old.off === cur.off && ids.match(old.id, cur.id) && store.within(old.s, cur.s);
    case REG.STACK:
      return regsExact(old, cur) && old.frame === cur.frame;
    default:
      return regsExact(old, cur);
  }
}

const ALL_MISC = all(STACK.MISC);

/** Whether every byte is MISC or INVALID. */
const isAnything = (types: number): boolean => (types & ~ALL_MISC) === 0;

/** A slot as the number it loads as: a whole spilled one, or eight bytes of anything. */
function asScalar(env: Env, slot: Slot): Reg | undefined {
  if (isScalarSpill64(slot)) return slot.reg;
  return slot.types === ALL_MISC || (env.readsUnwritten && isAnything(slot.types)) ? env.unknown() : undefined;
}

/** @kernel stacksafe */
function slotOfFrameSafe(env: Env, old: Frame, cur: Frame, i: number, exact: Exact): boolean {
  const slot = old.stack[i];
  const other = i < cur.stack.length ? cur.stack[i] : undefined;
  if (exact !== EXACT.NOT && slot.types !== other?.types) return false;
  if (slot.types === 0 || (slot === other && isNameless(slot.reg))) return true;
  return slotSafe(env, old, i, slot, other, exact);
}

function slotSafe(env: Env, old: Frame, i: number, slot: Slot, other: Slot | undefined, exact: Exact): boolean {
  // Whoever may read garbage reads anything as well as anything else.
  if (env.readsUnwritten && isAnything(slot.types)) return true;
  if (!other) return false;
  const precise = old.isSlotPrecise(i);
  const a = asScalar(env, slot);
  const b = a && asScalar(env, other);
  if (a && b) return regSafe(env, a, b, precise && a === slot.reg, exact);
  for (let byte = 0; byte < 8; byte++) {
    const kind = kindAt(slot.types, byte);
    if (kind === STACK.INVALID || (kind === STACK.MISC && env.readsUnwritten)) continue;
    const otherKind = kindAt(other.types, byte);
    if (kind === STACK.MISC && otherKind === STACK.ZERO) continue;
    if (kind !== otherKind) return false;
  }
  const last = kindAt(slot.types, 7);
  if (last === STACK.DYNPTR) return sameDynptr(slot.reg, other.reg);
  return last !== STACK.SPILL || regSafe(env, slot.reg, other.reg, precise, exact);
}

/** Half of a dynptr of the same kind: its own id is only a name. */
const sameDynptr = (old: Reg, cur: Reg): boolean =>
  old.range === cur.range && old.frame === cur.frame && ids.match(old.refId, cur.refId);

/** Whether the registers are the very same, ids included: a cheap first look for circles. @kernel states_maybe_looping */
export function maybeLooping(old: State, cur: State): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const a = old.top.regs;
  const b = cur.top.regs;
  for (let r = 0; r < NREGS; r++) {
    if (a[r] === b[r]) continue;
    if (!sameValue(a[r], b[r]) || a[r].id !== b[r].id || a[r].linked !== b[r].linked || a[r].refId !== b[r].refId) {
      return false;
    }
  }
  return true;
}
