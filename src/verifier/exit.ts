/**
 * The end of a program (@kernel check_return_code). Rejects (EACCES): `R0 !read_ok`, `R0 leaks addr as return value`; where
 * the program type has a range (EINVAL): `At program exit the register R0 is not a known value (%s)`, `At program exit the
 * register R0 has smin=%d smax=%d should have been in [%d, %d]`.
 */
import { returnRange } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { checkGlobalExit } from './call/global.ts';
import type { Env } from './env.ts';

import { markPrecise } from './precision/backtrack.ts';
import { leaksPointer, readReg } from './state/access-reg.ts';
import { REG, typeName } from './state/reg.ts';

export function checkExit(env: Env): number {
  if (env.cur.top.subprog) return checkGlobalExit(env);
  let err = readReg(env, 0);
  if (err) return err;
  const reg = env.regs[0];
  if (leaksPointer(env, reg)) return env.fail(ERRNO.EACCES, 'R0 leaks addr as return value');
  const range = returnRange(env.input.progType, env.input.expectedAttachType);
  if (!range) return 0;
  if (reg.type !== REG.SCALAR) {
    return env.fail(ERRNO.EINVAL, `At program exit the register R0 is not a known value (${typeName(reg.type)})`);
  }
  err = markPrecise(env, 0);
  if (err) return err;
  const { store } = env;
  const [min, max] = range;
  if (store.sminN(reg.s) >= min && store.smaxN(reg.s) <= max) return 0;
  const known = knownRange(store.smin(reg.s), store.smax(reg.s));
  return env.fail(ERRNO.EINVAL, `At program exit the register R0 has ${known} should have been in [${min}, ${max}]`);
}

const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;

/** `smin=0 smax=3`, without what says nothing. */
function knownRange(smin: bigint, smax: bigint): string {
  if (smin === S64_MIN && smax === S64_MAX) return 'unknown scalar value';
  return [smin > S64_MIN && `smin=${smin}`, smax < S64_MAX && `smax=${smax}`].filter(Boolean).join(' ');
}
