/**
 * Pointer plus or minus number (@kernel adjust_ptr_min_max_vals). A known number moves the fixed offset, an unknown one
 * makes a new variable offset; a packet pointer then starts over with a new id and nothing checked.
 * Rejects (EACCES): arithmetic on pointers that may be null, on kinds that must not move, 32-bit and bitwise operators,
 * subtraction from the frame or of a pointer from a number; (EINVAL) offsets beyond ±2^29.
 */
import { ERRNO } from '../../errors/index.ts';
import { ALU, CLASS, type Instruction } from '../../isa/index.ts';
import type { Env } from '../env.ts';
import { isPacket, MAX_VAR_OFF, mayBeNull, baseType, REG, Reg, scalar, typeName, UNTRUSTED } from '../state/reg.ts';
import { checkMovedBounds, sanitizeMove, sanitizeMoved, with32 } from './sanitize.ts';

const SYMBOL: Record<number, string> = {
  [ALU.ADD]: '+=',
  [ALU.SUB]: '-=',
  [ALU.MUL]: '*=',
  [ALU.DIV]: '/=',
  [ALU.OR]: '|=',
  [ALU.AND]: '&=',
  [ALU.LSH]: '<<=',
  [ALU.RSH]: '>>=',
  [ALU.NEG]: 'neg',
  [ALU.MOD]: '%=',
  [ALU.XOR]: '^=',
  [ALU.MOV]: '=',
  [ALU.ARSH]: 's>>=',
  [ALU.END]: 'endian',
};
export const aluSymbol = (op: number): string => SYMBOL[op] ?? '';

/** Whether the value can be added to a pointer of kind `type`, or be one, without leaving ±2^29. */
function isSaneOffset(env: Env, reg: Reg, type: number): boolean {
  const { store } = env;
  const smin = store.sminN(reg.s);
  const known = store.isConst(reg.s) ? store.constNumber(reg.s) : 0;
  if (Math.abs(smin) < MAX_VAR_OFF && Math.abs(reg.off) < MAX_VAR_OFF && Math.abs(known) < MAX_VAR_OFF) return true;
  const kind = typeName(type);
  let problem = '';
  if (store.isConst(reg.s) && !(Math.abs(store.constNumber(reg.s)) < MAX_VAR_OFF)) {
    const value = BigInt.asIntN(64, store.constValue(reg.s));
    problem = `math between ${kind} pointer and ${value} is not allowed`;
  } else if (Math.abs(reg.off) >= MAX_VAR_OFF) {
    problem = `${kind} pointer offset ${reg.off} is not allowed`;
  } else if (store.smin(reg.s) === -(1n << 63n)) {
    problem = `math between ${kind} pointer and register with unbounded min value is not allowed`;
  } else if (Math.abs(smin) >= MAX_VAR_OFF) {
    problem = `value ${store.smin(reg.s)} makes ${kind} pointer be out of bounds`;
  }
  if (problem) env.log.write(`${problem}\n`);
  return !problem;
}

/** Kinds that may move by anything. */
const MOVABLE = new Set<number>([
  REG.CTX,
  REG.MAP_VALUE,
  REG.MAP_KEY,
  REG.STACK,
  REG.PACKET_META,
  REG.PACKET,
  REG.TP_BUFFER,
  REG.BTF_ID,
  REG.MEM,
  REG.BUF,
  REG.FUNC,
  REG.DYNPTR,
]);

/** Whether a pointer of this kind may take part at all; adding a known 0 is always harmless to a map pointer. */
function isMovable(type: number, known: boolean, value: number, op: number): boolean {
  const base = baseType(type);
  if (MOVABLE.has(base)) return true;
  if (base === REG.FLOW_KEYS && known) return true;
  return (base === REG.FLOW_KEYS || base === REG.MAP_PTR) && known && value === 0 && op === ALU.ADD;
}

/** `ptr` ± `off` when the result is a pointer; `off` known moves the fixed part while it fits 32 bits. */
function move(env: Env, op: number, ptr: Reg, off: Reg): Reg {
  const { store } = env;
  const add = op === ALU.ADD;
  if (store.isConst(off.s)) {
    const delta = store.sminN(off.s);
    const fixed = add ? ptr.off + delta : ptr.off - delta;
    if (fixed === (fixed | 0)) return ptr.withOffset(fixed, with32(env, ptr.s));
  }
  const s = store.pointerOffset(op, ptr.s, off.s);
  if (!isPacket(ptr.type)) return ptr.withOffset(ptr.off, s);
  // A new base: distances to pointers derived from the old one are unknown.
  const keepsRange = !add && store.sminN(off.s) >= 0;
  return new Reg(ptr.type, s, ptr.off, ++env.idGen, 0, ptr.refId, ptr.map, keepsRange ? ptr.range : 0, ptr.frame);
}

/**
 * Linux keeps the frame of what was in the destination, so a number to which a stack pointer is added becomes a pointer
 * into the main program's frame. Verdicts follow it.
 */
function inFirstFrame(ptr: Reg): Reg {
  if (ptr.frame === 0) return ptr;
  return new Reg(ptr.type, ptr.s, ptr.off, ptr.id, ptr.linked, ptr.refId, ptr.map, ptr.range, 0);
}

/** Memory of an unknown size that may not be there. */
const isUntrustedMemory = ({ type }: Reg): boolean => baseType(type) === REG.MEM && (type & UNTRUSTED) !== 0;

/**
 * `dst op= …` where one side is the pointer `ptr` and the other the number `off`; `swapped` when the number is in dst.
 * Sets the destination register. @returns 0 or -errno
 */
export function pointerAlu(env: Env, insn: Instruction, ptr: Reg, off: Reg, swapped: boolean): number {
  const { store } = env;
  const { dst } = insn;
  const op = insn.opcode & 0xf0;
  if (store.crossed(off.s)) {
    // The number's range is empty: dead code.
    env.regs[dst] = env.unknown();
    return 0;
  }
  if ((insn.opcode & 7) !== CLASS.ALU64) {
    if (op === ALU.SUB && env.perfmonCapable) {
      env.regs[dst] = env.unknown();
      return 0;
    }
    return env.fail(ERRNO.EACCES, `R${dst} 32-bit pointer arithmetic prohibited`);
  }
  // Loads there never fault, so that nobody counts offsets: the destination stays what it was.
  if (isUntrustedMemory(ptr)) return 0;
  if (mayBeNull(ptr.type)) {
    return env.fail(
      ERRNO.EACCES,
      `R${dst} pointer arithmetic on ${typeName(ptr.type)} prohibited, null-check it first`,
    );
  }
  const known = store.isConst(off.s);
  if (!isMovable(ptr.type, known, known ? store.sminN(off.s) : NaN, op)) {
    return env.fail(ERRNO.EACCES, `R${dst} pointer arithmetic on ${typeName(ptr.type)} prohibited`);
  }
  if (!isSaneOffset(env, off, ptr.type) || !isSaneOffset(env, ptr, ptr.type)) return -ERRNO.EINVAL;
  const mask = sanitizeMove(env, insn, ptr, off, swapped);
  if (typeof mask === 'number') return mask;
  switch (op) {
    case ALU.ADD:
      break;
    case ALU.SUB:
      if (swapped) return env.fail(ERRNO.EACCES, `R${dst} tried to subtract pointer from scalar`);
      if (ptr.type === REG.STACK) return env.fail(ERRNO.EACCES, `R${dst} subtraction from stack pointer prohibited`);
      break;
    case ALU.AND:
    case ALU.OR:
    case ALU.XOR:
      return env.fail(ERRNO.EACCES, `R${dst} bitwise operator ${aluSymbol(op)} on pointer prohibited`);
    default:
      return env.fail(ERRNO.EACCES, `R${dst} pointer arithmetic with ${aluSymbol(op)} operator prohibited`);
  }
  const result = swapped ? inFirstFrame(move(env, op, ptr, off)) : move(env, op, ptr, off);
  env.regs[dst] = result;
  if (!isSaneOffset(env, result, ptr.type)) return -ERRNO.EINVAL;
  return checkMovedBounds(env, dst) || sanitizeMoved(env, insn, mask, swapped);
}

/** The immediate of the current instruction, as a register. */
export const immediate = (env: Env, imm: number): Reg =>
  (env.immediates[env.insnIdx] ??= scalar(env.store.constantNumber(imm)));
