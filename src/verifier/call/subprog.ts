/**
 * Calls of the program's own static functions and the way back (@kernel check_func_call, prepare_func_exit). A static
 * function is walked anew at every call, with what is known of its arguments there; its frame knows r1-r5 and its own
 * stack, and leaves r0. Calls of global functions are in global.ts.
 * Rejects: `cannot return stack pointer to the caller` (EINVAL), `The sequence of %d jumps is too complex.` (EFAULT); see
 * also frame.ts, and callback.ts for callbacks.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Instruction } from '../../isa/index.ts';
import type { Env } from '../env.ts';
import { stateText } from '../log/state-text.ts';
import { pushPath } from '../paths.ts';
import { NOT_INIT, REG, type Reg, scalar } from '../state/reg.ts';
import type { Frame } from '../state/state.ts';
import { calleeOf, subprogAt } from '../subprogs.ts';
import { checkCallbackReturn, widenRound } from './callback.ts';
import { openFrame } from './frame.ts';
import { checkArguments, checkGlobalCall } from './global.ts';
import { forgetPacketPointers } from './packet-pointers.ts';

/** r1 to r5 carry arguments. */
const LAST_ARG = 5;

/** `call pc+N`. Sets `env.insnIdx` to the function's start. */
export function checkLocalCall(env: Env, insn: Instruction): number {
  const callsite = env.insnIdx;
  const caller = env.cur.top;
  const start = calleeOf(insn, callsite);
  const index = subprogAt(env, start);
  const { func } = env.aux.subprogs[index];
  const mismatch = func ? checkArguments(env, func) : 0;
  if (func?.isGlobal) return checkGlobalCall(env, index, mismatch);
  const callee = openFrame(env, env.cur, index, callsite);
  if (typeof callee === 'number') return callee;
  for (let r = 1; r <= LAST_ARG; r++) callee.regs[r] = caller.regs[r];
  caller.regs.fill(NOT_INIT, 0, LAST_ARG + 1);
  env.scratchAll();
  env.insnIdx = start;
  if (env.log.enabled) {
    env.log.write(`caller:\n${frameText(env, caller)}\ncallee:\n${frameText(env, callee)}\n`);
  }
  return 0;
}

/** `exit` of a called function. Sets `env.insnIdx` behind the call. */
export function returnToCaller(env: Env): number {
  const { frames } = env.cur;
  const callee = env.cur.top;
  env.liveStack.update(frames);
  const result = callee.regs[0];
  if (result.type === REG.STACK) {
    // The frame it points into is about to vanish.
    return env.fail(ERRNO.EINVAL, 'cannot return stack pointer to the caller');
  }
  const caller = frames[frames.length - 2];
  if (callee.returns) {
    const err = checkCallbackReturn(env, callee);
    if (err) return err;
  } else {
    caller.regs[0] = result;
  }
  // The helper that called back may do so again, or go on.
  env.insnIdx = callee.returns ? callee.callsite : callee.callsite + 1;
  if (env.log.enabled) {
    env.log.write(`returning from callee:\n${frameText(env, callee)}\n`);
    env.log.write(`to caller at ${env.insnIdx}:\n${frameText(env, caller)}\n`);
  }
  frames.pop();
  if (callee.returns) widenRound(env);
  env.printState = true;
  return 0;
}

/**
 * A tail call in a function that was called: the program called returns in its place, with any result and perhaps another
 * packet; that there is no such program is another path. Sets `env.insnIdx` behind the function's call.
 */
export function returnByTailCall(env: Env): number {
  return returnEarly(env, env.unknown(), true);
}

/** A load beyond the packet's end in a function that was called: it returns 0; that the load succeeds is another path. */
export function returnByLoad(env: Env): number {
  return returnEarly(env, scalar(env.store.ZERO), false);
}

function returnEarly(env: Env, result: Reg, movesPacket: boolean): number {
  if (!pushPath(env, env.insnIdx + 1, env.insnIdx)) return -ERRNO.EFAULT;
  if (movesPacket) forgetPacketPointers(env);
  env.regs[0] = result;
  env.scratchReg(0);
  const err = returnToCaller(env);
  env.printState = false;
  return err;
}

const frameText = (env: Env, frame: Frame): string => stateText(env, env.cur, frame.frameno, true);
