/**
 * Arguments of helpers (@kernel check_func_arg): for each kind, the registers that may be passed and what else must hold.
 * Rejects (EACCES): `R%d type=%s expected=…`, `R%d leaks addr into helper function`, `helper access to the packet is not
 * allowed`, pointers that were moved; memory and strings: see arg-mem.ts and arg-str.ts.
 */
import type { ArgKind, HelperProto } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import { checkUnmoved } from '../access/ctx.ts';
import { mayAccessPacket } from '../access/mem.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { leaksPointer, readReg } from '../state/access-reg.ts';
import {
  baseType,
  isPacket,
  MAYBE_NULL,
  RCU,
  RDONLY,
  REG,
  type Reg,
  RINGBUF,
  TRUSTED,
  typeName,
} from '../state/reg.ts';
import { checkSockStruct, checkStruct } from './arg-btf.ts';
import { checkAllocSize, checkFixed, checkKey, checkSize, checkValue } from './arg-mem.ts';
import { checkConstStr } from './arg-str.ts';
import { rememberFunction } from './callback.ts';
import type { CallMeta } from './call-meta.ts';
import { checkDynptr, checkNewDynptr, checkOwnedDynptr } from './dynptr.ts';
import { checkKptrGiven, checkKptrPlace } from './kptr.ts';
import { checkSpinLock } from './lock.ts';
import { checkReference, checkReleasedOffset } from './refs.ts';
import { checkTimer, checkTimerMap } from './timer.ts';

type CheckedKind = Exclude<ArgKind, 'anything'>;

/** A type of register that a kind accepts; without a type, one that the verifier cannot have met yet. */
interface Compatible {
  readonly name: string;
  readonly type?: number;
}

/** A kind of argument. */
interface Rule {
  /** In the order that the refusal lists them. */
  readonly accepts: readonly Compatible[];
  /** NULL may be passed, or what may be NULL. */
  readonly orNull?: true;
  /** The helper only reads through it: read-only memory may be passed. */
  readonly reads?: true;
  /** It says so of itself: kernel objects may be passed. @kernel MEM_RDONLY */
  readonly onlyReads?: true;
  /** What of its type is looked at before its offset. */
  readonly first?: (env: Env, r: number, proto: HelperProto, meta: CallMeta) => number;
  /** How it may have been moved, where that is no matter of the register's type. */
  readonly offset?: (env: Env, r: number, reg: Reg, meta: CallMeta) => number;
  /** What holds besides, once the register's type does. */
  readonly check?: (env: Env, r: number, proto: HelperProto, meta: CallMeta) => number;
}

const SCALAR: readonly Compatible[] = [{ name: 'scalar', type: REG.SCALAR }];
const VALUE: readonly Compatible[] = [{ name: 'map_value', type: REG.MAP_VALUE }];
const MEMORY: readonly Compatible[] = [
  { name: 'fp', type: REG.STACK },
  { name: 'pkt', type: REG.PACKET },
  { name: 'pkt_meta', type: REG.PACKET_META },
  { name: 'map_key', type: REG.MAP_KEY },
  { name: 'map_value', type: REG.MAP_VALUE },
  { name: 'mem', type: REG.MEM },
  { name: 'ringbuf_mem', type: REG.MEM | RINGBUF },
  { name: 'buf', type: REG.BUF },
  { name: 'trusted_ptr_', type: REG.BTF_ID | TRUSTED },
];
/** Its index in MEMORY. */
const RINGBUF_MEM = 6;
const SOCKETS: readonly Compatible[] = [
  { name: 'sock_common', type: REG.SOCK_COMMON },
  { name: 'sock', type: REG.SOCKET },
  { name: 'tcp_sock', type: REG.TCP_SOCK },
  { name: 'xdp_sock', type: REG.XDP_SOCK },
];
const BTF: readonly Compatible[] = [
  { name: 'ptr_', type: REG.BTF_ID },
  { name: 'trusted_ptr_', type: REG.BTF_ID | TRUSTED },
];
const DYNPTRS: readonly Compatible[] = [MEMORY[0], { name: 'dynptr_ptr', type: REG.DYNPTR }];
const LOCK: readonly Compatible[] = [VALUE[0], BTF[0]];
const PERCPU: readonly Compatible[] = [
  { name: 'percpu_ptr_' },
  { name: 'percpu_rcu_ptr_' },
  { name: 'percpu_trusted_ptr_' },
];

/** A kind whose further rules are not known here. */
const beyond = (construct: string) => (): number => {
  throw new UnsupportedConstruct(`${construct} as argument of a helper`);
};
const btfId: Rule = { accepts: [...BTF, { name: 'rcu_ptr_', type: REG.BTF_ID | RCU }], first: checkStruct };
const btfSock: Rule = { accepts: [...SOCKETS, ...BTF], first: checkSockStruct };
const memory: Rule = { accepts: MEMORY, reads: true, onlyReads: true };
const fixed: Rule = { accepts: MEMORY, check: checkFixed };
const value: Rule = { accepts: MEMORY, check: checkMapValueArg };

const RULES: Readonly<Record<CheckedKind, Rule>> = {
  constMapPtr: { accepts: [{ name: 'map_ptr', type: REG.MAP_PTR }], check: rememberMap },
  mapKey: { accepts: MEMORY, reads: true, check: (env, r, _, meta) => checkKey(env, r, meta) },
  mapValue: { ...value, reads: true },
  mapValueOrNull: { ...value, reads: true, orNull: true, check: unlessNull(value.check) },
  uninitMapValue: value,
  // Memory is checked with its size, which follows.
  mem: memory,
  memOrNull: { ...memory, orNull: true },
  writeMem: { accepts: MEMORY },
  writeMemOrNull: { accepts: MEMORY, orNull: true },
  uninitMem: { accepts: MEMORY },
  fixedMem: { ...fixed, reads: true, onlyReads: true },
  fixedWriteMem: fixed,
  fixedUninitMem: fixed,
  constSize: { accepts: SCALAR, check: (env, r, proto, meta) => checkSize(env, r, proto, false, meta) },
  constSizeOrZero: { accepts: SCALAR, check: (env, r, proto, meta) => checkSize(env, r, proto, true, meta) },
  constAllocSize: { accepts: SCALAR, check: checkAllocSize },
  constStr: { accepts: VALUE, check: checkConstStr },
  ctx: { accepts: [{ name: 'ctx', type: REG.CTX }] },
  ctxOrNull: { accepts: [{ name: 'ctx', type: REG.CTX }], orNull: true },
  sockOrNull: { accepts: [SOCKETS[1]], orNull: true },
  sockCommon: { accepts: SOCKETS },
  btfSockCommon: btfSock,
  btfSockCommonOrNull: { ...btfSock, orNull: true },
  btfId,
  btfIdOrNull: { ...btfId, orNull: true },
  percpuBtfId: { accepts: PERCPU, check: beyond('per-CPU variable') },
  func: {
    accepts: [{ name: 'func', type: REG.FUNC }],
    check: (env, r, _, meta) => rememberFunction(env.regs[r], meta),
  },
  stackOrNull: { accepts: [MEMORY[0]], orNull: true },
  dynptr: {
    accepts: DYNPTRS,
    offset: (env, r, reg, meta) =>
      meta.released === r && reg.type === REG.STACK ? checkOwnedDynptr(env, r) : checkOffset(env, r, reg, meta),
    check: (env, r, _, meta) => checkDynptr(env, r, meta),
  },
  uninitDynptr: { accepts: DYNPTRS, check: (env, r, proto) => checkNewDynptr(env, r, proto.id) },
  ringbufMem: { accepts: [MEMORY[RINGBUF_MEM]] },
  spinLock: { accepts: LOCK, check: (env, r, proto) => checkSpinLock(env, r, proto.id) },
  timer: { accepts: VALUE, check: (env, r, _, meta) => checkTimer(env, r, meta) },
  kptr: { accepts: LOCK, check: (env, r, _, meta) => checkKptrPlace(env, r, meta) },
  kptrGiven: {
    accepts: [...BTF, { name: 'rcu_ptr_', type: REG.BTF_ID | RCU }],
    orNull: true,
    first: (env, r, _, meta) => checkKptrGiven(env, r, meta),
  },
};

function checkMapValueArg(env: Env, r: number, proto: HelperProto, meta: CallMeta): number {
  const kind = proto.args[r - 1];
  return checkValue(env, r, valueKind(env, kind, proto, meta) ?? kind, meta);
}

function unlessNull(check: Rule['check']): Rule['check'] {
  return (env, r, proto, meta) => (isNull(env, env.regs[r]) ? 0 : (check?.(env, r, proto, meta) ?? 0));
}

const isNull = (env: Env, reg: Reg): boolean => reg.type === REG.SCALAR && reg.s === env.store.ZERO;

/** Check argument `i` (0-4) of a call. @returns 0 or -errno */
export function checkArg(env: Env, i: number, proto: HelperProto, meta: CallMeta): number {
  const r = i + 1;
  let err = readReg(env, r);
  if (err) return err;
  const reg = env.regs[r];
  const kind = proto.args[i];
  if (kind === 'anything') {
    return leaksPointer(env, reg) ? env.fail(ERRNO.EACCES, `R${r} leaks addr into helper function`) : 0;
  }
  if (isPacket(reg.type) && !(mayAccessPacket(env, false) && proto.packetAccess)) {
    return env.fail(ERRNO.EACCES, 'helper access to the packet is not allowed');
  }
  const resolved = valueKind(env, kind, proto, meta);
  if (resolved === undefined) return env.fail(ERRNO.EINVAL, 'invalid arg_type for sockmap/sockhash');
  const rule = RULES[resolved];
  if (!(rule.orNull && isNull(env, reg))) {
    err =
      checkType(env, r, reg, rule) ||
      checkNotWritten(env, r, reg, rule, proto) ||
      (rule.first?.(env, r, proto, meta) ?? 0) ||
      (rule.offset ?? checkOffset)(env, r, reg, meta);
    if (err) return err;
  }
  err = checkReference(env, r, reg, kind, meta);
  if (err) return err;
  return rule.check?.(env, r, proto, meta) ?? 0;
}

type ValueKind = 'mapValue' | 'btfSockCommon';

/** What a value is depends on the map. @returns undefined where the map has no such values. @kernel resolve_map_arg_type */
function valueKind<K extends ArgKind>(
  env: Env,
  kind: K,
  proto: HelperProto,
  meta: CallMeta,
): K | ValueKind | undefined {
  if (kind !== 'mapValue' && kind !== 'mapValueOrNull' && kind !== 'uninitMapValue') return kind;
  switch (env.aux.maps[meta.map].type) {
    case MAP_TYPE.SOCKMAP:
    case MAP_TYPE.SOCKHASH:
      return kind === 'mapValue' ? 'btfSockCommon' : undefined;
    case MAP_TYPE.BLOOM_FILTER:
      // Its values are asked for, not given.
      return proto.name === 'bpf_map_peek_elem' ? 'mapValue' : kind;
    default:
      return kind;
  }
}

/** @kernel check_reg_type */
function checkType(env: Env, r: number, reg: Reg, { accepts, orNull, reads }: Rule): number {
  const type = reg.type & ~(reads ? RDONLY : 0) & ~(orNull ? MAYBE_NULL : 0);
  if (accepts.some((c) => c.type === type)) return 0;
  return env.fail(ERRNO.EACCES, `R${r} type=${typeName(reg.type)} expected=${accepts.map((c) => c.name).join(', ')}`);
}

/** Kernel objects are no memory that a helper may write. */
function checkNotWritten(env: Env, r: number, reg: Reg, { accepts, onlyReads }: Rule, { name }: HelperProto): number {
  if (accepts !== MEMORY || onlyReads || baseType(reg.type) !== REG.BTF_ID) return 0;
  const text = `${name}() may write into memory pointed by R${r} type=${typeName(reg.type)}`;
  return env.fail(ERRNO.EACCES, text);
}

/** Memory and numbers may be anywhere; all else must be passed as it was given. @kernel check_func_arg_reg_off */
function checkOffset(env: Env, r: number, reg: Reg, meta: CallMeta): number {
  if (meta.released === r) return checkReleasedOffset(env, r, reg) || checkUnmoved(env, reg, r);
  switch (baseType(reg.type)) {
    case REG.STACK:
    case REG.PACKET:
    case REG.PACKET_META:
    case REG.MAP_KEY:
    case REG.MAP_VALUE:
    case REG.MEM:
    case REG.BUF:
    case REG.SCALAR:
      return 0;
    case REG.BTF_ID:
      return checkUnmoved(env, reg, r, true);
    default:
      return checkUnmoved(env, reg, r);
  }
}

function rememberMap(env: Env, r: number, _: HelperProto, meta: CallMeta): number {
  const err = checkTimerMap(env, r, meta);
  if (err) return err;
  meta.map = env.regs[r].map;
  meta.mapUid = env.regs[r].range;
  return 0;
}
