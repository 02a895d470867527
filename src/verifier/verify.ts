/** The order of passes. */
import { ERRNO } from '../errors/index.ts';
import type { VerifyInput, VerifyResult } from './api.ts';

/** Verify one program. */
export function verify(_input: VerifyInput): VerifyResult {
  return { ok: false, errno: ERRNO.ENOTSUPP, log: '', summary: '', insn: -1, stats: undefined, unsupported: 'all' };
}
