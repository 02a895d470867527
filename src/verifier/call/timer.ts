/**
 * Arguments of bpf_timer_*() (@kernel process_timer_func): a timer in a map's value, with the map that it lies in.
 * Rejects (EINVAL): `timer pointer in R%d map_uid=%d doesn't match map pointer in R%d map_uid=%d`; what is no timer: see
 * map-field.ts.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import type { CallMeta } from './call-meta.ts';
import { checkMapField } from './map-field.ts';

/** The timer itself. @returns 0 or -errno */
export function checkTimer(env: Env, r: number, meta: CallMeta): number {
  const err = checkMapField(env, r, 'bpf_timer');
  if (!err) meta.timer = env.regs[r];
  return err;
}

/** The map argument that follows a timer has to be the timer's. @returns 0 or -errno */
export function checkTimerMap(env: Env, r: number, { timer }: CallMeta): number {
  const map = env.regs[r];
  if (!timer || (timer.map === map.map && timer.range === map.range)) return 0;
  const pair = `timer pointer in R${r - 1} map_uid=${timer.range} doesn't match map pointer in R${r} map_uid=${map.range}`;
  return env.fail(ERRNO.EINVAL, pair);
}
