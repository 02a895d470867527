/**
 * The end of a program (@kernel check_return_code). Rejects (EACCES): `R0 !read_ok`, `R0 leaks addr as return value`; where
 * the program type has a range (EINVAL): `At program exit the register R0 is not a known value (%s)`, `At program exit the
 * register R0 has smin=%d smax=%d should have been in [%d, %d]`.
 */
import { returnRange } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { checkAsyncExit } from './call/async.ts';
import { checkGlobalExit } from './call/global.ts';
import type { Env } from './env.ts';
import { markPrecise } from './precision/backtrack.ts';
import { checkReturn } from './return-value.ts';
import { leaksPointer, readReg } from './state/access-reg.ts';
import { REG, typeName } from './state/reg.ts';

export function checkExit(env: Env): number {
  if (env.cur.top.asyncEntry) return checkAsyncExit(env);
  if (env.cur.top.subprog) return checkGlobalExit(env);
  if (env.target?.returnsNothing) return 0;
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
  return checkReturn(env, reg, range, 'At program exit');
}
