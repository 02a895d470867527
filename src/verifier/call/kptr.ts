/**
 * bpf_kptr_xchg() (@kernel process_kptr_func): puts a reference into a field of a map's value and takes out the one that
 * was there. Rejects: a variable offset (EINVAL), `off=%d doesn't point to kptr`, `off=%d kptr isn't referenced kptr`
 * (EACCES), `Possibly NULL pointer passed to helper arg2`, objects of another type.
 */
import { ERRNO } from '../../errors/index.ts';
import { checkStored, pointerFieldAt } from '../access/map-field.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { baseType, mayBeNull, RCU, REG, TRUSTED } from '../state/reg.ts';
import type { CallMeta } from './call-meta.ts';

/** Where the reference goes. @returns 0 or -errno */
export function checkKptrPlace(env: Env, r: number, meta: CallMeta): number {
  const reg = env.regs[r];
  if (baseType(reg.type) !== REG.MAP_VALUE) throw new UnsupportedConstruct('kptr in an allocated object');
  const map = env.aux.maps[reg.map];
  if (!map.fields) {
    return env.fail(ERRNO.EINVAL, `map '${map.name}' has to have BTF in order to use bpf_kptr_xchg`);
  }
  if (!env.store.isConst(reg.s)) {
    return env.fail(ERRNO.EINVAL, `R${r} doesn't have constant offset. kptr has to be at the constant offset`);
  }
  const field = pointerFieldAt(env, reg, reg.off);
  const at = reg.off + env.store.sminN(reg.s);
  if (!map.fields.some(({ struct }) => struct >= 0)) {
    return env.fail(ERRNO.EINVAL, `R${r} has no valid kptr`);
  }
  if (!field) return env.fail(ERRNO.EACCES, `off=${at} doesn't point to kptr`);
  if (field.kind !== 'kptr') return env.fail(ERRNO.EACCES, `off=${at} kptr isn't referenced kptr`);
  meta.kptr = field;
  return 0;
}

/** What goes in; NULL only empties the field. @returns 0 or -errno */
export function checkKptrGiven(env: Env, r: number, meta: CallMeta): number {
  const reg = env.regs[r];
  if (reg.type === REG.SCALAR) return 0;
  if (mayBeNull(reg.type)) return env.fail(ERRNO.EACCES, `Possibly NULL pointer passed to helper arg${r}`);
  if (!meta.kptr) throw new UnsupportedConstruct('kptr');
  return checkStored(env, meta.kptr, r, TRUSTED | RCU);
}
