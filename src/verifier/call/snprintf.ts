/**
 * Format strings that are checked at load time (@kernel check_bpf_snprintf_call): those of snprintf.
 * Rejects (EINVAL): sizes of the data that are no multiple of eight, without a message; `Invalid format string`.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { constStr } from './arg-str.ts';
import { isFormat } from './format.ts';

/** Registers of the format and of the size of its data. */
const FORMAT = 3;
const DATA_SIZE = 5;

export function checkSnprintf(env: Env): number {
  // Linux takes the bits known to be set for the size, whether or not the others are known.
  const size = env.store.tnumValue(env.regs[DATA_SIZE].s);
  if (size % 8n !== 0n) return -ERRNO.EINVAL;
  const format = constStr(env, FORMAT);
  return format && isFormat(format, Number(size / 8n)) ? 0 : env.fail(ERRNO.EINVAL, 'Invalid format string');
}
