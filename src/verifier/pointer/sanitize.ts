/**
 * Spectre: what a processor may do on the way that the program does not take. For callers without CAP_PERFMON the walk
 * also follows paths that only a processor's guess can reach (`state.speculative`): the other way of a decided branch,
 * with the numbers compared unknown, and a pointer that was to move by a number and did not, because the number was
 * masked to zero. What would be refused on such a path only puts a barrier before the instruction, and the path ends.
 *
 * A pointer may then move by a register only where the mask can be told from the program: the pointer's kind, the sign
 * of the number and the distance to the object's end must be the same on every path.
 *
 * Rejects (EACCES), each ending in `, pointer arithmetic with it prohibited for !root` unless spelled otherwise:
 * `R%d has unknown scalar with mixed signed bounds`, `R%d has pointer with unsupported alu operation`,
 * `R%d tried to add|sub from different maps, paths or scalars`, `R%d tried to add|sub beyond pointer bounds`,
 * `R%d could not be pushed for speculative verification`; and, whatever the source,
 * `R%d variable stack access prohibited for !root, var_off=%s off=%d`,
 * `R%d stack pointer arithmetic goes out of range, prohibited for !root; off=%d`,
 * `R%d pointer arithmetic of map value goes out of range, prohibited for !root`.
 */
import { ERRNO } from '../../errors/index.ts';
import { ALU, type Instruction, SRC } from '../../isa/index.ts';
import { MAX_BPF_STACK } from '../../uapi/index.ts';
import { checkFields } from '../access/map-field.ts';
import { checkRegion } from '../access/region.ts';
import type { Env } from '../env.ts';
import { AUX } from '../insn-aux.ts';
import { tnumText } from '../log/state-text.ts';
import { pushPath } from '../paths.ts';
import { REG, type Reg } from '../state/reg.ts';

/** How the loaded program masks an operand: bits of `InsnAux.aluState`; 0 = not decided. @kernel BPF_ALU_SANITIZE_* */
const MASK = { SRC: 1, DST: 2, NEGATIVE: 4, NO_POINTER: 8, IMMEDIATE: 16 } as const;

/** What is known of a mask before the pointer has moved. */
interface Mask {
  /** Bits of MASK. */
  state: number;
  /** Bytes to the end of the object, in the direction of the move. */
  limit: number;
  /** The move is towards lower addresses. */
  readonly left: boolean;
}

/** Only additions and subtractions make pointers. */
export const isSanitized = (op: number): boolean => op === ALU.ADD || op === ALU.SUB;

/** A number in the instruction cannot be mispredicted, nor anything behind a barrier. */
function needsNoMask(env: Env, insn: Instruction): boolean {
  return env.bypassSpectreV1 || (insn.opcode & SRC.X) === 0 || (env.aux.flags[env.insnIdx] & AUX.NOSPEC) !== 0;
}

const verb = (insn: Instruction): string => ((insn.opcode & 0xf0) === ALU.ADD ? 'add' : 'sub');

const refuse = (env: Env, r: number, what: string): number =>
  env.fail(ERRNO.EACCES, `R${r} ${what}, pointer arithmetic with it prohibited for !root`);

/** The mask of an instruction must be the same on every path. */
function decideMask(env: Env, insn: Instruction, state: number, limit: number): number {
  const { aluState, aluLimit } = env.aux;
  const at = env.insnIdx;
  if (aluState[at] && (aluState[at] !== state || aluLimit[at] !== limit)) {
    return refuse(env, insn.dst, `tried to ${verb(insn)} from different maps, paths or scalars`);
  }
  aluState[at] = state;
  aluLimit[at] = limit;
  return 0;
}

/** Two numbers are added or subtracted: the same instruction may not move a pointer on another path. */
export function sanitizeScalar(env: Env, insn: Instruction): number {
  if (!isSanitized(insn.opcode & 0xf0) || needsNoMask(env, insn)) return 0;
  return decideMask(env, insn, MASK.NO_POINTER, 0);
}

/** Bytes between the pointer and the end that it moves to. @returns -errno where it has none or is beyond */
function distanceToEnd(env: Env, insn: Instruction, ptr: Reg, left: boolean, swapped: boolean): number {
  const { store } = env;
  let max: number;
  let distance: number;
  if (ptr.type === REG.STACK) {
    max = MAX_BPF_STACK + (left ? 1 : 0);
    distance = -(store.sminN(ptr.s) + ptr.off);
  } else if (ptr.type === REG.MAP_VALUE) {
    max = env.aux.maps[ptr.map].valueSize;
    distance = (left ? store.sminN(ptr.s) : store.umaxN(ptr.s)) + ptr.off;
  } else {
    return refuse(env, swapped ? insn.src : insn.dst, 'has pointer with unsupported alu operation');
  }
  if (distance >= 0 && distance < max) return distance;
  return refuse(env, insn.dst, `tried to ${verb(insn)} beyond pointer bounds`);
}

/**
 * Before pointer `ptr` moves by the number `off`: see what the mask has to be, and put aside the path on which it does
 * not move. `swapped` when the number is in dst.
 * @returns the mask, for `sanitizeMoved`; undefined where none is needed; -errno
 */
export function sanitizeMove(
  env: Env,
  insn: Instruction,
  ptr: Reg,
  off: Reg,
  swapped: boolean,
): Mask | undefined | number {
  const op = insn.opcode & 0xf0;
  if (!isSanitized(op) || needsNoMask(env, insn)) return undefined;
  const { store } = env;
  const isConst = store.isConst(off.s);
  let mask: Mask | undefined;
  if (!env.cur.speculative) {
    const negative = store.smin(off.s) < 0n;
    if (!isConst && negative !== store.smax(off.s) < 0n) {
      return refuse(env, swapped ? insn.dst : insn.src, 'has unknown scalar with mixed signed bounds');
    }
    const left = (op === ALU.ADD) === negative;
    const limit = distanceToEnd(env, insn, ptr, left, swapped);
    if (limit < 0) return limit;
    const state = (negative ? MASK.NEGATIVE : 0) | (isConst ? MASK.IMMEDIATE : 0) | (swapped ? MASK.DST : MASK.SRC);
    mask = { state, limit, left };
    // Other numbers may need other masks: from now on only equal ones are the same.
    if (!isConst) env.exactNumbers = true;
  }
  if (isConst) return mask;
  const still = pushPath(env, env.insnIdx + 1, env.insnIdx, true);
  if (!still) return refuse(env, insn.dst, 'could not be pushed for speculative verification');
  still.top.regs[insn.dst] = swapped ? ptr : ptr.withScalar(without32(env, ptr.s));
  return mask;
}

/** The variable offset as it is while the pointer moves: its lower half is out of date. @kernel __mark_reg32_unbounded */
const without32 = (env: Env, s: number): number => env.store.intern({ ...env.store.scalar(s), ...ANY32 });
const ANY32 = { smin32: -(1n << 31n), smax32: (1n << 31n) - 1n, umin32: 0n, umax32: (1n << 32n) - 1n };

/** The offset brought up to date again. */
export const with32 = (env: Env, s: number): number => (env.cur.speculative ? env.store.withRange(s, {}) : s);

/** The pointer has moved: now the mask is known. @returns 0 or -errno */
export function sanitizeMoved(env: Env, insn: Instruction, mask: Mask | undefined, swapped: boolean): number {
  if (!mask) return 0;
  const limit = distanceToEnd(env, insn, env.regs[insn.dst], mask.left, swapped);
  if (limit < 0) return limit;
  return decideMask(env, insn, mask.state, Math.abs(mask.limit - limit));
}

/** A moved pointer must still point to plain bytes of its object, or else no mask could keep it there. @returns 0 or -errno */
export function checkMovedBounds(env: Env, r: number): number {
  if (env.bypassSpectreV1) return 0;
  const { store } = env;
  const ptr = env.regs[r];
  if (ptr.type === REG.STACK) {
    if (!store.isConst(ptr.s)) {
      const known = Number(BigInt.asIntN(32, store.tnumValue(ptr.s)));
      const where = `var_off=${tnumText(store, ptr.s)} off=${(ptr.off + known) | 0}`;
      return env.fail(ERRNO.EACCES, `R${r} variable stack access prohibited for !root, ${where}`);
    }
    const off = ptr.off + store.sminN(ptr.s);
    if (off >= -MAX_BPF_STACK && off < 0) return 0;
    return env.fail(ERRNO.EACCES, `R${r} stack pointer arithmetic goes out of range, prohibited for !root; off=${off}`);
  }
  if (ptr.type !== REG.MAP_VALUE) return 0;
  const { valueSize } = env.aux.maps[ptr.map];
  const err = checkRegion(env, r, ptr.off, 1, valueSize, false) || checkFields(env, r, ptr.off, 1, false);
  if (!err) return 0;
  return env.fail(ERRNO.EACCES, `R${r} pointer arithmetic of map value goes out of range, prohibited for !root`);
}

/**
 * A branch is decided, but a processor may guess the other way, to `target`: put that path aside, with the numbers
 * compared unknown. @returns 0 or -errno
 */
export function pushGuessedWay(env: Env, insn: Instruction, target: number): number {
  if (env.bypassSpectreV1) return 0;
  const guessed = pushPath(env, target, env.insnIdx, true);
  if (!guessed) return -ERRNO.EFAULT;
  const { regs } = guessed.top;
  regs[insn.dst] = env.unknown();
  if ((insn.opcode & SRC.X) !== 0) regs[insn.src] = env.unknown();
  return 0;
}

/** Refusals that a barrier prevents on a path that only a guess can reach; the rest are the verifier's own limits. */
const PREVENTABLE = new Set<number>([ERRNO.EPERM, ERRNO.EACCES, ERRNO.EINVAL]);

/**
 * The instruction at `at` was refused with -`errno`. @returns whether a barrier before it is enough
 */
export function preventByBarrier(env: Env, at: number, outcome: number): boolean {
  if (!env.cur.speculative || !PREVENTABLE.has(-outcome)) return false;
  env.aux.flags[at] |= AUX.NOSPEC;
  env.aux.aluState[at] = 0;
  return true;
}
