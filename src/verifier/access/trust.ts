/**
 * How far a pointer that was loaded from a kernel object may be trusted. Through a trusted pointer, or one that stays while
 * the program does not sleep, only the members that the kernel lists are; through an untrusted one, and out of unions,
 * nothing is, and all that is loaded through it neither.
 */
import { memberTrust } from '../../contracts/index.ts';
import { isSleepable } from '../call/sleep.ts';
import type { Env } from '../env.ts';
import { structName } from '../kernel-types.ts';
import { MAYBE_NULL, RCU, type Reg, TRUSTED, UNTRUSTED } from '../state/reg.ts';
import type { Found } from './struct-walk.ts';

type FoundPointer = Extract<Found, { kind: 'pointer' }>;

/** Flags of the pointer that was found at a place of what `through` points to. */
export function loadedFlags(env: Env, through: Reg, { member, struct, inUnion }: FoundPointer): number {
  if (through.type & UNTRUSTED) return UNTRUSTED;
  const isListed = (through.type & (TRUSTED | RCU)) !== 0 || through.refId !== 0;
  if (!isListed) return inUnion ? UNTRUSTED : 0;
  const trust = memberTrust(structName(env, through.map), member, struct?.name ?? '');
  if (trust === 'trusted') return TRUSTED;
  if (trust === 'trustedOrNull') return TRUSTED | MAYBE_NULL;
  if (isSleepable(env)) return UNTRUSTED;
  if (trust === 'rcu') return RCU;
  if (trust === 'rcuOrNull') return RCU | MAYBE_NULL;
  return inUnion ? UNTRUSTED : 0;
}
