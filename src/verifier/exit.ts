/**
 * The end of a program (@kernel check_return_code). Rejects (EACCES): `R0 !read_ok`, `R0 leaks addr as return value`.
 * Program types whose return value has a range are not walked yet.
 */
import { ERRNO } from '../errors/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import { UnsupportedConstruct } from './context.ts';
import type { Env } from './env.ts';
import { leaksPointer, readReg } from './state/access-reg.ts';

/** Types that may return anything. */
const ANY_RETURN = new Set<number>([
  PROG_TYPE.SOCKET_FILTER,
  PROG_TYPE.SCHED_CLS,
  PROG_TYPE.SCHED_ACT,
  PROG_TYPE.XDP,
  PROG_TYPE.TRACEPOINT,
  PROG_TYPE.KPROBE,
  PROG_TYPE.PERF_EVENT,
  PROG_TYPE.LWT_IN,
  PROG_TYPE.LWT_OUT,
  PROG_TYPE.LWT_XMIT,
  PROG_TYPE.LWT_SEG6LOCAL,
]);

export function checkExit(env: Env): number {
  if (!ANY_RETURN.has(env.input.progType)) {
    throw new UnsupportedConstruct(`return value of program type ${env.input.progType}`);
  }
  const err = readReg(env, 0);
  if (err) return err;
  return leaksPointer(env, env.regs[0]) ? env.fail(ERRNO.EACCES, 'R0 leaks addr as return value') : 0;
}
