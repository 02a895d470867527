/**
 * Helpers that call a function of the program. The engine makes the calls: what is here says with which registers, and how
 * the helper ends. Order and values of refusals were measured on Linux 6.18.
 */
import { ERRNO } from '../errors/index.ts';
import type { Element } from '../maps/index.ts';
import { elementsOf } from '../maps/index.ts';
import { MAX_LOOPS } from '../vm/index.ts';
import type { Calls } from '../vm/index.ts';
import type { Family } from './env.ts';
import { mapOf } from './map.ts';
import { int32, returnInt, returnUint, uint32, uint64 } from './registers.ts';

/** Put the words of a register that was saved into argument `n`. */
function argument(r: Int32Array, n: number, [low, high]: readonly [number, number]): void {
  r[2 * n] = low;
  r[2 * n + 1] = high;
}

export const loopFamily: Family = {
  /** `(nr, function, ctx, flags)`: calls `function(i, ctx)` until it answers 1. @returns rounds, -EINVAL, -E2BIG */
  loop(_env, r, slot, program): Calls | void {
    const inlined = program.inlinedLoops.has(slot);
    const end = inlined ? uint64(r, 1) : uint32(r, 1);
    if (uint64(r, 4) !== 0) return returnInt(r, -ERRNO.EINVAL);
    // A loop of Linux's own has the error in the lower half only.
    if (end > MAX_LOOPS) return inlined ? returnUint(r, -ERRNO.E2BIG) : returnInt(r, -ERRNO.E2BIG);
    const ctx = [r[6], r[7]] as const;
    let round = 0;
    return {
      callback: int32(r, 2),
      next(words, returned) {
        if (round === end || returned !== 0) {
          returnUint(words, round);
          return false;
        }
        argument(words, 1, [round++, 0]);
        argument(words, 2, ctx);
        return true;
      },
    };
  },

  /** `(map, function, ctx, flags)`: calls `function(map, key, value, ctx)` until it answers 1. @returns calls, -EINVAL */
  for_each_map_elem(env, r, slot): Calls | void {
    const map = mapOf(env, r, slot);
    const elements = elementsOf(map, env);
    if (uint64(r, 4) !== 0 || elements === undefined) return returnInt(r, -ERRNO.EINVAL);
    const ctx = [r[6], r[7]] as const;
    let count = 0;
    return {
      callback: int32(r, 2),
      next(words, returned) {
        const element: Element | undefined = returned === 0 ? elements.next().value : undefined;
        if (element === undefined) {
          elements.return(undefined);
          returnUint(words, count);
          return false;
        }
        count++;
        argument(words, 1, [map.address, 0]);
        argument(words, 2, [element.key, 0]);
        argument(words, 3, [element.value, 0]);
        argument(words, 4, ctx);
        return true;
      },
    };
  },
};
