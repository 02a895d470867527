/**
 * Calls of kernel functions: what is known of them before the walk (@kernel add_kfunc_call). Loaders leave a call of
 * function 0 where the kernel has no such function: it may stand where the walk never comes.
 * Rejects (EINVAL): `cannot call kernel function from non-GPL compatible program`, `kernel btf_id %u is not a function`,
 * `negative offset disallowed for kernel module function call`; (EPROTO) `kfunc offset > 0 without fd_array is invalid`; after
 * the walk `invalid kernel function call not eliminated in verifier pass` (EINVAL). A call of a function that there is is
 * unsupported.
 */
import { KIND } from '../btf/index.ts';
import { isGplCompatible } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { CALL, type Instruction } from '../isa/index.ts';
import { CALL_PSEUDO } from '../uapi/index.ts';
import { type Context, UnsupportedConstruct } from './context.ts';
import type { Env } from './env.ts';
import { AUX } from './insn-aux.ts';
import { kernelTypes } from './kernel-types.ts';

export const isKernelCall = ({ opcode, src }: Instruction): boolean => opcode === CALL && src === CALL_PSEUDO.KFUNC;

/** A call that a loader could not resolve. */
const isUnresolved = ({ imm, off }: Instruction): boolean => imm === 0 && off === 0;

/** @returns 0 or -errno */
export function resolveKernelCall(ctx: Context, insn: Instruction): number {
  const refuse = (text: string, errno: number = ERRNO.EINVAL): number => {
    ctx.log.write(`${text}\n`);
    return -errno;
  };
  if (!isGplCompatible(ctx.input.license)) {
    return refuse('cannot call kernel function from non-GPL compatible program');
  }
  if (isUnresolved(insn)) return 0;
  const missing = 'failed to find BTF for kernel function';
  if (insn.off < 0) return refuse(`negative offset disallowed for kernel module function call\n${missing}`);
  if (insn.off > 0) {
    if (ctx.input.fdArray) throw new UnsupportedConstruct('kfunc call of a kernel module');
    return refuse(`kfunc offset > 0 without fd_array is invalid\n${missing}`, ERRNO.EPROTO);
  }
  const types = kernelTypes(ctx);
  const id = insn.imm >>> 0;
  const type = id < types.length ? types.type(id) : undefined;
  if (type?.kind !== KIND.FUNC) return refuse(`kernel btf_id ${id} is not a function`);
  throw new UnsupportedConstruct('kfunc call');
}

/** The walk comes to a call that was not resolved: nothing happens yet. */
export function passUnresolvedCall(env: Env): number {
  env.scratchReg(0);
  return 0;
}

/** The pass behind the walk. @returns 0 or -EINVAL */
export function checkCallsResolved(env: Env): number {
  const { insns, aux } = env;
  if (!insns.some((insn, at) => isKernelCall(insn) && (aux.flags[at] & AUX.SEEN) !== 0)) return 0;
  return env.fail(ERRNO.EINVAL, 'invalid kernel function call not eliminated in verifier pass');
}
