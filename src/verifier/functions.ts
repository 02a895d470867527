/**
 * Which functions are walked, and what each starts with (@kernel do_check_main, do_check_subprogs): the main program, then
 * every global function that some walked path calls. Static functions are walked where they are called.
 * Rejects (EFAULT): `verifier bug: No program to jit at insn %d (subprog < 0)`.
 */
import { ERRNO } from '../errors/index.ts';
import { argumentReg } from './call/global.ts';
import type { Env } from './env.ts';
import { argsOf } from './func-args.ts';
import { AUX, type Subprog } from './insn-aux.ts';
import { pointer, REG } from './state/reg.ts';
import { Frame, freshRegs, State } from './state/state.ts';
import { calleeOf, isFunctionReference, subprogAt } from './subprogs.ts';
import { walk } from './walk.ts';

/** Whether some path came into the function. */
export function isWalked({ aux }: Env, { start, end }: Subprog): boolean {
  for (let at = start; at < end; at++) if (aux.flags[at] & AUX.SEEN) return true;
  return false;
}

/**
 * Linux takes functions out that were never walked, and cannot compile what still loads their address, unless only the main
 * program is left, or another function comes to lie in the place. (Its message counts instructions after its rewriting.)
 */
export function checkFunctionsWalked(env: Env): number {
  const { insns, aux } = env;
  aux.isFinal = true;
  if (aux.subprogs.filter((subprog) => isWalked(env, subprog)).length < 2) return 0;
  for (let at = 0; at < insns.length; at++) {
    if (!isFunctionReference(insns[at]) || !(aux.flags[at] & AUX.SEEN)) continue;
    if (isFoundAgain(env, calleeOf(insns[at], at))) continue;
    return env.fail(ERRNO.EFAULT, `verifier bug: No program to jit at insn ${at} (subprog < 0)`);
  }
  return 0;
}

/**
 * Whether a function begins where a load looks for the one at `start` once what was never walked is gone. It goes run by run:
 * a distance over a run shrinks with it, but one into a run leads to the slot of that number as before. Source: measured.
 */
function isFoundAgain(env: Env, start: number): boolean {
  const { flags, subprogs } = env.aux;
  const isGone = (slot: number): boolean => !(flags[flags[slot] & AUX.IMM64_TAIL ? slot - 1 : slot] & AUX.SEEN);
  if (isWalked(env, subprogs[subprogAt(env, start)])) return true;
  const before = new Set(subprogs.map((subprog) => subprog.start));
  let target = start;
  let gone = 0;
  /** First slots of functions that are left, as they come to lie. */
  const starts = new Set<number>();
  for (let slot = 0; slot < flags.length; slot++) {
    if (!isGone(slot)) {
      if (before.has(slot)) starts.add(slot - gone);
      continue;
    }
    let end = slot;
    while (end < flags.length && isGone(end)) end++;
    if (target >= end - gone) target -= end - slot;
    gone += end - slot;
    slot = end - 1;
  }
  return starts.has(target);
}

/** @returns 0 or -errno */
export function walkFunctions(env: Env): number {
  const { subprogs } = env.aux;
  const [main] = subprogs;
  // The main program's description is read for what it says; that it fits nobody demands.
  if (main.func) argsOf(env, main.func);
  const err = walkFunction(env, 0);
  if (err) return err;
  for (let again = true; again;) {
    again = false;
    for (let i = 1; i < subprogs.length; i++) {
      const { func } = subprogs[i];
      if (!func?.isGlobal || !func.called || func.verified) continue;
      const bad = walkFunction(env, i);
      if (bad) return bad;
      if (env.log.enabled) env.log.write(`Func#${i} ('${func.name}') is safe for any args that match its prototype\n`);
      // It may have called others, before it in the program.
      func.verified = again = true;
    }
  }
  return 0;
}

function walkFunction(env: Env, index: number): number {
  const { start, func } = env.aux.subprogs[index];
  env.begin(entryState(env, index), start);
  const args = index ? argsOf(env, func!) : [];
  if (typeof args === 'number') return args;
  if (index) env.log.write(`Validating ${func!.name}() func#${index}...\n`);
  args.forEach((arg, i) => (env.regs[i + 1] = argumentReg(env, arg)));
  const err = walk(env);
  // Below level 2 the log keeps only what refused.
  if (!err && !env.log.verbose) env.log.reset(0);
  return err;
}

/** The state in which a function starts on its own: r10 is the frame, and r1 the context in the main program. */
function entryState(env: Env, index: number): State {
  const zero = env.store.ZERO;
  const regs = freshRegs(pointer(REG.STACK, zero));
  if (index === 0) regs[1] = pointer(REG.CTX, zero);
  const state = new State([new Frame(0, index, -1, regs, [])]);
  state.firstInsn = env.aux.subprogs[index].start;
  return state;
}
