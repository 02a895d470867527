/**
 * Calls of helper functions (@kernel check_helper_call). Rejects (EINVAL): `invalid func %s#%d`, `program of this type
 * cannot use helper %s#%d`, `cannot call GPL-restricted function from non-GPL compatible program`, `helper call might sleep
 * in a non-sleepable prog`, `cannot pass map_type %d into func %s#%d`; (EACCES) `write into map forbidden`; what single
 * helpers ask besides. Arguments: see args.ts.
 */
import {
  hasLock,
  helperAcquires,
  helperCasts,
  helperChangesMap,
  helperProto,
  helperReleases,
  helperTakesMap,
  isGplCompatible,
  isGplOnly,
  isReadOnlyToPrograms,
  type HelperProto,
} from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { accessSize, CLASS, type Instruction, MODE, SIZE } from '../../isa/index.ts';
import { ATTACH_TYPE, HELPER_NAMES, MAP_TYPE, PROG_TYPE } from '../../uapi/index.ts';
import { checkMem } from '../access/mem.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { clobberCallerSaved } from '../state/access-reg.ts';
import { MAYBE_NULL, NOT_INIT, pointer, REG, type Reg, RINGBUF, scalar } from '../state/reg.ts';
import { isGiven } from './allowed.ts';
import { checkArg } from './args.ts';
import { btfResult } from './btf-result.ts';
import { startCallback } from './callback.ts';
import { type CallMeta, newMeta } from './call-meta.ts';
import { checkFromMem, releaseDynptr } from './dynptr.ts';
import { forgetPacketPointers } from './packet-pointers.ts';
import { acquire, checkLeaks, release } from './refs.ts';
import { isSleepable } from './sleep.ts';
import { checkSnprintf } from './snprintf.ts';
import { checkTailCall, TAIL_CALL } from './tail-call.ts';

/** Processors of the profile's machine: what get_smp_processor_id() may answer is below this. */
const NR_CPUS = 2;

/** Negative results are above this. @kernel MAX_ERRNO */
const MAX_ERRNO = 4095n;

const BYTE_STORE = CLASS.STX | MODE.MEM | SIZE.B;

const idOf = (name: string): number => HELPER_NAMES.indexOf(name);

const LOOKUP = idOf('map_lookup_elem');
const UPDATE = idOf('map_update_elem');
const DELETE = idOf('map_delete_elem');

const SOCKET_MAPS: readonly number[] = [MAP_TYPE.SOCKMAP, MAP_TYPE.SOCKHASH];

/** Helpers that ask where a program is attached; one that is called by its user is attached nowhere. */
const D_PATH = idOf('d_path');
const NOT_IN_PROBES = new Set([D_PATH, idOf('sk_storage_get'), idOf('sk_storage_delete')]);

/** Types whose programs may change maps of sockets. Measured. */
const CHANGE_SOCKETS = new Set<number>([
  PROG_TYPE.SOCKET_FILTER,
  PROG_TYPE.SCHED_CLS,
  PROG_TYPE.SCHED_ACT,
  PROG_TYPE.XDP,
  PROG_TYPE.SK_REUSEPORT,
  PROG_TYPE.FLOW_DISSECTOR,
  PROG_TYPE.SK_LOOKUP,
]);

/** Rules of single helpers, checked when the arguments have passed. */
const OWN_RULES: ReadonlyMap<number, (env: Env) => number> = new Map([
  [idOf('get_local_storage'), checkLocalStorage],
  [idOf('snprintf'), checkSnprintf],
  [idOf('dynptr_from_mem'), checkFromMem],
  [TAIL_CALL, (env) => checkLeaks(env, 'tail_call')],
]);

export function checkHelperCall(env: Env, insn: Instruction): number {
  const id = insn.imm;
  const known = id >= 0 && id < HELPER_NAMES.length;
  const name = known ? `bpf_${HELPER_NAMES[id]}#${id}` : `unknown#${id}`;
  if (!known) return env.fail(ERRNO.EINVAL, `invalid func ${name}`);
  const proto = helperProto(id, env.input.progType);
  let err = checkAllowed(env, id, name, proto);
  if (err) return err;
  if (!proto) throw new UnsupportedConstruct(`helper bpf_${HELPER_NAMES[id]}`);
  env.helpers.add(id);
  const meta = newMeta();
  meta.released = helperReleases(id);
  for (let i = 0; i < proto.args.length; i++) {
    err = checkArg(env, i, proto, meta);
    if (err) return err;
  }
  return (
    checkMapUse(env, proto, meta) ||
    writeRawMemory(env, meta) ||
    (OWN_RULES.get(id)?.(env) ?? 0) ||
    startCallback(env, id, meta) ||
    finishCall(env, proto, meta, name)
  );
}

/** Whether this program, with its type, licence and capabilities, may call the helper at all. */
function checkAllowed(env: Env, id: number, name: string, proto: HelperProto | undefined): number {
  if (!isGiven(env, id)) {
    return env.fail(ERRNO.EINVAL, `program of this type cannot use helper ${name}`);
  }
  if (isGplOnly(id, env.input.progType, env.input.expectedAttachType) && !isGplCompatible(env.input.license)) {
    return env.fail(ERRNO.EINVAL, 'cannot call GPL-restricted function from non-GPL compatible program');
  }
  if (NOT_IN_PROBES.has(id) && !isKnownPlace(env, id)) {
    return env.fail(ERRNO.EINVAL, 'helper call is not allowed in probe');
  }
  if (proto?.mightSleep && !isSleepable(env)) {
    return env.fail(ERRNO.EINVAL, 'helper call might sleep in a non-sleepable prog');
  }
  return 0;
}

/** Whether a helper that asks where the program is attached finds a place that it knows. */
function isKnownPlace({ input }: Env, id: number): boolean {
  if (input.progType === PROG_TYPE.SYSCALL) return false;
  // Tracepoints are no place to look for paths.
  return !(
    input.progType === PROG_TYPE.TRACING &&
    input.expectedAttachType === ATTACH_TYPE.TRACE_RAW_TP &&
    id === D_PATH
  );
}

/** What programs may do with the map, before it is asked whether the helper takes its type. */
function checkMapUse(env: Env, proto: HelperProto, meta: CallMeta): number {
  if (meta.map < 0) return 0;
  if (helperChangesMap(proto.id) && isReadOnlyToPrograms(env.aux.maps[meta.map])) {
    return env.fail(ERRNO.EACCES, 'write into map forbidden');
  }
  return proto.id === TAIL_CALL ? checkTailCall(env, meta) : 0;
}

/** The helper fills memory that was not initialised: as if the program stored it byte by byte. */
function writeRawMemory(env: Env, meta: CallMeta): number {
  for (let i = 0; i < meta.raw.size; i++) {
    const access = { ptr: meta.raw.reg, off: i, size: accessSize(BYTE_STORE), write: true, value: -1 };
    const err = checkMem(env, access);
    if (err) return err;
  }
  return 0;
}

function checkLocalStorage(env: Env): number {
  const flags = env.regs[2];
  if (flags.type === REG.SCALAR && flags.s === env.store.ZERO) return 0;
  return env.fail(ERRNO.EINVAL, "get_local_storage() doesn't support non-zero flags");
}

function finishCall(env: Env, proto: HelperProto, meta: CallMeta, name: string): number {
  if (meta.released && meta.dynptr) {
    const err = releaseDynptr(env, meta.released);
    if (err) return err;
  } else if (meta.released && meta.refId) release(env, meta.refId);
  clobberCallerSaved(env);
  env.regs[0] = result(env, proto, meta);
  if (meta.map >= 0) {
    const { type } = env.aux.maps[meta.map];
    const takes = helperTakesMap(proto.id, type);
    if (takes === undefined) throw new UnsupportedConstruct(`maps of ${proto.name}`);
    if (!takes || !mayChangeSockets(env, proto.id, type)) {
      return env.fail(ERRNO.EINVAL, `cannot pass map_type ${type} into func ${name}`);
    }
  }
  if (helperAcquires(proto.id) || looksUpSocket(env, proto, meta)) {
    const id = acquire(env);
    env.regs[0] = env.regs[0].withId(id).withRef(id);
  } else if (helperCasts(proto.id)) {
    env.regs[0] = env.regs[0].withRef(meta.refId);
  }
  if (proto.id === idOf('get_func_ip')) return checkFuncIp(env, name);
  if (proto.changesPacket) forgetPacketPointers(env);
  return 0;
}

/** Maps of sockets are changed only where nothing holds their lock. @kernel may_update_sockmap */
function mayChangeSockets(env: Env, id: number, mapType: number): boolean {
  if (!SOCKET_MAPS.includes(mapType)) return true;
  if (id !== UPDATE && id !== DELETE) return true;
  const { progType } = env.input;
  if (CHANGE_SOCKETS.has(progType) || (progType === PROG_TYPE.SOCK_OPS && id === DELETE)) return true;
  if (progType === PROG_TYPE.TRACING && env.input.expectedAttachType === ATTACH_TYPE.TRACE_ITER) return true;
  env.log.write('cannot update sockmap in this context\n');
  return false;
}

/** A socket that is found in a map is the program's until it gives it back. @kernel is_acquire_function */
function looksUpSocket(env: Env, proto: HelperProto, meta: CallMeta): boolean {
  return proto.id === LOOKUP && SOCKET_MAPS.includes(env.aux.maps[meta.map].type);
}

/** @kernel check_get_func_ip */
function checkFuncIp(env: Env, name: string): number {
  const { progType } = env.input;
  if (progType === PROG_TYPE.KPROBE) return 0;
  if (progType === PROG_TYPE.TRACING) {
    return env.fail(ERRNO.ENOTSUPP, `func ${name} supported only for fentry/fexit/fmod_ret programs`);
  }
  return env.fail(ERRNO.ENOTSUPP, `func ${name} not supported for program type ${progType}`);
}

function result(env: Env, proto: HelperProto, meta: CallMeta): Reg {
  const { store } = env;
  switch (proto.ret) {
    case 'void':
      return NOT_INIT;
    case 'mapValue':
      return pointer(REG.MAP_VALUE, store.ZERO, 0, meta.map);
    case 'mapValueOrNull':
      return foundValue(env, proto, meta);
    case 'boundedInteger': {
      const [min, max] = [-MAX_ERRNO, BigInt(meta.maxSize)];
      const ranges = { smin: min, smin32: min, smax: max, smax32: max };
      return scalar(store.withRange(store.UNKNOWN, ranges));
    }
    case 'sockOrNull':
      return orNull(env, REG.SOCKET);
    case 'sockCommonOrNull':
      return orNull(env, REG.SOCK_COMMON);
    case 'tcpSockOrNull':
      return orNull(env, REG.TCP_SOCK);
    case 'btfIdOrNull':
      return btfResult(env, proto, true);
    case 'kptrOrNull':
      return orNull(env, REG.BTF_ID, meta.kptr?.struct);
    case 'ringbufMemOrNull':
      return orNull(env, REG.MEM | RINGBUF).withRange(meta.allocSize);
    case 'sliceOrNull': {
      const { id, refId } = meta.dynptr!;
      return orNull(env, REG.MEM).withRange(meta.allocSize).withMap(id).withRef(refId);
    }
    case 'btfId':
      return btfResult(env, proto, false);
    case 'integer':
      if (proto.id !== idOf('get_smp_processor_id')) return env.unknown();
      return scalar(store.withRange(store.UNKNOWN, { umin: 0n, umax: BigInt(NR_CPUS - 1) }));
  }
}

const orNull = (env: Env, type: number, struct = -1): Reg =>
  pointer(type | MAYBE_NULL, env.store.ZERO, ++env.idGen, struct);

function foundValue(env: Env, proto: HelperProto, meta: CallMeta): Reg {
  const map = env.aux.maps[meta.map];
  const isLookup = proto.id === LOOKUP;
  // A constant index inside an array always finds its element.
  const found = isLookup && meta.constKey >= 0n && meta.constKey < BigInt(map.maxEntries);
  const type = found ? REG.MAP_VALUE : REG.MAP_VALUE | MAYBE_NULL;
  // A value with a lock is told from others also where it is sure to be there.
  return pointer(type, env.store.ZERO, found && !hasLock(map) ? 0 : ++env.idGen, meta.map, meta.mapUid);
}
