/**
 * Loads and stores of memory of a known size: a ring buffer's record, memory that a function was given. `range` of the
 * pointer is the size in bytes. Rejects (EACCES): `R%d cannot write into rdonly_mem`, `R%d leaks addr into mem`, everything
 * outside (`invalid access to memory, mem_size=%u off=%d size=%d`).
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { leaksPointer } from '../state/access-reg.ts';
import { RDONLY, typeName, UNTRUSTED } from '../state/reg.ts';
import type { Access } from './mem.ts';
import { checkRegion } from './region.ts';

/** Access at `off`, the pointer's fixed offset included. @returns 0 or -errno */
export function checkMemRegion(env: Env, { ptr, size, write, value }: Access, off: number): number {
  const reg = env.regs[ptr];
  if (write && reg.type & RDONLY) {
    return env.fail(ERRNO.EACCES, `R${ptr} cannot write into ${typeName(reg.type)}`);
  }
  if (write && value >= 0 && leaksPointer(env, env.regs[value])) {
    return env.fail(ERRNO.EACCES, `R${value} leaks addr into mem`);
  }
  if (reg.type & UNTRUSTED) {
    env.guardedLoads.add(env.insnIdx);
    // Of memory that may not be there any size may be read.
    if (value >= 0) env.regs[value] = env.unknown();
    return 0;
  }
  const err = checkRegion(env, ptr, off, size, reg.range, false);
  if (!err && !write && value >= 0) env.regs[value] = env.unknown();
  return err;
}
