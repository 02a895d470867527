/**
 * The buffer that a writable raw tracepoint gives. How long it is shows when the program is attached: here any constant
 * offset is right. Rejects (EACCES): `R%d invalid tracepoint buffer access: off=%d, size=%d`, `R%d invalid variable buffer
 * offset: off=%d, var_off=%s`.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { tnumText } from '../log/state-text.ts';

/** Access through buffer pointer `r`; a load fills `dst` unless it is negative. */
export function checkTpBuffer(env: Env, r: number, off: number, size: number, write: boolean, dst: number): number {
  const err = checkBuffer(env, 'tracepoint', r, off, size);
  if (!err && !write && dst >= 0) env.regs[dst] = env.unknown();
  return err;
}

/** Whether an offset is one that can be compared with the buffer's size later. @kernel __check_buffer_access */
export function checkBuffer(env: Env, kind: string, r: number, off: number, size: number): number {
  const { store } = env;
  const { s } = env.regs[r];
  if (off < 0) return env.fail(ERRNO.EACCES, `R${r} invalid ${kind} buffer access: off=${off}, size=${size}`);
  if (s !== store.ZERO) {
    const text = `R${r} invalid variable buffer offset: off=${off}, var_off=${tnumText(store, s)}`;
    return env.fail(ERRNO.EACCES, text);
  }
  return 0;
}
