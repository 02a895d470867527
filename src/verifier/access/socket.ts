/**
 * Loads of socket fields. A program sees a struct of its own; Linux turns each load into one of the kernel's.
 * Rejects (EACCES): `R%d cannot write into %s`, `R%d invalid %s access off=%d size=%d`; after the walk (EFAULT) the loads
 * that Linux cannot turn: `verifier bug: error during ctx access conversion (0)`.
 */
import { canReadSocket, isUnconvertible, type SocketKind } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { baseType, REG, typeName } from '../state/reg.ts';

const KINDS: Readonly<Record<number, SocketKind>> = {
  [REG.SOCK_COMMON]: 'sock_common',
  [REG.SOCKET]: 'sock',
  [REG.TCP_SOCK]: 'tcp_sock',
  [REG.XDP_SOCK]: 'xdp_sock',
};

/** Access through socket pointer `r`, which is never moved; a load fills `dst` unless it is negative. */
export function checkSocket(env: Env, r: number, off: number, size: number, write: boolean, dst: number): number {
  const { type } = env.regs[r];
  if (write) return env.fail(ERRNO.EACCES, `R${r} cannot write into ${typeName(type)}`);
  if (!canReadSocket(KINDS[baseType(type)], off, size)) {
    return env.fail(ERRNO.EACCES, `R${r} invalid ${typeName(type)} access off=${off} size=${size}`);
  }
  if (dst >= 0) env.regs[dst] = env.unknown();
  return 0;
}

/** The pass behind the walk: every load that was walked can be turned into the kernel's own. @returns 0 or -errno */
export function checkConversions(env: Env): number {
  const { ptrType } = env.aux;
  for (let at = 0; at < env.insns.length; at++) {
    const kind = KINDS[baseType(ptrType[at])];
    if (kind === undefined || !isUnconvertible(kind, env.insns[at].off)) continue;
    return env.fail(ERRNO.EFAULT, 'verifier bug: error during ctx access conversion (0)');
  }
  return 0;
}
