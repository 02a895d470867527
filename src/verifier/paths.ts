/**
 * Paths: put aside at a branch, taken up again when the one before ended (@kernel push_stack, pop_stack), last in first
 * out. Rejects: `The sequence of %d jumps is too complex.` (EFAULT).
 */
import type { Env } from './env.ts';
import type { State } from './state/state.ts';

/** Most paths put aside at once. @kernel BPF_COMPLEXITY_LIMIT_JMP_SEQ */
const MAX_PENDING = 8192;

/**
 * Put a copy of the current path aside, to go on at `insn`; `speculative` when only a guess leads there.
 * @returns its state, to be refined; undefined when too many
 */
export function pushPath(env: Env, insn: number, prevInsn: number, speculative = false): State | undefined {
  const state = env.cur.fork();
  if (speculative) state.speculative = true;
  if (!pushState(env, state, insn, prevInsn)) return undefined;
  if (state.parent) state.parent.branches++;
  return state;
}

/** Put a path that starts in `state` aside. @returns false when too many */
export function pushState(env: Env, state: State, insn: number, prevInsn: number): boolean {
  env.pending.push({ state, insn, prevInsn, logMark: env.log.mark });
  if (env.pending.length <= MAX_PENDING) return true;
  env.log.write(`The sequence of ${env.pending.length} jumps is too complex.\n`);
  return false;
}

/** Take up the path put aside last; below level 2 the log forgets the one that ended. @returns whether there was one */
export function popPath(env: Env): boolean {
  const path = env.pending.pop();
  if (!path) return false;
  env.cur = path.state;
  env.insnIdx = path.insn;
  env.prevInsnIdx = path.prevInsn;
  if (!env.log.verbose) env.log.reset(path.logMark);
  return true;
}
