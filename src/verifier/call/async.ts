/**
 * Functions that a helper leaves behind to run later (@kernel push_async_cb): that of a timer. They are walked as paths of
 * their own, with nothing known but their arguments, and nothing held.
 * Rejects (EINVAL): `At async callback return the register R0 has … should have been in [0, 0]` or `… is not a known value
 * (%s)`; (E2BIG) stacks and chains that are too deep, see ../stack-depth.ts.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { pushState } from '../paths.ts';
import { markPrecise } from '../precision/backtrack.ts';
import { checkReturn } from '../return-value.ts';
import { leaksPointer, readReg } from '../state/access-reg.ts';
import { pointer, REG, typeName } from '../state/reg.ts';
import { Frame, freshRegs, State } from '../state/state.ts';
import { checkArguments } from './global.ts';

/** What a timer's function has to return. */
const NOTHING: readonly [number, number] = [0, 0];

/** bpf_timer_set_callback(timer, callback): callback(map, key, value) of the timer's map. @returns 0 or -errno */
export function pushAsync(env: Env, index: number): number {
  const { store } = env;
  const subprog = env.aux.subprogs[index];
  // A static function may differ from its description.
  if (subprog.func) checkArguments(env, subprog.func);
  const caller = env.cur.top;
  const { map } = caller.regs[1];
  subprog.isAsync = true;
  const regs = freshRegs(pointer(REG.STACK, store.ZERO));
  regs[1] = pointer(REG.MAP_PTR, store.ZERO, 0, map);
  regs[2] = pointer(REG.MAP_KEY, store.ZERO, 0, map);
  regs[3] = pointer(REG.MAP_VALUE, store.ZERO, 0, map);
  const frame = new Frame(0, index, -1, regs, []);
  frame.asyncEntry = caller.asyncEntry + 1;
  if (!pushState(env, new State([frame]), subprog.start, env.insnIdx)) return -ERRNO.EFAULT;
  env.scratchAll();
  return 0;
}

/** The end of such a function. @returns 0 or -errno */
export function checkAsyncExit(env: Env): number {
  const err = readReg(env, 0);
  if (err) return err;
  const reg = env.regs[0];
  if (leaksPointer(env, reg)) return env.fail(ERRNO.EACCES, 'R0 leaks addr as return value');
  const when = 'At async callback return';
  if (reg.type !== REG.SCALAR) {
    return env.fail(ERRNO.EINVAL, `${when} the register R0 is not a known value (${typeName(reg.type)})`);
  }
  return markPrecise(env, 0) || checkReturn(env, reg, NOTHING, when);
}
