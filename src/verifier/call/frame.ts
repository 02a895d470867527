/** Frames of calls in progress. Rejects: `the call stack of %d frames is too deep` (E2BIG). */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { pointer, REG } from '../state/reg.ts';
import { Frame, freshRegs, type State } from '../state/state.ts';

/** Most frames of a chain of calls. @kernel MAX_CALL_FRAMES */
export const MAX_FRAMES = 8;

/** Open a frame for function `subprog` on `state`: no argument set yet. @returns the frame, or -errno when too deep */
export function openFrame(env: Env, state: State, subprog: number, callsite: number): Frame | number {
  const depth = state.frames.length;
  if (depth >= MAX_FRAMES) {
    return env.fail(ERRNO.E2BIG, `the call stack of ${depth + 1} frames is too deep`);
  }
  const fp = pointer(REG.STACK, env.store.ZERO, 0, -1, 0, depth);
  const frame = new Frame(depth, subprog, callsite, freshRegs(fp), []);
  state.frames.push(frame);
  return frame;
}
