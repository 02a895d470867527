/**
 * Ranges that contradict each other: on a path that cannot be, or after a comparison whose outcome was decided. Linux says
 * so in the log and goes on with the known bits alone (@kernel reg_bounds_sanity_check); so does the walk. With
 * BPF_F_TEST_REG_INVARIANTS they refuse the program (EFAULT).
 */
import { ERRNO } from '../../errors/index.ts';
import { PROG_FLAG } from '../../uapi/index.ts';
import { Refusal } from '../context.ts';
import type { Env } from '../env.ts';

const hex = (v: bigint, bits: number): string => `0x${BigInt.asUintN(bits, v).toString(16)}`;

/** The number itself, or what is left of a contradictory one. `where` names it in the message. */
export function consistent(env: Env, s: number, where: string): number {
  const { store } = env;
  const problem = store.violation(s);
  if (!problem) return s;
  const range = (name: string, min: bigint, max: bigint, bits = 64): string =>
    `${name}=[${hex(min, bits)}, ${hex(max, bits)}]`;
  const text = [
    range('u64', store.umin(s), store.umax(s)),
    range('s64', store.smin(s), store.smax(s)),
    range('u32', BigInt(store.umin32(s)), BigInt(store.umax32(s)), 32),
    range('s32', BigInt(store.smin32(s)), BigInt(store.smax32(s)), 32),
    `var_off=(${hex(store.tnumValue(s), 64)}, ${hex(store.tnumMask(s), 64)})`,
  ].join(' ');
  env.log.write(`verifier bug: REG INVARIANTS VIOLATION (${where}): ${problem} ${text}\n`);
  if (env.input.progFlags & PROG_FLAG.TEST_REG_INVARIANTS) throw new Refusal(ERRNO.EFAULT);
  return store.unbounded(s);
}
