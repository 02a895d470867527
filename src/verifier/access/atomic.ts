/**
 * Atomic operations; that the operation and its size exist was checked with the instruction's fields. Rejects (EACCES):
 * targets in the context, packets, flow keys and sockets (looked at before the access by read-modify-write operations,
 * after it by load-acquire and store-release), unaligned targets.
 */
import { ERRNO } from '../../errors/index.ts';
import { accessSize, ATOMIC, type Instruction } from '../../isa/index.ts';
import type { Env } from '../env.ts';
import { leaksPointer, readReg, writeReg } from '../state/access-reg.ts';
import { baseType, REG, typeName } from '../state/reg.ts';
import { checkMem, rememberKind } from './mem.ts';

const FORBIDDEN = new Set<number>([
  REG.CTX,
  REG.PACKET,
  REG.PACKET_META,
  REG.FLOW_KEYS,
  REG.SOCKET,
  REG.SOCK_COMMON,
  REG.TCP_SOCK,
  REG.XDP_SOCK,
]);

export function checkAtomic(env: Env, insn: Instruction): number {
  if (insn.imm === ATOMIC.LOAD_ACQ) return checkLoadAcquire(env, insn);
  if (insn.imm === ATOMIC.STORE_REL) return checkStoreRelease(env, insn);
  return checkReadModifyWrite(env, insn);
}

/** Whether atomics may touch what `r`, a pointer of that type, points to. @kernel atomic_ptr_type_ok */
function checkTarget(env: Env, r: number, type: number, what: string): number {
  if (!FORBIDDEN.has(baseType(type))) return 0;
  return env.fail(ERRNO.EACCES, `BPF_ATOMIC ${what} R${r} ${typeName(type)} is not allowed`);
}

function checkReadModifyWrite(env: Env, insn: Instruction): number {
  const { dst, src, off, imm } = insn;
  const size = accessSize(insn.opcode);
  let err = readReg(env, src) || readReg(env, dst);
  if (err) return err;
  if (imm === ATOMIC.CMPXCHG) {
    err = readReg(env, 0);
    if (err) return err;
    if (leaksPointer(env, env.regs[0])) return env.fail(ERRNO.EACCES, 'R0 leaks addr into mem');
  }
  if (leaksPointer(env, env.regs[src])) return env.fail(ERRNO.EACCES, `R${src} leaks addr into mem`);
  err = checkTarget(env, dst, env.regs[dst].type, 'stores into');
  if (err) return err;
  let loaded = -1;
  if (imm & ATOMIC.FETCH) {
    loaded = imm === ATOMIC.CMPXCHG ? 0 : src;
    err = writeReg(env, loaded);
    if (err) return err;
    env.regs[loaded] = env.unknown();
  }
  const access = { ptr: dst, off, size, aligned: true };
  err = checkMem(env, { ...access, write: false, value: -1 });
  // The old value is loaded only once the plain read was found right.
  if (!err && loaded >= 0) err = checkMem(env, { ...access, write: false, value: loaded });
  return err || checkMem(env, { ...access, write: true, value: -1 });
}

function checkLoadAcquire(env: Env, insn: Instruction): number {
  const { dst, src, off } = insn;
  const size = accessSize(insn.opcode);
  const err = readReg(env, src) || writeReg(env, dst);
  if (err) return err;
  const { type } = env.regs[src];
  return (
    checkMem(env, { ptr: src, off, size, write: false, value: dst, aligned: true }) ||
    rememberKind(env, type) ||
    checkTarget(env, src, type, 'loads from')
  );
}

function checkStoreRelease(env: Env, insn: Instruction): number {
  const { dst, src, off } = insn;
  const size = accessSize(insn.opcode);
  const err = readReg(env, src) || readReg(env, dst);
  if (err) return err;
  const { type } = env.regs[dst];
  return (
    checkMem(env, { ptr: dst, off, size, write: true, value: src, aligned: true }) ||
    rememberKind(env, type) ||
    checkTarget(env, dst, type, 'stores into')
  );
}
