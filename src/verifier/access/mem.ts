/**
 * Every load and store: which region, then its rules (@kernel check_mem_access).
 * Rejects (EACCES): `R%d invalid mem access '%s'`, `R%d leaks addr into …`, `cannot write into packet`,
 * `same insn cannot be used with different pointers` (EINVAL); the regions' files have the rest.
 */
import { ERRNO } from '../../errors/index.ts';
import { PROG_TYPE } from '../../uapi/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { leaksPointer } from '../state/access-reg.ts';
import { baseType, mayBeNull, REG, type Reg, typeName } from '../state/reg.ts';
import { checkAlignment } from './alignment.ts';
import { checkBuf } from './buf.ts';
import { checkBtfPointer } from './btf.ts';
import { checkCtx } from './ctx.ts';
import { checkFlowKeys } from './flow-keys.ts';
import { checkMapPtr } from './map-ptr.ts';
import { checkMapValue } from './map-value.ts';
import { checkMemRegion } from './mem-region.ts';
import { checkPacket, checkRegion } from './region.ts';
import { checkSocket } from './socket.ts';
import { checkStackBounds, checkStackRead, checkStackWrite } from './stack.ts';
import { checkTpBuffer } from './tp-buffer.ts';

/** One access of memory by an instruction. */
export interface Access {
  /** Register that points. */
  readonly ptr: number;
  readonly off: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly write: boolean;
  /** Register that is loaded or stored, -1 where none is (immediates, the memory side of atomics). */
  readonly value: number;
  /** Must be aligned on every machine (atomics). */
  readonly aligned?: boolean;
  /** A load that extends the sign. */
  readonly signed?: boolean;
}

/** Program types that may use packet pointers: for loads and stores, and given to a helper that takes them. */
const PACKET_TYPES = new Set<number>([
  PROG_TYPE.SCHED_CLS,
  PROG_TYPE.SCHED_ACT,
  PROG_TYPE.XDP,
  PROG_TYPE.LWT_XMIT,
  PROG_TYPE.SK_SKB,
  PROG_TYPE.SK_MSG,
  PROG_TYPE.CGROUP_SOCKOPT,
]);
const PACKET_READ_TYPES = new Set<number>([
  PROG_TYPE.LWT_IN,
  PROG_TYPE.LWT_OUT,
  PROG_TYPE.LWT_SEG6LOCAL,
  PROG_TYPE.SK_REUSEPORT,
  PROG_TYPE.FLOW_DISSECTOR,
  PROG_TYPE.CGROUP_SKB,
]);

/** @kernel may_access_direct_pkt_data */
export function mayAccessPacket(env: Env, write: boolean): boolean {
  const type = env.input.progType;
  return PACKET_TYPES.has(type) || (!write && PACKET_READ_TYPES.has(type));
}

/** Check one access, and set the loaded register. @returns 0 or -errno */
export function checkMem(env: Env, access: Access): number {
  const reg = env.regs[access.ptr];
  let err = checkAlignment(env, reg, access.off, access.size, access.aligned ?? false);
  if (err) return err;
  err = dispatch(env, access, reg, access.off + reg.off);
  if (err || access.write || access.value < 0 || access.size === 8) return err;
  const loaded = env.regs[access.value];
  if (loaded.type !== REG.SCALAR) return 0;
  const { store } = env;
  const s = access.signed ? store.movsx(access.size * 8, true, loaded.s) : store.truncate(loaded.s, access.size);
  if (s !== loaded.s) env.regs[access.value] = loaded.withScalar(s);
  return 0;
}

const leaks = (env: Env, access: Access): boolean =>
  access.write && access.value >= 0 && leaksPointer(env, env.regs[access.value]);

function dispatch(env: Env, access: Access, reg: Reg, off: number): number {
  const { ptr, size, write, value } = access;
  switch (mayBeNull(reg.type) ? -1 : baseType(reg.type)) {
    case REG.MAP_VALUE:
      if (leaks(env, access)) return env.fail(ERRNO.EACCES, `R${value} leaks addr into map`);
      return checkMapValue(env, ptr, off, size, write, value, access.signed ?? false);
    case REG.MEM:
      return checkMemRegion(env, access, off);
    case REG.MAP_PTR:
      return checkMapPtr(env, ptr, off, size, write, value);
    case REG.CTX:
      if (leaks(env, access)) return env.fail(ERRNO.EACCES, `R${value} leaks addr into ctx`);
      return checkCtx(env, ptr, off, size, write, value, access.signed ?? false);
    case REG.STACK: {
      const err = checkStackBounds(env, ptr, off, size, write);
      if (err) return err;
      return write ? checkStackWrite(env, ptr, off, size, value) : checkStackRead(env, ptr, off, size, value);
    }
    case REG.PACKET:
    case REG.PACKET_META: {
      if (write && !mayAccessPacket(env, true)) return env.fail(ERRNO.EACCES, 'cannot write into packet');
      if (leaks(env, access)) return env.fail(ERRNO.EACCES, `R${value} leaks addr into packet`);
      const err = checkPacket(env, ptr, off, size, false);
      if (!err && !write && value >= 0) env.regs[value] = env.unknown();
      return err;
    }
    case REG.SOCK_COMMON:
    case REG.SOCKET:
    case REG.TCP_SOCK:
    case REG.XDP_SOCK:
      return checkSocket(env, ptr, off, size, write, value);
    case REG.FLOW_KEYS:
      if (leaks(env, access)) return env.fail(ERRNO.EACCES, `R${value} leaks addr into flow keys`);
      return checkFlowKeys(env, off, size, write, value);
    case REG.TP_BUFFER:
      return checkTpBuffer(env, ptr, off, size, write, value);
    case REG.MAP_KEY: {
      if (write) return env.fail(ERRNO.EACCES, `write to change key R${ptr} not allowed`);
      const err = checkRegion(env, ptr, off, size, env.aux.maps[reg.map].keySize, false);
      if (!err && value >= 0) env.regs[value] = env.unknown();
      return err;
    }
    case REG.BUF:
      return checkBuf(env, ptr, off, size, write, value);
    case REG.BTF_ID:
      env.readsObjects = true;
      return checkBtfPointer(env, access, off);
    case REG.ARENA:
      throw new UnsupportedConstruct(`access through ${typeName(reg.type)}`);
    default:
      return env.fail(ERRNO.EACCES, `R${ptr} invalid mem access '${typeName(reg.type)}'`);
  }
}

/** Kinds whose accesses Linux rewrites: one instruction may meet only one of them. */
const REWRITTEN = new Set<number>([REG.CTX, REG.SOCKET, REG.SOCK_COMMON, REG.TCP_SOCK, REG.XDP_SOCK, REG.BTF_ID]);

/** Kinds whose loads are guarded where one of them may fault. */
const isGuarded = (type: number): boolean => baseType(type) === REG.MEM || baseType(type) === REG.BTF_ID;

/** One instruction may not access differently rewritten kinds on different paths. @kernel save_aux_ptr_type */
export function rememberKind(env: Env, type: number): number {
  const { ptrType } = env.aux;
  const before = ptrType[env.insnIdx];
  if (before === REG.NOT_INIT) {
    ptrType[env.insnIdx] = type;
    return 0;
  }
  if (isGuarded(type) && isGuarded(before)) {
    // Once guarded as memory, it may meet what memory may meet.
    if (baseType(type) === REG.MEM) ptrType[env.insnIdx] = type;
    return 0;
  }
  if (type !== before && (REWRITTEN.has(baseType(type)) || REWRITTEN.has(baseType(before)))) {
    return env.fail(ERRNO.EINVAL, 'same insn cannot be used with different pointers');
  }
  return 0;
}
