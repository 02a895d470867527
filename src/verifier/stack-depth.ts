/**
 * How much stack a chain of calls takes (@kernel check_max_stack_depth). Goes through all calls in the text of the
 * program, walked or not, once the walk knows each function's own depth.
 * Rejects: `combined stack size of %d calls is %d. Too large`, `stack size of subprog %d is %d. Too large`,
 * `tail_calls are not allowed when call stack of previous frames is %d bytes. Too large` (EACCES),
 * `verifier bug: subprog has tail_call and async cb` (EFAULT), `the call stack of %d frames is too deep !` (E2BIG:
 * recursion that the walk never came to).
 */
import { ERRNO } from '../errors/index.ts';
import { MAX_BPF_STACK, PROG_TYPE } from '../uapi/index.ts';
import { MAX_FRAMES } from './call/frame.ts';
import type { Env } from './env.ts';
import type { Subprog } from './insn-aux.ts';
import { calleeOf, isFunctionReference, isLocalCall, subprogAt } from './subprogs.ts';

/** Frames are multiples of this many bytes where programs are compiled. */
const ROUND = 16;
/** A tail call starts a chain anew without giving back the frames before it: these may not be larger. */
const MAX_BEFORE_TAIL_CALL = 256;
/** Functions with a frame this large get it from a private stack, in the types that have one. @kernel BPF_PRIV_STACK_MIN_SIZE */
const MIN_PRIVATE = 64;
/** Program types that may interrupt each other deeply, and so have private stacks. @kernel bpf_enable_priv_stack */
const PRIVATE_STACK = new Set<number>([
  PROG_TYPE.KPROBE,
  PROG_TYPE.TRACEPOINT,
  PROG_TYPE.PERF_EVENT,
  PROG_TYPE.RAW_TRACEPOINT,
]);

/** @returns 0 or -errno */
export function checkStackDepth(env: Env): number {
  const private_ = PRIVATE_STACK.has(env.input.progType) && !env.aux.subprogs.some((s) => s.hasTailCall);
  for (let i = 0; i < env.aux.subprogs.length; i++) {
    // What runs later has a stack of its own.
    if (i !== 0 && !env.aux.subprogs[i].isAsync) continue;
    const err = checkChain(env, i, 0, 0, private_, new Map());
    if (err) return err;
  }
  return 0;
}

/** The function `subprog` as number `frame` of a chain whose frames before it take `before` bytes. */
function checkChain(
  env: Env,
  index: number,
  frame: number,
  before: number,
  private_: boolean,
  passed: Map<number, number>,
): number {
  // What held behind larger frames holds behind smaller ones: each function is looked at a few times, not once a chain.
  const key = index * MAX_FRAMES + frame;
  if (before <= (passed.get(key) ?? -1)) return 0;
  const { insns } = env;
  const subprog = env.aux.subprogs[index];
  if (index && subprog.hasTailCall && before >= MAX_BEFORE_TAIL_CALL) {
    const text = `tail_calls are not allowed when call stack of previous frames is ${before} bytes. Too large`;
    return env.fail(ERRNO.EACCES, text);
  }
  const own = Math.ceil(subprog.stackDepth / ROUND) * ROUND;
  let depth = before;
  if (private_ && own >= MIN_PRIVATE) {
    if (own > MAX_BPF_STACK) return env.fail(ERRNO.EACCES, `stack size of subprog ${index} is ${own}. Too large`);
  } else {
    depth += own;
    if (depth > MAX_BPF_STACK) {
      return env.fail(ERRNO.EACCES, `combined stack size of ${frame + 1} calls is ${depth}. Too large`);
    }
  }
  for (let at = subprog.start; at < subprog.end; at++) {
    const insn = insns[at];
    if (!isLocalCall(insn) && !isFunctionReference(insn)) continue;
    const callee = subprogAt(env, calleeOf(insn, at));
    const { isAsync, hasTailCall } = env.aux.subprogs[callee];
    if (isAsync && hasTailCall) return env.fail(ERRNO.EFAULT, 'verifier bug: subprog has tail_call and async cb');
    if (isAsync && isFunctionReference(insn)) continue;
    if (frame + 1 >= MAX_FRAMES) {
      return env.fail(ERRNO.E2BIG, `the call stack of ${frame + 1} frames is too deep !`);
    }
    const err = checkChain(env, callee, frame + 1, depth, private_, passed);
    if (err) return err;
  }
  passed.set(key, before);
  return 0;
}

/** Bytes that three registers take. */
const LOOP_STACK = 24;

/** What Linux adds to a function's stack where it makes a loop of a call of bpf_loop. */
export function inlinedLoopSize({ aux }: Env, { start, end }: Subprog): number {
  for (const [at, callback] of aux.inlinedLoops) if (at >= start && at < end && callback >= 0) return LOOP_STACK;
  return 0;
}
