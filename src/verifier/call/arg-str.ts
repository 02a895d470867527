/**
 * Strings that a helper wants to know at load time: in a frozen read-only array, ended by a zero byte.
 * Rejects (EACCES): `R%d does not point to a readonly map'`, `R%d is not a constant address'`, addresses outside the value;
 * maps other than arrays (`no direct value access support for this map type`); (EINVAL) `string is not zero-terminated`;
 * (ENOTSUPP) arrays of more than one element (`direct value access on string failed`).
 */
import { ERRNO } from '../../errors/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import { checkMapAccessType, isConstant } from '../access/map-value.ts';
import { checkRegion } from '../access/region.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';

/** @kernel check_reg_const_str */
export function checkConstStr(env: Env, r: number): number {
  const reg = env.regs[r];
  const map = env.aux.maps[reg.map];
  if (!isConstant(map)) return env.fail(ERRNO.EACCES, `R${r} does not point to a readonly map'`);
  if (!env.store.isConst(reg.s)) return env.fail(ERRNO.EACCES, `R${r} is not a constant address'`);
  if (map.type !== MAP_TYPE.ARRAY) {
    return env.fail(ERRNO.EACCES, 'no direct value access support for this map type');
  }
  const size = map.valueSize - reg.off;
  const err =
    checkMapAccessType(env, map, reg.off, size, false) || checkRegion(env, r, reg.off, size, map.valueSize, false);
  if (err) return err;
  if (map.maxEntries !== 1) return env.fail(ERRNO.ENOTSUPP, 'direct value access on string failed');
  return constStr(env, r) === undefined ? env.fail(ERRNO.EINVAL, 'string is not zero-terminated') : 0;
}

/** The string's bytes without the zero, of a register that passed the check; undefined where it has no end. */
export function constStr(env: Env, r: number): Uint8Array | undefined {
  const reg = env.regs[r];
  const map = env.aux.maps[reg.map];
  const start = reg.off + env.store.sminN(reg.s);
  const bytes = map.readFrozen?.(start, map.valueSize - start);
  if (!bytes) throw new UnsupportedConstruct('string in a map of unknown contents');
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : bytes.subarray(0, end);
}
