/**
 * Global functions: verified once, on their own, for all arguments that their prototype allows; a caller is checked against
 * the prototype and learns nothing from the call (@kernel btf_check_func_arg_match).
 * Rejects (EINVAL): `R%d is not a scalar`, `arg#%d expected pointer to stack or const struct bpf_dynptr`, `arg#%d expects pointer to ctx`, `arg#%d is expected to be non-NULL`, `Caller
 * passes invalid args into func#%d ('%s')`, `global function calls are not allowed while holding a lock,`, `At subprogram exit the register R0 is not a scalar value (%s)`.
 */
import { ERRNO } from '../../errors/index.ts';
import { checkUnmoved, isCtxMemory } from '../access/ctx.ts';
import type { Env } from '../env.ts';
import { argsOf } from '../func-args.ts';
import type { FuncArg, FunctionInfo } from '../insn-aux.ts';
import { structId } from '../kernel-types.ts';
import { clobberCallerSaved, leaksPointer, readReg } from '../state/access-reg.ts';
import { DYNPTR, dynptrReg } from '../state/dynptr.ts';
import {
  baseType,
  MAYBE_NULL,
  mayBeNull,
  pointer,
  RCU,
  RDONLY,
  type Reg,
  REG,
  TRUSTED,
  typeName,
  UNTRUSTED,
} from '../state/reg.ts';
import { checkHolds } from './arg-btf.ts';
import { checkMemory } from './arg-mem.ts';
import { newMeta } from './call-meta.ts';
import { checkDynptr } from './dynptr.ts';
import { heldLock } from '../state/refs.ts';
import { changesPacket, maySleep } from './effects.ts';
import { isSleepable } from './sleep.ts';
import { forgetPacketPointers } from './packet-pointers.ts';

/** Numbers, and kinds of memory, which may be passed at any offset. */
const MAY_MOVE = new Set<number>([
  REG.SCALAR,
  REG.STACK,
  REG.PACKET,
  REG.PACKET_META,
  REG.MAP_KEY,
  REG.MAP_VALUE,
  REG.MEM,
  REG.BUF,
]);

const OBJECTS = new Set<number>([REG.BTF_ID, REG.BTF_ID | TRUSTED, REG.BTF_ID | RCU]);

/** Whether the arguments fit the prototype; for static functions only noted. @returns 0 or -errno */
export function checkArguments(env: Env, func: FunctionInfo): number {
  if (func.unreliable) return -ERRNO.EINVAL;
  const args = argsOf(env, func);
  const err = typeof args === 'number' ? args : checkEach(env, args);
  // Compilers change static functions: their description need not be true.
  if (err) func.unreliable = true;
  return err;
}

function checkEach(env: Env, args: readonly FuncArg[]): number {
  for (let i = 0; i < args.length; i++) {
    const err = checkArg(env, i, args[i]);
    if (err) return err;
  }
  return 0;
}

function checkArg(env: Env, i: number, arg: FuncArg): number {
  const r = i + 1;
  const reg = env.regs[r];
  if (arg.kind === 'scalar') {
    return reg.type === REG.SCALAR ? 0 : env.fail(ERRNO.EINVAL, `R${r} is not a scalar`);
  }
  if (arg.kind === 'untrusted') return 0;
  if (arg.kind === 'trusted') return checkTrustedArg(env, r, reg, arg);
  const err = MAY_MOVE.has(baseType(reg.type)) ? 0 : checkUnmoved(env, reg, r);
  if (err) return err;
  if (arg.kind === 'ctx') {
    return reg.type === REG.CTX ? 0 : env.fail(ERRNO.EINVAL, `arg#${i} expects pointer to ctx`);
  }
  if (arg.kind === 'dynptr') {
    const isPlace = reg.type === REG.STACK || reg.type === REG.DYNPTR;
    if (isPlace) return checkDynptr(env, r, newMeta());
    return env.fail(ERRNO.EINVAL, `arg#${i} expected pointer to stack or const struct bpf_dynptr`);
  }
  if (checkMemArg(env, r, reg, arg.size)) return -ERRNO.EINVAL;
  if (arg.nullable || !mayBeNull(reg.type)) return 0;
  return env.fail(ERRNO.EINVAL, `arg#${i} is expected to be non-NULL`);
}

/** A kernel object that stays. @returns 0 or -errno */
function checkTrustedArg(env: Env, r: number, reg: Reg, arg: Extract<FuncArg, { kind: 'trusted' }>): number {
  if (arg.nullable && reg.type === REG.SCALAR && reg.s === env.store.ZERO) return 0;
  const type = arg.nullable ? reg.type & ~MAYBE_NULL : reg.type;
  if (!OBJECTS.has(type)) {
    return env.fail(ERRNO.EACCES, `R${r} type=${typeName(reg.type)} expected=ptr_, trusted_ptr_, rcu_ptr_`);
  }
  return checkHolds(env, r, structId(env, arg.struct)) || checkUnmoved(env, reg, r, true);
}

/** `size` bytes to read and write, or null. @kernel check_mem_reg */
function checkMemArg(env: Env, r: number, reg: Reg, size: number): number {
  if (reg.type === REG.SCALAR && reg.s === env.store.ZERO) return 0;
  const base = baseType(reg.type);
  const isMemory = base === REG.CTX ? isCtxMemory(env) : MAY_MOVE.has(base) || base === REG.BTF_ID;
  if (!isMemory) {
    return env.fail(ERRNO.EACCES, `R${r} type=${typeName(reg.type)} expected=fp`);
  }
  // The function looks whether it is null.
  if (mayBeNull(reg.type)) env.regs[r] = reg.withType(reg.type & ~MAYBE_NULL);
  const err = checkMemory(env, r, size, false, true) || checkMemory(env, r, size, true, true);
  env.regs[r] = reg;
  return err;
}

/** Whether an argument that the function never finds null is null: Linux does not mind, and reads through it. */
function passesNull(env: Env, func: FunctionInfo): boolean {
  const args = argsOf(env, func);
  if (typeof args === 'number') return false;
  const isNull = ({ type, s }: Reg): boolean => type === REG.SCALAR && s === env.store.ZERO;
  return args.some((arg, i) => arg.kind === 'mem' && !arg.nullable && isNull(env.regs[i + 1]));
}

/** A call of global function `index`, which is verified later. `err`: what its arguments are worth. */
export function checkGlobalCall(env: Env, index: number, err: number): number {
  const { func } = env.aux.subprogs[index];
  const name = `func#${index} ('${func!.name}')`;
  if (heldLock(env.cur.refs)) {
    const text = 'global function calls are not allowed while holding a lock,\nuse static function instead';
    return env.fail(ERRNO.EINVAL, text);
  }
  if (maySleep(env)[index] && !isSleepable(env)) {
    env.log.write('global functions that may sleep are not allowed in non-sleepable context,\n');
    env.log.write('i.e., in a RCU/IRQ/preempt-disabled section, or in\n');
    return env.fail(ERRNO.EINVAL, 'a non-sleepable BPF program context');
  }
  if (err) {
    env.log.write(`Caller passes invalid args into ${name}\n`);
    return err;
  }
  env.log.write(`F${name.slice(1)} is global and assumed valid.\n`);
  env.passesNull ||= passesNull(env, func!);
  if (changesPacket(env)[index]) forgetPacketPointers(env);
  func!.called = true;
  clobberCallerSaved(env);
  env.regs[0] = env.unknown();
  env.insnIdx++;
  return 0;
}

/** What a global function knows of an argument when it starts. */
export function argumentReg(env: Env, arg: FuncArg): Reg {
  switch (arg.kind) {
    case 'scalar':
      return env.unknown();
    case 'ctx':
      return pointer(REG.CTX, env.store.ZERO);
    case 'dynptr':
      return dynptrReg(env.store.ZERO, DYNPTR.LOCAL, ++env.idGen, 0);
    case 'trusted': {
      const type = REG.BTF_ID | TRUSTED | (arg.nullable ? MAYBE_NULL : 0);
      return pointer(type, env.store.ZERO, ++env.idGen, arg.struct);
    }
    case 'untrusted':
      return arg.struct < 0
        ? pointer(REG.MEM | RDONLY | UNTRUSTED, env.store.ZERO)
        : pointer(REG.BTF_ID | UNTRUSTED, env.store.ZERO, ++env.idGen, arg.struct);
    case 'mem': {
      const type = arg.nullable ? REG.MEM | MAYBE_NULL : REG.MEM;
      return pointer(type, env.store.ZERO, arg.nullable ? ++env.idGen : 0, -1, arg.size);
    }
  }
}

/** `exit` of a global function. */
export function checkGlobalExit(env: Env): number {
  const err = readReg(env, 0);
  if (err) return err;
  const reg = env.regs[0];
  if (leaksPointer(env, reg)) return env.fail(ERRNO.EACCES, 'R0 leaks addr as return value');
  if (reg.type === REG.SCALAR) return 0;
  const text = `At subprogram exit the register R0 is not a scalar value (${typeName(reg.type)})`;
  return env.fail(ERRNO.EINVAL, text);
}
