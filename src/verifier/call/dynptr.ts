/**
 * Dynptrs as arguments of helpers (@kernel process_dynptr_func): made in two fresh slots of the stack, read, given back.
 * Rejects (EINVAL): `dynptr has to be at a constant offset`, `cannot pass in dynptr at an offset=%d`, `Dynptr has to be an
 * uninitialized dynptr`, `Expected an initialized dynptr as arg #%d`, `arg %d is an unacquired reference`, `cannot release
 * unowned const bpf_dynptr`; (EACCES) `Unsupported reg type %s for bpf_dynptr_from_mem data`.
 */
import { ERRNO } from '../../errors/index.ts';
import { accessSize, CLASS, MODE, SIZE } from '../../isa/index.ts';
import { HELPER_NAMES } from '../../uapi/index.ts';
import { forgetDynptr } from '../access/dynptr-slot.ts';
import { checkMem } from '../access/mem.ts';
import type { Env } from '../env.ts';
import { DYNPTR, DYNPTR_SIZE, dynptrReg, dynptrSlots, isDynptrStart } from '../state/dynptr.ts';
import { REG, typeName } from '../state/reg.ts';
import type { Slot } from '../state/slot.ts';
import type { CallMeta } from './call-meta.ts';
import { acquire, release } from './refs.ts';

const RESERVE = HELPER_NAMES.indexOf('ringbuf_reserve_dynptr');

const STORE = accessSize(CLASS.STX | MODE.MEM | SIZE.DW);

/** Slot at the address in register `r`, a stack pointer; undefined, with a word in the log, where no dynptr can be. */
function placeOf(env: Env, r: number): number | undefined {
  const reg = env.regs[r];
  if (!env.store.isConst(reg.s)) {
    env.log.write('dynptr has to be at a constant offset\n');
    return undefined;
  }
  const off = reg.off + env.store.sminN(reg.s);
  if (off % 8 === 0 && off <= -DYNPTR_SIZE) return -off / 8 - 1;
  env.log.write(`cannot pass in dynptr at an offset=${off}\n`);
  return undefined;
}

/** What the stack holds where the stack pointer in `r` points. */
function slotAt(env: Env, r: number): Slot | undefined {
  const place = placeOf(env, r);
  return place === undefined ? undefined : env.cur.frames[env.regs[r].frame].stack[place];
}

/** A place where helper `id` makes a dynptr. @returns 0 or -errno */
export function checkNewDynptr(env: Env, r: number, id: number): number {
  const isStack = env.regs[r].type === REG.STACK;
  const place = isStack ? placeOf(env, r) : undefined;
  if (place === undefined) return env.fail(ERRNO.EINVAL, 'Dynptr has to be an uninitialized dynptr');
  for (let off = 0; off < DYNPTR_SIZE; off += STORE) {
    const err = checkMem(env, { ptr: r, off, size: STORE, write: true, value: -1 });
    if (err) return err;
  }
  const { stack } = env.cur.frames[env.regs[r].frame];
  const name = ++env.idGen;
  const [kind, refId] = id === RESERVE ? [DYNPTR.RINGBUF, acquire(env)] : [DYNPTR.LOCAL, 0];
  [stack[place], stack[place - 1]] = dynptrSlots(dynptrReg(env.store.ZERO, kind, name, refId));
  return 0;
}

/** A dynptr that the helper reads, writes through or gives back. @returns 0 or -errno */
export function checkDynptr(env: Env, r: number, meta: CallMeta): number {
  const reg = env.regs[r];
  if (reg.type === REG.DYNPTR) {
    meta.dynptr = reg;
    return 0;
  }
  const slot = slotAt(env, r);
  if (!slot || !isDynptrStart(slot)) {
    return env.fail(ERRNO.EINVAL, `Expected an initialized dynptr as arg #${r - 1}`);
  }
  const place = placeOf(env, r)!;
  for (const half of [place, place - 1]) {
    env.scratchSlot(half);
    env.liveStack.recordRead(reg.frame, half);
  }
  meta.dynptr = slot.reg;
  return 0;
}

/** A dynptr on the stack that the helper takes away. @returns 0 or -EINVAL */
export function checkOwnedDynptr(env: Env, r: number): number {
  return slotAt(env, r)?.reg.refId ? 0 : env.fail(ERRNO.EINVAL, `arg ${r} is an unacquired reference`);
}

/** The dynptr in argument `r`, which passed the check, is given back. @returns 0 or -EINVAL */
export function releaseDynptr(env: Env, r: number): number {
  const reg = env.regs[r];
  if (reg.type === REG.DYNPTR) return env.fail(ERRNO.EINVAL, 'cannot release unowned const bpf_dynptr');
  const place = placeOf(env, r)!;
  const { refId } = env.cur.frames[reg.frame].stack[place].reg;
  forgetDynptr(env, reg.frame, place);
  return release(env, refId);
}

/** bpf_dynptr_from_mem() makes dynptrs over values of maps only. @returns 0 or -EACCES */
export function checkFromMem(env: Env): number {
  const { type } = env.regs[1];
  if (type === REG.MAP_VALUE) return 0;
  return env.fail(ERRNO.EACCES, `Unsupported reg type ${typeName(type)} for bpf_dynptr_from_mem data`);
}
