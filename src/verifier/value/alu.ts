/**
 * Arithmetic (@kernel check_alu_op): moves, numbers with numbers, pointers with numbers.
 * Rejects: what `checkOperands` does, `R%d pointer arithmetic prohibited`, `R%d partial copy of pointer`,
 * `R%d sign-extension part of pointer`, `R%d pointer %s pointer prohibited` (EACCES); see pointer/arith.ts for the rest.
 */
import { ERRNO } from '../../errors/index.ts';
import { ALU, CLASS, type Instruction, SRC } from '../../isa/index.ts';
import type { Env } from '../env.ts';
import { checkOperands } from '../insns.ts';
import { pushPath } from '../paths.ts';
import { aluSymbol, immediate, pointerAlu } from '../pointer/arith.ts';
import { sanitizeScalar } from '../pointer/sanitize.ts';
import { markPrecise } from '../precision/backtrack.ts';
import { leaksPointer, readReg, withScalarId, writeReg } from '../state/access-reg.ts';
import { REG, Reg, scalar } from '../state/reg.ts';
import { consistent } from './invariants.ts';

const is64 = (insn: Instruction): boolean => (insn.opcode & 7) === CLASS.ALU64;
const isReg = (insn: Instruction): boolean => (insn.opcode & SRC.X) !== 0;

/** Walk one instruction of class ALU or ALU64. @returns 0 or -errno */
export function checkAlu(env: Env, insn: Instruction): number {
  const op = insn.opcode & 0xf0;
  if (op === ALU.END || op === ALU.NEG) return checkUnary(env, insn, op);
  if (op === ALU.MOV) return isReg(insn) ? checkMoveReg(env, insn) : checkMoveImm(env, insn);
  return checkBinary(env, insn, op);
}

function checkUnary(env: Env, insn: Instruction, op: number): number {
  const { dst } = insn;
  const err = readReg(env, dst);
  if (err) return err;
  const reg = env.regs[dst];
  if (leaksPointer(env, reg)) return env.fail(ERRNO.EACCES, `R${dst} pointer arithmetic prohibited`);
  const bad = writeReg(env, dst);
  if (bad) return bad;
  if (reg.type !== REG.SCALAR) env.regs[dst] = env.unknown();
  else if (op === ALU.END && !is64(insn) && !isReg(insn) && insn.imm === 64)
    return 0; // As it is, links and all.
  else if (op === ALU.NEG) env.regs[dst] = scalar(is64(insn) ? env.store.neg64(reg.s) : env.store.neg32(reg.s));
  else env.regs[dst] = scalar(swapped(env, insn, reg.s));
  return 0;
}

/** ALU64|END swaps always; ALU|END converts to little (K) or big (X) endian. */
function swapped(env: Env, insn: Instruction, s: number): number {
  if (is64(insn)) return env.store.bswap(insn.imm, s);
  return isReg(insn) ? env.store.toBe(insn.imm, s) : env.store.toLe(insn.imm, s);
}

function checkMoveImm(env: Env, insn: Instruction): number {
  const err = writeReg(env, insn.dst);
  if (err) return err;
  const { store } = env;
  env.regs[insn.dst] = scalar(is64(insn) ? store.constantNumber(insn.imm) : store.constantNumber(insn.imm >>> 0));
  return 0;
}

function checkMoveReg(env: Env, insn: Instruction): number {
  const err = readReg(env, insn.src) || writeReg(env, insn.dst);
  if (err) return err;
  return is64(insn) ? moveReg64(env, insn) : moveReg32(env, insn);
}

function moveReg64(env: Env, insn: Instruction): number {
  const { regs, store } = env;
  const { dst, src } = insn;
  if (insn.off === 0) {
    regs[src] = withScalarId(env, regs[src]);
    const copy = regs[src];
    const s = consistent(env, copy.s, 'alu');
    regs[dst] = s === copy.s ? copy : copy.withScalar(s);
    return 0;
  }
  if (leaksPointer(env, regs[src])) return env.fail(ERRNO.EACCES, `R${src} sign-extension part of pointer`);
  if (regs[src].type !== REG.SCALAR) {
    regs[dst] = env.unknown();
    return 0;
  }
  const keeps = store.width(regs[src].s) < insn.off;
  if (keeps) regs[src] = withScalarId(env, regs[src]);
  const copy = regs[src];
  regs[dst] = (keeps ? copy : copy.withId(0)).withScalar(store.movsx(insn.off, true, copy.s));
  return 0;
}

function moveReg32(env: Env, insn: Instruction): number {
  const { regs, store } = env;
  const { dst, src } = insn;
  if (leaksPointer(env, regs[src])) return env.fail(ERRNO.EACCES, `R${src} partial copy of pointer`);
  if (regs[src].type !== REG.SCALAR) {
    regs[dst] = scalar(store.fromSize(4));
    return 0;
  }
  // Copies stay linked only where the move changes nothing.
  const width = insn.off === 0 ? 32 : insn.off - 1;
  const keeps = store.width(regs[src].s) <= width;
  if (keeps) regs[src] = withScalarId(env, regs[src]);
  const copy = regs[src];
  const s = insn.off === 0 ? store.zext32(copy.s) : store.zext32(store.movsx(insn.off, false, copy.s));
  regs[dst] = (keeps ? copy : copy.withId(0)).withScalar(s);
  return 0;
}

function checkBinary(env: Env, insn: Instruction, op: number): number {
  const { dst, src } = insn;
  let err = isReg(insn) ? readReg(env, src) : 0;
  err ||= readReg(env, dst);
  err ||= checkOperands(env, env.insnIdx);
  err ||= writeReg(env, dst);
  return err || combine(env, insn, op);
}

/** @kernel adjust_reg_min_max_vals */
function combine(env: Env, insn: Instruction, op: number): number {
  const { regs } = env;
  const a = regs[insn.dst];
  const b = isReg(insn) ? regs[insn.src] : immediate(env, insn.imm);
  const aIsPointer = a.type !== REG.SCALAR;
  const bIsPointer = b.type !== REG.SCALAR;
  if (aIsPointer && bIsPointer) {
    // The distance of two pointers is a number that only the trusted may know.
    if (op === ALU.SUB && env.perfmonCapable) {
      regs[insn.dst] = env.unknown();
      return 0;
    }
    return env.fail(ERRNO.EACCES, `R${insn.dst} pointer ${aluSymbol(op)} pointer prohibited`);
  }
  if (bIsPointer) return markPrecise(env, insn.dst) || pointerAlu(env, insn, b, a, true);
  if (aIsPointer) return (isReg(insn) && markPrecise(env, insn.src)) || pointerAlu(env, insn, a, b, false);
  const refused = sanitizeScalar(env, insn);
  if (refused) return refused;
  const { store } = env;
  let known = a.s;
  if (store.forks(op, a.s, b.s)) {
    // `w0 s>>= 31; w0 &= -134` chooses without a branch: what is 0 or -1 is walked as both.
    known = store.outA;
    const zero = store.outB;
    const other = pushPath(env, env.insnIdx, env.insnIdx);
    if (!other) return -ERRNO.EFAULT;
    other.top.regs[insn.dst] = a.withScalar(zero);
  }
  const result = is64(insn) ? store.alu64(op, insn.off, known, b.s) : store.alu32(op, insn.off, known, b.s);
  regs[insn.dst] = linkedSum(env, insn, op, a, b, consistent(env, result, 'alu'));
  return 0;
}

/**
 * Adding or subtracting a constant keeps the register linked, at a distance, to those it was copied from; anything else
 * breaks the link, and so does a second distance or one beyond 32 bits.
 */
function linkedSum(env: Env, insn: Instruction, op: number, a: Reg, b: Reg, s: number): Reg {
  const isSum = op === ALU.ADD || op === ALU.SUB;
  if (!a.id || !isSum || a.linked || !env.bpfCapable || (isReg(insn) && insn.src === insn.dst)) return scalar(s);
  const { store } = env;
  const wide = is64(insn);
  const isConst = wide ? store.isConst(b.s) : store.isConst32(b.s);
  // A 32-bit sum is at a distance only from what had no more than 32 bits before.
  if (!isConst || !(wide || store.width(a.s) <= 32)) return scalar(s);
  const added = wide ? store.sminN(b.s) : store.low32(b.s);
  const distance = op === ALU.SUB ? -added : added;
  if (distance !== (distance | 0)) return scalar(s);
  return new Reg(REG.SCALAR, s, distance, a.id, wide ? 64 : 32, 0, -1, 0, 0);
}
