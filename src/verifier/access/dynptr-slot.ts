/**
 * Stores over a dynptr on the stack: they end it, and its slices. Rejects (EINVAL): `cannot overwrite referenced dynptr`.
 */
import { invalidate } from '../call/refs.ts';
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { isDynptr, isDynptrStart, isSliceOf } from '../state/dynptr.ts';
import { EMPTY } from '../state/slot.ts';

/** Slot `index` of frame `frame` is about to be written. @returns 0 or -EINVAL. @kernel destroy_if_dynptr_stack_slot */
export function endDynptr(env: Env, frame: number, index: number): number {
  const slot = env.cur.frames[frame].stack[index];
  if (!isDynptr(slot)) return 0;
  if (slot.reg.refId) return env.fail(ERRNO.EINVAL, 'cannot overwrite referenced dynptr');
  forgetDynptr(env, frame, isDynptrStart(slot) ? index : index + 1);
  invalidate(env, (reg) => isSliceOf(reg, slot.reg.id));
  return 0;
}

/** Both slots of the dynptr that starts at slot `index` hold nothing any more. */
export function forgetDynptr(env: Env, frame: number, index: number): void {
  for (const half of [index, index - 1]) {
    env.cur.frames[frame].stack[half] = EMPTY;
    env.scratchSlot(half);
    env.liveStack.recordWrite(frame, half);
  }
}
