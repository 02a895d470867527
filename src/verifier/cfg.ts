/**
 * Control flow before the walk. Guarantees: every slot can be reached over some edge, no edge enters the second slot of
 * an `ld_imm64`, and `aux.flags` says where the walk compares states (PRUNE_POINT), where it records how it came
 * (JMP_POINT) and where it always takes a checkpoint (FORCE_CHECKPOINT).
 *
 * Rejects: `unreachable insn %d`, `jump into the middle of ldimm64 insn %d`, and for callers without CAP_BPF, or in
 * a profile without loops, `back-edge from insn %d to %d`.
 */
import { ERRNO } from '../errors/index.ts';
import { CALL, CLASS, EXIT, JMP, LD_IMM64 } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES } from '../uapi/index.ts';
import type { Context } from './context.ts';
import { AUX } from './insn-aux.ts';
import { profileHasLoops } from './profile.ts';
import { calleeOf, isFunctionReference, isLocalCall } from './subprogs.ts';

const GOTO = CLASS.JMP | JMP.JA;
const GOTOL = CLASS.JMP32 | JMP.JA;
const MAY_GOTO = CLASS.JMP | JMP.JCOND;

const helpers = (...names: string[]): ReadonlySet<number> => new Set(names.map((name) => HELPER_NAMES.indexOf(name)));
/** Helpers that run a callback before they return. */
const SYNC_CALLBACK_HELPERS = helpers('for_each_map_elem', 'find_vma', 'loop', 'user_ringbuf_drain');
/** Helpers that leave a callback behind to run later. */
const ASYNC_CALLBACK_HELPERS = helpers('timer_set_callback');

function isJumpClass(insn: Instruction): boolean {
  const cls = insn.opcode & 7;
  return cls === CLASS.JMP || cls === CLASS.JMP32;
}

/** `goto` or `gotol`. */
export function isGoto(insn: Instruction): boolean {
  return insn.opcode === GOTO || insn.opcode === GOTOL;
}

export function isMayGoto(insn: Instruction): boolean {
  return insn.opcode === MAY_GOTO;
}

/** A jump that may also fall through; `may_goto` is one. */
export function isConditional(insn: Instruction): boolean {
  return isJumpClass(insn) && insn.opcode !== CALL && insn.opcode !== EXIT && !isGoto(insn);
}

/** Slot that the jump at `at` goes to when it is taken. */
export function jumpTarget(insn: Instruction, at: number): number {
  return at + 1 + (insn.opcode === GOTOL ? insn.imm : insn.off);
}

/** Slot after the instruction at `at`. */
export function nextSlot(insn: Instruction, at: number): number {
  return at + (insn.opcode === LD_IMM64 ? 2 : 1);
}

/**
 * Where control goes from `at` inside its function, the fall-through first: at most two slots, written to `out`.
 * Calls fall through; `exit` goes nowhere.
 * @returns how many.
 */
export function successors(insns: readonly Instruction[], at: number, out: Int32Array | number[]): number {
  const insn = insns[at];
  if (insn.opcode === EXIT) return 0;
  if (isGoto(insn)) {
    out[0] = jumpTarget(insn, at);
    return 1;
  }
  out[0] = nextSlot(insn, at);
  if (!isConditional(insn)) return 1;
  out[1] = jumpTarget(insn, at);
  return 2;
}

/**
 * `successors` of every slot: words 2i and 2i+1 hold the fall-through and the jump's target, or the only way and -1, or
 * -1 and -1. Made when it is first asked for.
 */
export function flowOf({ insns, aux }: Context): Int32Array {
  if (aux.flow) return aux.flow;
  const flow = aux.arena.int32(2 * insns.length);
  const next = [0, 0];
  for (let at = 0; at < insns.length; at++) {
    const count = successors(insns, at, next);
    flow[2 * at] = count > 0 ? next[0] : -1;
    flow[2 * at + 1] = count > 1 ? next[1] : -1;
  }
  return (aux.flow = flow);
}

/** Functions that the instruction at `at` calls or takes the address of: another edge for reachability. */
function entersFunction(insn: Instruction): boolean {
  return isLocalCall(insn) || isFunctionReference(insn);
}

function markPoints(ctx: Context, at: number): void {
  const { flags } = ctx.aux;
  const insn = ctx.insns[at];
  const enters = entersFunction(insn);
  if (insn.opcode === CALL || enters) {
    // Remembered after every call, even of a helper: the walk may come back from another place than the slot before.
    flags[nextSlot(insn, at)] |= AUX.PRUNE_POINT | AUX.JMP_POINT;
  }
  if (enters) {
    flags[at] |= AUX.PRUNE_POINT;
    flags[calleeOf(insn, at)] |= AUX.PRUNE_POINT | AUX.JMP_POINT;
  }
  if (insn.opcode === CALL && insn.src === CALL_PSEUDO.HELPER) markCallback(flags, insn, at);
  if (isConditional(insn)) {
    flags[at] |= AUX.PRUNE_POINT;
    if (isMayGoto(insn) && insn.src === 0) flags[at] |= AUX.FORCE_CHECKPOINT;
  }
  if (isGoto(insn) || isConditional(insn)) flags[jumpTarget(insn, at)] |= AUX.PRUNE_POINT | AUX.JMP_POINT;
}

function markCallback(flags: Uint8Array, insn: Instruction, at: number): void {
  if (ASYNC_CALLBACK_HELPERS.has(insn.imm)) flags[at] |= AUX.PRUNE_POINT;
  // Whether a callback runs once more is decided by comparing states at the call.
  if (SYNC_CALLBACK_HELPERS.has(insn.imm)) {
    flags[at] |= AUX.PRUNE_POINT | AUX.JMP_POINT | AUX.FORCE_CHECKPOINT | AUX.CALLS_CALLBACK;
  }
}

/** Colours of the depth-first search. */
const NEW = 0;
const ON_PATH = 1;
const DONE = 2;

/** Search from the program's start along all edges, calls included. */
function explore(ctx: Context): { colour: Uint8Array; err: number } {
  const { insns } = ctx;
  const flow = flowOf(ctx);
  const loops = ctx.bpfCapable && profileHasLoops(ctx);
  const colour = ctx.aux.arena.uint8(insns.length);
  /** Ways taken so far. */
  const edge = ctx.aux.arena.uint8(insns.length);
  const path = [0];
  colour[0] = ON_PATH;
  while (path.length) {
    const at = path[path.length - 1];
    if (edge[at] === 0) markPoints(ctx, at);
    let to = -1;
    if (edge[at] < 2) to = flow[2 * at + edge[at]++];
    if (to < 0 && edge[at] < 3) {
      edge[at] = 3;
      if (entersFunction(insns[at])) to = calleeOf(insns[at], at);
    }
    if (to < 0) {
      colour[at] = DONE;
      path.pop();
    } else if (colour[to] === NEW) {
      colour[to] = ON_PATH;
      path.push(to);
    } else if (colour[to] === ON_PATH && !loops) {
      ctx.log.write(`back-edge from insn ${at} to ${to}\n`);
      return { colour, err: -ERRNO.EINVAL };
    }
  }
  return { colour, err: 0 };
}

/** The pass. */
export function checkCfg(ctx: Context): number {
  const { insns } = ctx;
  const { colour, err } = explore(ctx);
  if (err) return err;
  for (let at = 0; at < insns.length; at++) {
    if (colour[at] !== DONE) {
      ctx.log.write(`unreachable insn ${at}\n`);
      return -ERRNO.EINVAL;
    }
    if (insns[at].opcode === LD_IMM64 && colour[++at] !== NEW) {
      ctx.log.write(`jump into the middle of ldimm64 insn ${at - 1}\n`);
      return -ERRNO.EINVAL;
    }
  }
  return 0;
}
