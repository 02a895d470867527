/**
 * Format strings that are checked at load time (@kernel check_bpf_snprintf_call): those of snprintf.
 * Rejects (EINVAL): sizes of the data that are no multiple of eight, without a message; `Invalid format string`.
 */
import { UnsupportedConstruct } from '../context.ts';

export function checkSnprintf(): number {
  throw new UnsupportedConstruct('format string of snprintf');
}
