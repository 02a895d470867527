/**
 * Bounds of memory with a known size (map values, packets). Rejects (EACCES) whatever is not inside for every value that
 * the variable offset may have, in the kernel's order of complaints.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { MAX_VAR_OFF, REG, type Reg } from '../state/reg.ts';

/** `off` and `size` against `limit` bytes, with nothing variable. @kernel __check_mem_access */
function checkFixed(env: Env, r: number, reg: Reg, off: number, size: number, limit: number, zeroOk: boolean): number {
  if (off >= 0 && (size > 0 || (size === 0 && zeroOk)) && off + size <= limit) return 0;
  // What may be NULL is called memory here.
  switch (reg.type) {
    case REG.MAP_KEY:
      return env.fail(ERRNO.EACCES, `invalid access to map key, key_size=${limit} off=${off} size=${size}`);
    case REG.MAP_VALUE:
      return env.fail(ERRNO.EACCES, `invalid access to map value, value_size=${limit} off=${off} size=${size}`);
    case REG.PACKET:
    case REG.PACKET_META:
    case REG.PACKET_END: {
      const where = `R${r}(id=${reg.id},off=${off},r=${limit})`;
      return env.fail(ERRNO.EACCES, `invalid access to packet, off=${off} size=${size}, ${where}`);
    }
    default:
      return env.fail(ERRNO.EACCES, `invalid access to memory, mem_size=${limit} off=${off} size=${size}`);
  }
}

/** A region whose size includes the variable offset. @kernel check_mem_region_access */
export function checkRegion(env: Env, r: number, off: number, size: number, limit: number, zeroOk: boolean): number {
  const reg = env.regs[r];
  const smin = env.store.sminN(reg.s);
  const low = smin + off;
  if (smin < 0 && (env.store.smin(reg.s) === -(1n << 63n) || low !== (low | 0) || low < 0)) {
    return negative(env, r);
  }
  let err = checkFixed(env, r, reg, low, size, limit, zeroOk);
  if (err) {
    env.log.write(`R${r} min value is outside of the allowed memory range\n`);
    return err;
  }
  const umax = env.store.umaxN(reg.s);
  if (umax >= MAX_VAR_OFF) {
    const text = `R${r} unbounded memory access, make sure to bounds check any such access`;
    return env.fail(ERRNO.EACCES, text);
  }
  err = checkFixed(env, r, reg, umax + off, size, limit, zeroOk);
  if (err) env.log.write(`R${r} max value is outside of the allowed memory range\n`);
  return err;
}

const negative = (env: Env, r: number): number =>
  env.fail(ERRNO.EACCES, `R${r} min value is negative, either use unsigned index or do a if (index >=0) check.`);

/** A packet: `range` bytes behind the base were compared with its end; the variable part lies before them. */
export function checkPacket(env: Env, r: number, off: number, size: number, zeroOk: boolean): number {
  const reg = env.regs[r];
  if (env.store.sminN(reg.s) < 0) return negative(env, r);
  const err = reg.range < 0 ? -ERRNO.EINVAL : checkFixed(env, r, reg, off, size, reg.range, zeroOk);
  if (err) env.log.write(`R${r} offset is outside of the packet\n`);
  return err;
}
