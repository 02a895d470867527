/**
 * Arguments of bpf_timer_*() (@kernel process_timer_func): a timer in a map's value, with the map that it lies in.
 * Rejects (EINVAL): `timer pointer in R%d map_uid=%d doesn't match map pointer in R%d map_uid=%d`; what is no timer: see
 * map-field.ts.
 */
import { ERRNO } from '../../errors/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import type { CallMeta } from './call-meta.ts';
import { checkMapField } from './map-field.ts';

/** The timer itself. @returns 0 or -errno */
export function checkTimer(env: Env, r: number, meta: CallMeta): number {
  const err = checkMapField(env, r, 'bpf_timer');
  if (!err) meta.timerMap = env.regs[r].map;
  return err;
}

/** The map argument that follows a timer has to be the timer's. @returns 0 or -errno */
export function checkTimerMap(env: Env, r: number, meta: CallMeta): number {
  if (meta.timerMap < 0 || meta.timerMap === env.regs[r].map) return 0;
  if (env.aux.maps[meta.timerMap].inner || env.regs[r].id) throw new UnsupportedConstruct('timer in a map of a map');
  return env.fail(ERRNO.EINVAL, `timer pointer in R${r - 1} map_uid=0 doesn't match map pointer in R${r} map_uid=0`);
}
