/**
 * Ranges of what programs and callbacks return (@kernel verbose_invalid_scalar).
 * Rejects (EINVAL): `… the register R0 has smin=%d smax=%d should have been in [%d, %d]`.
 */
import { ERRNO } from '../errors/index.ts';
import type { Env } from './env.ts';
import type { Reg } from './state/reg.ts';

/** Whether the number lies in the range for every value it may have; `when` begins the refusal. */
export function checkReturn(env: Env, reg: Reg, [min, max]: readonly [number, number], when: string): number {
  const { store } = env;
  if (store.sminN(reg.s) >= min && store.smaxN(reg.s) <= max) return 0;
  const known = knownRange(store.smin(reg.s), store.smax(reg.s));
  return env.fail(ERRNO.EINVAL, `${when} the register R0 has ${known} should have been in [${min}, ${max}]`);
}

const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;

/** `smin=0 smax=3`, without what says nothing. */
function knownRange(smin: bigint, smax: bigint): string {
  if (smin === S64_MIN && smax === S64_MAX) return 'unknown scalar value';
  return [smin > S64_MIN && `smin=${smin}`, smax < S64_MAX && `smax=${smax}`].filter(Boolean).join(' ');
}
