/**
 * One instruction: dispatch by class (@kernel do_check_insn). Sets `env.insnIdx` to the next one.
 */
import { accessSize, CALL, CLASS, EXIT, type Instruction, LD_IMM64, MODE } from '../isa/index.ts';
import { CALL_PSEUDO } from '../uapi/index.ts';
import { checkAtomic } from './access/atomic.ts';
import { checkMem, rememberKind } from './access/mem.ts';
import { checkFunctionLoad } from './call/callback.ts';
import { checkHelperCall } from './call/helper.ts';
import { checkLdAbs } from './call/ld-abs.ts';
import { checkCallUnderLock } from './call/lock.ts';
import { checkLeaks } from './call/refs.ts';
import { checkLocalCall, returnByLoad, returnByTailCall, returnToCaller } from './call/subprog.ts';
import { isTailCall } from './call/tail-call.ts';
import { isGoto, isMayGoto, jumpTarget } from './cfg.ts';
import { UnsupportedConstruct } from './context.ts';
import { passUnresolvedCall } from './kfunc.ts';
import type { Env } from './env.ts';
import { checkExit } from './exit.ts';
import { checkFields } from './insns.ts';
import { checkMayGoto } from './may-goto.ts';
import { readReg, writeReg } from './state/access-reg.ts';
import { pointer, REG, scalar } from './state/reg.ts';
import { isFunctionReference } from './subprogs.ts';
import { checkAlu } from './value/alu.ts';
import { checkBranch } from './value/branch.ts';

/** What became of the path. */
export const STEP = { NEXT: 0, PATH_ENDS: 1 } as const;

/** @returns STEP.NEXT, STEP.PATH_ENDS, or -errno */
export function step(env: Env): number {
  const insn = env.insns[env.insnIdx];
  const { checked } = env.aux;
  if (checked[env.insnIdx] === 0) {
    const err = checkFields(env, env.insnIdx);
    if (err) return err;
    checked[env.insnIdx] = 1;
  }
  switch (insn.opcode & 7) {
    case CLASS.ALU:
    case CLASS.ALU64:
      return advance(env, checkAlu(env, insn));
    case CLASS.LDX:
      return advance(env, checkLoad(env, insn));
    case CLASS.STX:
      if ((insn.opcode & 0xe0) === MODE.ATOMIC) return advance(env, checkAtomic(env, insn));
      return advance(env, checkStore(env, insn, insn.src));
    case CLASS.ST:
      return advance(env, checkStore(env, insn, -1));
    case CLASS.LD:
      return insn.opcode === LD_IMM64 ? checkLdImm64(env, insn) : checkLegacyLoad(env, insn);
    default:
      env.jmpsProcessed++;
      return checkJump(env, insn);
  }
}

function advance(env: Env, err: number): number {
  if (!err) env.insnIdx++;
  return err;
}

function checkLoad(env: Env, insn: Instruction): number {
  const { dst, src, off } = insn;
  const err = readReg(env, src) || writeReg(env, dst);
  if (err) return err;
  const { type } = env.regs[src];
  const signed = (insn.opcode & 0xe0) === MODE.MEMSX;
  const access = { ptr: src, off, size: accessSize(insn.opcode), write: false, value: dst, signed };
  return checkMem(env, access) || rememberKind(env, type);
}

/** A store of register `value`, or of the immediate where it is -1. */
function checkStore(env: Env, insn: Instruction, value: number): number {
  const { dst, off } = insn;
  const err = (value >= 0 && readReg(env, value)) || readReg(env, dst);
  if (err) return err;
  const { type } = env.regs[dst];
  const access = { ptr: dst, off, size: accessSize(insn.opcode), write: true, value };
  return checkMem(env, access) || rememberKind(env, type);
}

function checkLdImm64(env: Env, insn: Instruction): number {
  const err = writeReg(env, insn.dst);
  if (err) return err;
  const { store, aux } = env;
  const ref = aux.mapRefs.get(env.insnIdx);
  if (ref) {
    const type = ref.valueOffset === undefined ? REG.MAP_PTR : REG.MAP_VALUE;
    const reg = pointer(type, store.ZERO, 0, ref.map);
    env.regs[insn.dst] = reg.withOffset(ref.valueOffset ?? 0, reg.s);
  } else if (isFunctionReference(insn)) {
    const bad = checkFunctionLoad(env, insn);
    if (bad) return bad;
  } else if (insn.src !== 0) {
    throw new UnsupportedConstruct(`ld_imm64 of kind ${insn.src}`);
  } else {
    env.regs[insn.dst] = scalar(store.constant32(insn.imm, env.insns[env.insnIdx + 1].imm));
  }
  env.insnIdx += 2;
  return 0;
}

function checkLegacyLoad(env: Env, insn: Instruction): number {
  const err = checkLdAbs(env, insn);
  return !err && env.cur.frames.length > 1 ? returnByLoad(env) : advance(env, err);
}

function checkJump(env: Env, insn: Instruction): number {
  if (insn.opcode === CALL) {
    const err = checkCallUnderLock(env, insn);
    if (err) return err;
    if (insn.src !== CALL_PSEUDO.HELPER) {
      if (insn.src === CALL_PSEUDO.CALL) return checkLocalCall(env, insn);
      return advance(env, passUnresolvedCall(env));
    }
    const bad = checkHelperCall(env, insn);
    const leaves = !bad && isTailCall(insn) && env.cur.frames.length > 1;
    return leaves ? returnByTailCall(env) : advance(env, bad);
  }
  if (insn.opcode === EXIT) {
    if (env.cur.frames.length > 1) return returnToCaller(env);
    return checkLeaks(env, 'BPF_EXIT instruction in main prog') || checkExit(env) || STEP.PATH_ENDS;
  }
  if (isGoto(insn)) {
    env.insnIdx = jumpTarget(insn, env.insnIdx);
    return STEP.NEXT;
  }
  if (isMayGoto(insn)) return checkMayGoto(env, insn);
  return checkBranch(env, insn);
}
