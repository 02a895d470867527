/**
 * Acquiring and giving back (@kernel acquire_reference, release_reference, check_resource_leak).
 * Rejects (EINVAL): `Unreleased reference id=%d alloc_insn=%d` and `%s would lead to reference leak`, `%s cannot be used
 * inside bpf_spin_lock-ed region`, `R%d must be referenced when passed to release function`, `R%d must have zero offset
 * when passed to release func or trusted arg to kfunc`, `more than one arg with ref_obj_id R%d %u %u`.
 */
import type { ArgKind } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { PROG_TYPE } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { NOT_INIT, REG, type Reg } from '../state/reg.ts';
import { heldLock, REF, withoutObject } from '../state/refs.ts';
import { mapRegs } from '../state/state.ts';
import type { CallMeta } from './call-meta.ts';

/** The current call gives the program an object. @returns the reference's id */
export function acquire(env: Env): number {
  const id = ++env.idGen;
  env.cur.refs = [...env.cur.refs, { kind: REF.OBJECT, id, insn: env.insnIdx, map: -1 }];
  return id;
}

/** The program gives object `id` back: no register knows it any more. @returns 0, or -EINVAL when it holds no such object */
export function release(env: Env, id: number): number {
  const refs = withoutObject(env.cur.refs, id);
  if (!refs) return -ERRNO.EINVAL;
  env.cur.refs = refs;
  invalidate(env, (reg) => reg.refId === id);
  return 0;
}

/** Registers and spilled registers that must not be used as what they were. @kernel mark_reg_invalid */
export function invalidate(env: Env, which: (reg: Reg) => boolean): void {
  mapRegs(env.cur, (reg) => {
    if (!which(reg)) return reg;
    return env.perfmonCapable ? env.unknown() : NOT_INIT;
  });
}

/** Whether the program may end, or leave for good, here. `what` names the instruction. @returns 0 or -EINVAL */
export function checkLeaks(env: Env, what: string): number {
  if (env.cur.refs.length === 0) return 0;
  if (heldLock(env.cur.refs)) return env.fail(ERRNO.EINVAL, `${what} cannot be used inside bpf_spin_lock-ed region`);
  // What a called function leaves behind its callers may still give back, or leak.
  if (env.cur.frames.length > 1) return 0;
  // Operations of the kernel may return what they hold. Linux 6.18 means that for those that return pointers, lets it pass for
  // those that return nothing, and faults on one that returns a number: that is refused here.
  const mayReturn = env.input.progType === PROG_TYPE.STRUCT_OPS && env.target?.returnsNothing;
  const returned = mayReturn ? env.regs[0].refId : 0;
  const refs = env.cur.refs.filter(({ id }) => id !== returned);
  if (refs.length === 0) return 0;
  for (const { id, insn } of refs) env.log.write(`Unreleased reference id=${id} alloc_insn=${insn}\n`);
  return env.fail(ERRNO.EINVAL, `${what} would lead to reference leak`);
}

/** An argument that the helper takes away from the program: it must be passed as it was acquired. */
export function checkReleasedOffset(env: Env, r: number, reg: Reg): number {
  if (!reg.off) return 0;
  const text = `R${r} must have zero offset when passed to release func or trusted arg to kfunc`;
  return env.fail(ERRNO.EINVAL, text);
}

/** The reference that an argument points into: at most one a call, and there if the helper takes it away. */
export function checkReference(env: Env, r: number, reg: Reg, kind: ArgKind, meta: CallMeta): number {
  // A dynptr's reference is looked for where it lies.
  if (kind === 'dynptr') return 0;
  if (meta.released === r && !reg.refId && reg.type !== REG.SCALAR) {
    return env.fail(ERRNO.EINVAL, `R${r} must be referenced when passed to release function`);
  }
  if (!reg.refId || kind === 'kptr') return 0;
  if (meta.refId) {
    // Linux ends this line without a newline.
    env.log.write(`more than one arg with ref_obj_id R${r} ${reg.refId} ${meta.refId}`);
    return -ERRNO.EACCES;
  }
  meta.refId = reg.refId;
  return 0;
}
