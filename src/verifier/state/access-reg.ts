/**
 * Reading and writing registers (@kernel check_reg_arg).
 * Rejects: `R%d is invalid` (EINVAL), `R%d !read_ok` (EACCES), `frame pointer is read only` (EACCES).
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { NOT_INIT, REG, type Reg } from './reg.ts';
import { FP } from './state.ts';

/** The instruction reads a register. @returns 0 or -errno */
export function readReg(env: Env, r: number): number {
  if (r > FP) return env.fail(ERRNO.EINVAL, `R${r} is invalid`);
  env.scratchReg(r);
  if (env.regs[r].type === REG.NOT_INIT) return env.fail(ERRNO.EACCES, `R${r} !read_ok`);
  return 0;
}

/** The instruction writes a register, whose new value the caller sets. @returns 0 or -errno */
export function writeReg(env: Env, r: number): number {
  if (r > FP) return env.fail(ERRNO.EINVAL, `R${r} is invalid`);
  env.scratchReg(r);
  if (r === FP) return env.fail(ERRNO.EACCES, 'frame pointer is read only');
  return 0;
}

/** Calls leave the argument registers and r0 unreadable. */
export function clobberCallerSaved(env: Env): void {
  for (let r = 0; r <= 5; r++) {
    env.scratchReg(r);
    env.regs[r] = NOT_INIT;
  }
}

/** Whether using the register's value as a number would show an address to a caller who must not see one. */
export function leaksPointer(env: Env, reg: Reg): boolean {
  return !env.perfmonCapable && reg.type !== REG.SCALAR;
}

/**
 * Give a number an id before it is copied, so that what a branch teaches one copy is known of the other. A number that
 * already stands at a distance from others leaves them: only one distance is followed. @kernel assign_scalar_id_before_mov
 */
export function withScalarId(env: Env, reg: Reg): Reg {
  if (reg.type !== REG.SCALAR) return reg;
  let out = reg.linked ? reg.withId(0) : reg;
  if (!out.id && !env.store.isConst(out.s)) out = out.withId(++env.idGen);
  return out;
}
