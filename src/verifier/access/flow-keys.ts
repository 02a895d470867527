/**
 * What a flow dissector found out: a struct that it fills, at any offset and size. Rejects (EACCES): `invalid access to
 * flow keys off=%d size=%d`.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';

/** Bytes. @kernel struct bpf_flow_keys */
const SIZE = 56;

/** Access through a pointer that only constants can move; a load fills `dst` unless it is negative. */
export function checkFlowKeys(env: Env, off: number, size: number, write: boolean, dst: number): number {
  if (off < 0 || off + size > SIZE) {
    return env.fail(ERRNO.EACCES, `invalid access to flow keys off=${off} size=${size}`);
  }
  if (!write && dst >= 0) env.regs[dst] = env.unknown();
  return 0;
}
