/**
 * Conditional jumps (@kernel check_cond_jmp_op): which way they can go, and what each way teaches. A comparison teaches
 * the numbers compared, every number linked to them, whether a pointer is null, and how far a packet reaches.
 * Rejects (EACCES): `R%d pointer comparison prohibited`.
 */
import type { ScalarStore } from '../../domain/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { CLASS, type Instruction, JMP, SRC } from '../../isa/index.ts';
import type { Env } from '../env.ts';
import { checkOperands } from '../insns.ts';
import { printInsnState } from '../log/state-text.ts';
import { immediate } from '../pointer/arith.ts';
import { pushGuessedWay } from '../pointer/sanitize.ts';
import { markPrecise } from '../precision/backtrack.ts';
import { pushHistory } from '../precision/history.ts';
import { leaksPointer, readReg } from '../state/access-reg.ts';
import {
  AT_PKT_END,
  baseType,
  BEYOND_PKT_END,
  isPacket,
  isTrusted,
  mayBeNull,
  REG,
  type Reg,
  UNTRUSTED,
} from '../state/reg.ts';
import { HISTORY, type LinkedReg, type State } from '../state/state.ts';
import { pushPath } from '../paths.ts';
import { consistent } from './invariants.ts';
import { collectLinked, syncLinked } from './linked.ts';
import { learnNull, mayBeLiftedNull } from './null.ts';
import { learnPacketRange } from './packet-range.ts';

/** The comparison with its sides exchanged: `a op b` is `b flip(op) a`. */
export const FLIPPED: Record<number, number> = {
  [JMP.JEQ]: JMP.JEQ,
  [JMP.JNE]: JMP.JNE,
  [JMP.JSET]: JMP.JSET,
  [JMP.JGE]: JMP.JLE,
  [JMP.JGT]: JMP.JLT,
  [JMP.JLE]: JMP.JGE,
  [JMP.JLT]: JMP.JGT,
  [JMP.JSGE]: JMP.JSLE,
  [JMP.JSGT]: JMP.JSLT,
  [JMP.JSLE]: JMP.JSGE,
  [JMP.JSLT]: JMP.JSGT,
};

const isAnyPacket = (reg: Reg): boolean => isPacket(reg.type) || reg.type === REG.PACKET_END;
const isPointer = (reg: Reg): boolean => reg.type !== REG.SCALAR;

/** Walk a conditional jump: sets `env.insnIdx` to the way that is walked first. @returns 0 or -errno */
export function checkBranch(env: Env, insn: Instruction): number {
  const { dst, src } = insn;
  const op = insn.opcode & 0xf0;
  const is32 = (insn.opcode & 7) === CLASS.JMP32;
  const byReg = (insn.opcode & SRC.X) !== 0;
  let err = readReg(env, dst) || checkOperands(env, env.insnIdx);
  if (err) return err;
  const a = env.regs[dst];
  if (byReg) {
    err = readReg(env, src);
    if (err) return err;
    if (!(isAnyPacket(a) && isAnyPacket(env.regs[src])) && leaksPointer(env, env.regs[src])) {
      return env.fail(ERRNO.EACCES, `R${src} pointer comparison prohibited`);
    }
  }
  const b = byReg ? env.regs[src] : immediate(env, insn.imm);
  const stackFlags =
    (byReg && b.type === REG.STACK ? HISTORY.SRC_REG_STACK : 0) | (a.type === REG.STACK ? HISTORY.DST_REG_STACK : 0);
  if (stackFlags) pushHistory(env, stackFlags);

  const taken = branchTaken(env, a, b, op, is32);
  if (taken >= 0) {
    if (!isPointer(a)) err = markPrecise(env, dst);
    if (byReg && !err && !isPointer(b)) err = markPrecise(env, src);
    if (err) return err;
    const jump = env.insnIdx + insn.off + 1;
    err = pushGuessedWay(env, insn, taken ? env.insnIdx + 1 : jump);
    if (err) return err;
    printInsnState(env, env.cur);
    env.insnIdx = taken ? jump : env.insnIdx + 1;
    return 0;
  }
  return splitPaths(env, insn, b, op, is32, byReg);
}

function splitPaths(env: Env, insn: Instruction, constant: Reg, op: number, is32: boolean, byReg: boolean): number {
  const { dst, src } = insn;
  const linked: LinkedReg[] = [];
  if (byReg) joinGroup(env, env.regs[src], linked);
  joinGroup(env, env.regs[dst], linked);
  // A group that is too large lets registers go, these two perhaps among them.
  const a = env.regs[dst];
  const b = byReg ? env.regs[src] : constant;
  if (linked.length > 1) pushHistory(env, 0, undefined, linked);

  const here = env.cur;
  const other = pushPath(env, env.insnIdx + insn.off + 1, env.insnIdx);
  if (!other) return -ERRNO.EFAULT;
  learnScalars(env, insn, a, b, op, is32, byReg, other);
  if (linked.length) {
    for (const state of [here, other]) {
      if (byReg && b.type === REG.SCALAR && b.id) syncLinked(env, state, state.top.regs[src], linked);
      if (a.type === REG.SCALAR && a.id) syncLinked(env, state, state.top.regs[dst], linked);
    }
  }
  if (!is32 && byReg) learnNotNull(env, a, b, op, insn, here, other);
  const nullCheck = !is32 && !byReg && insn.imm === 0 && (op === JMP.JEQ || op === JMP.JNE) && mayBeNull(a.type);
  if (nullCheck) {
    learnNull(env, here, dst, op === JMP.JNE);
    learnNull(env, other, dst, op === JMP.JEQ);
  } else if (!(byReg && !is32 && learnPacketRange(env, op, insn, a, b, here, other)) && leaksPointer(env, a)) {
    return env.fail(ERRNO.EACCES, `R${dst} pointer comparison prohibited`);
  }
  printInsnState(env, here);
  env.insnIdx++;
  return 0;
}

function joinGroup(env: Env, reg: Reg, linked: LinkedReg[]): void {
  if (reg.type === REG.SCALAR && reg.id) collectLinked(env, reg.id, linked);
}

/** What the comparison says of the two numbers on each way. */
function learnScalars(
  env: Env,
  insn: Instruction,
  a: Reg,
  b: Reg,
  op: number,
  is32: boolean,
  byReg: boolean,
  other: State,
): void {
  if (isPointer(a) || isPointer(b)) return;
  const { store } = env;
  const same = byReg && insn.dst === insn.src;
  if (same) store.refineSame(op, is32, a.s, false);
  else store.refine(op, is32, a.s, b.s, false);
  const { outA, outB } = store;
  if (same) store.refineSame(op, is32, a.s, true);
  else store.refine(op, is32, a.s, b.s, true);
  // Linux looks for contradictions once both ways are known, the one that jumps first.
  const { regs } = other.top;
  const { outA: takenA, outB: takenB } = store;
  regs[insn.dst] = a.withScalar(consistent(env, takenA, 'true_reg1'));
  if (!same) {
    const known = consistent(env, takenB, 'true_reg2');
    if (byReg) regs[insn.src] = b.withScalar(known);
  }
  env.regs[insn.dst] = a.withScalar(consistent(env, outA, 'false_reg1'));
  if (!same) {
    const known = consistent(env, outB, 'false_reg2');
    if (byReg) env.regs[insn.src] = b.withScalar(known);
  }
}

/** A pointer that equals one that is not null is not null. */
function learnNotNull(env: Env, a: Reg, b: Reg, op: number, insn: Instruction, here: State, other: State): void {
  if (!isPointer(a) || !isPointer(b) || mayBeNull(a.type) === mayBeNull(b.type)) return;
  if (baseType(a.type) === REG.BTF_ID || baseType(b.type) === REG.BTF_ID) return;
  if (op !== JMP.JEQ && op !== JMP.JNE) return;
  const { regs } = (op === JMP.JEQ ? other : here).top;
  const r = mayBeNull(a.type) ? insn.dst : insn.src;
  regs[r] = mayBeLiftedNull(env, regs[r]);
}

const isConst = (store: ScalarStore, reg: Reg, is32: boolean): boolean =>
  reg.type === REG.SCALAR && (is32 ? store.isConst32(reg.s) : store.isConst(reg.s));

/** 1: always taken, 0: never, -1: both ways. @kernel is_branch_taken */
function branchTaken(env: Env, a: Reg, b: Reg, op: number, is32: boolean): number {
  const { store } = env;
  if (isAnyPacket(a) && isAnyPacket(b) && !is32) return packetBranchTaken(a, b, op);
  const direct = isConst(store, b, is32);
  const x = direct ? a : b;
  const y = direct ? b : a;
  const how = direct ? op : FLIPPED[op];
  if (isPointer(x)) {
    if (!isNeverNull(x) || !isConst(store, y, is32)) return -1;
    if ((is32 ? store.low32(y.s) : store.constNumber(y.s)) !== 0) return -1;
    return how === JMP.JEQ ? 0 : how === JMP.JNE ? 1 : -1;
  }
  if (isPointer(y)) return -1;
  return store.branchTaken(how, is32, x.s, y.s);
}

const NEVER_NULL = new Set<number>([
  REG.SOCKET,
  REG.TCP_SOCK,
  REG.MAP_VALUE,
  REG.MAP_KEY,
  REG.SOCK_COMMON,
  REG.MEM,
  REG.MAP_PTR,
]);
const isNeverNull = (reg: Reg): boolean =>
  !mayBeNull(reg.type) &&
  !(reg.type & UNTRUSTED) &&
  (baseType(reg.type) === REG.BTF_ID ? isTrusted(reg) : NEVER_NULL.has(baseType(reg.type)));

/** A pointer already known to lie at or beyond the packet's end, compared with it again. */
function packetBranchTaken(a: Reg, b: Reg, op: number): number {
  const swapped = b.type !== REG.PACKET_END;
  if (swapped && a.type !== REG.PACKET_END) return -1;
  const { range } = swapped ? b : a;
  const how = swapped ? FLIPPED[op] : op;
  if (range >= 0) return -1;
  if ((how === JMP.JLE || how === JMP.JGT) && range === BEYOND_PKT_END) return how === JMP.JGT ? 1 : 0;
  if ((how === JMP.JLT || how === JMP.JGE) && (range === BEYOND_PKT_END || range === AT_PKT_END)) {
    return how === JMP.JGE ? 1 : 0;
  }
  return -1;
}
