/**
 * Memory that an iterator passes: how long it is shows when the program is attached, so any constant offset is right.
 * Rejects (EACCES): `R%d cannot write into rdonly_buf`, `R%d invalid rdonly buffer access: off=%d, size=%d` (or `rdwr`),
 * `R%d invalid variable buffer offset: off=%d, var_off=%s`.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { RDONLY, typeName } from '../state/reg.ts';
import { checkBuffer } from './tp-buffer.ts';

/** Access of `size` bytes at `off`, the pointer's fixed offset included; a load fills `dst` unless it is negative. */
export function checkBuf(env: Env, r: number, off: number, size: number, write: boolean, dst = -1): number {
  const { type } = env.regs[r];
  if (write && type & RDONLY) return env.fail(ERRNO.EACCES, `R${r} cannot write into ${typeName(type)}`);
  const err = checkBuffer(env, type & RDONLY ? 'rdonly' : 'rdwr', r, off, size);
  if (!err && !write && dst >= 0) env.regs[dst] = env.unknown();
  return err;
}
