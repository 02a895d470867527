/** Locks and pointers in map values. One CPU runs and nothing interrupts it: a lock is always free. */
import type { Family } from './env.ts';
import { memory, returnInt } from './registers.ts';

export const syncFamily: Family = {
  spin_lock: (_env, r) => returnInt(r, 0),
  spin_unlock: (_env, r) => returnInt(r, 0),
  /** `(field, pointer)`: what the field held. */
  kptr_xchg(env, r, slot) {
    const at = memory(env.space, r, 1, 8, true, slot);
    const { view } = env.space;
    const [low, high] = [view.getInt32(at, true), view.getInt32(at + 4, true)];
    view.setInt32(at, r[4], true);
    view.setInt32(at + 4, r[5], true);
    r[0] = low;
    r[1] = high;
  },
};
