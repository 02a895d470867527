/**
 * Arguments of helpers (@kernel check_func_arg). Rejects (EACCES): `R%d type=%s expected=…`, memory that is too small or
 * unreadable, sizes that may be negative, zero or unbounded, `helper access to the packet is not allowed`.
 */
import type { ArgKind, HelperProto } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import { checkUnmoved } from '../access/ctx.ts';
import { checkMapAccessType } from '../access/map-value.ts';
import { mayAccessPacket } from '../access/mem.ts';
import { checkPacket, checkRegion } from '../access/region.ts';
import { checkStackRange, type RawWrite } from '../access/stack.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { backtrack, markPrecise } from '../precision/backtrack.ts';
import { leaksPointer, readReg } from '../state/access-reg.ts';
import { baseType, isPacket, mayBeNull, REG, type Reg, RDONLY, TRUSTED, typeName } from '../state/reg.ts';
import { isScalarSpill, kindAt, STACK } from '../state/slot.ts';

/** What the arguments seen so far say of the call. */
export interface CallMeta {
  /** Index of the map argument, -1 = none. */
  map: number;
  /** The key, where it is a constant on the stack and the map an array; -1 = unknown. */
  constKey: bigint;
  /** Memory that the helper writes and need not find initialised; size 0 = none. */
  raw: RawWrite;
}

export const newMeta = (): CallMeta => ({ map: -1, constKey: -1n, raw: { reg: 0, size: 0 } });

/** Sizes of memory stay below this. @kernel BPF_MAX_VAR_SIZ */
const MAX_VAR_SIZE = 1 << 29;

/** Kinds that memory arguments take, in the order that the refusal lists them. */
const MEMORY: readonly { type: number; name: string }[] = [
  { type: REG.STACK, name: 'fp' },
  { type: REG.PACKET, name: 'pkt' },
  { type: REG.PACKET_META, name: 'pkt_meta' },
  { type: REG.MAP_KEY, name: 'map_key' },
  { type: REG.MAP_VALUE, name: 'map_value' },
  { type: REG.MEM, name: 'mem' },
  { type: REG.MEM, name: 'ringbuf_mem' },
  { type: REG.BUF, name: 'buf' },
  { type: REG.BTF_ID | TRUSTED, name: 'trusted_ptr_' },
];
const COMPATIBLE: Record<Exclude<ArgKind, 'anything'>, readonly { type: number; name: string }[]> = {
  constMapPtr: [{ type: REG.MAP_PTR, name: 'map_ptr' }],
  ctx: [{ type: REG.CTX, name: 'ctx' }],
  constSize: [{ type: REG.SCALAR, name: 'scalar' }],
  constSizeOrZero: [{ type: REG.SCALAR, name: 'scalar' }],
  mapKey: MEMORY,
  mapValue: MEMORY,
  mem: MEMORY,
  uninitMem: MEMORY,
};

/** Check argument `i` (0-4) of a call. @returns 0 or -errno */
export function checkArg(env: Env, i: number, proto: HelperProto, meta: CallMeta): number {
  const r = i + 1;
  const kind = proto.args[i];
  let err = readReg(env, r);
  if (err) return err;
  const reg = env.regs[r];
  if (kind === 'anything') {
    return leaksPointer(env, reg) ? env.fail(ERRNO.EACCES, `R${r} leaks addr into helper function`) : 0;
  }
  if (isPacket(reg.type) && !(mayAccessPacket(env, false) && proto.packetAccess)) {
    return env.fail(ERRNO.EACCES, 'helper access to the packet is not allowed');
  }
  err = checkKind(env, r, reg, kind) || checkOffset(env, r, reg);
  if (err) return err;
  switch (kind) {
    case 'constMapPtr':
      meta.map = reg.map;
      return 0;
    case 'mapKey':
      return checkKey(env, r, meta);
    case 'mapValue':
      return checkMemory(env, r, env.aux.maps[meta.map].valueSize, false, false);
    case 'constSize':
    case 'constSizeOrZero':
      return checkSize(env, r, proto.args[i - 1], kind === 'constSizeOrZero', meta);
    default:
      return 0; // Memory is checked with its size, the context needs no more.
  }
}

function checkKind(env: Env, r: number, reg: Reg, kind: Exclude<ArgKind, 'anything'>): number {
  const accepted = COMPATIBLE[kind];
  const type = kind === 'mem' || kind === 'mapKey' || kind === 'mapValue' ? reg.type & ~RDONLY : reg.type;
  if (accepted.some((c) => c.type === type)) return 0;
  const expected = accepted.map((c) => c.name).join(', ');
  return env.fail(ERRNO.EACCES, `R${r} type=${typeName(reg.type)} expected=${expected}`);
}

/** Memory and numbers may be anywhere; all else must be passed as it was given. @kernel check_func_arg_reg_off */
function checkOffset(env: Env, r: number, reg: Reg): number {
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
    default:
      return checkUnmoved(env, reg, r);
  }
}

function checkKey(env: Env, r: number, meta: CallMeta): number {
  const map = env.aux.maps[meta.map];
  const err = checkMemory(env, r, map.keySize, false, false);
  if (err) return err;
  if (map.type === MAP_TYPE.ARRAY || map.type === MAP_TYPE.PERCPU_ARRAY) {
    meta.constKey = constantKey(env, env.regs[r], map.keySize);
  }
  return 0;
}

/** The key's value where the program just put a constant on the stack, else -1. @kernel get_constant_map_key */
function constantKey(env: Env, ptr: Reg, size: number): bigint {
  const { store } = env;
  if (ptr.type !== REG.STACK || !store.isConst(ptr.s) || size > 8) return -1n;
  const off = ptr.off + store.sminN(ptr.s);
  const index = (-off - 1) >> 3;
  const top = (-off - 1) & 7;
  const slot = env.cur.frames[ptr.frame].stack[index];
  const run = (kind: number): number => {
    let n = 0;
    for (let i = top; i >= 0 && kindAt(slot.types, i) === kind; i--) n++;
    return n;
  };
  if (run(STACK.ZERO) >= size) return 0n;
  if (!isScalarSpill(slot) || run(STACK.SPILL) !== size || !store.isConst(slot.reg.s)) return -1n;
  const track = env.track.start(env.cur.frames.length - 1);
  track.setSlot(ptr.frame, index);
  backtrack(env, env.cur, track);
  return store.constValue(slot.reg.s);
}

function checkSize(env: Env, r: number, memory: ArgKind, zeroOk: boolean, meta: CallMeta): number {
  const { store } = env;
  const reg = env.regs[r];
  if (store.sminN(reg.s) < 0) {
    return env.fail(ERRNO.EACCES, `R${r} min value is negative, either use unsigned or 'var &= const'`);
  }
  if (store.umin(reg.s) === 0n && !zeroOk) {
    const range = `[${store.umin(reg.s)},${BigInt.asIntN(64, store.umax(reg.s))}]`;
    return env.fail(ERRNO.EACCES, `R${r} invalid zero-sized read: u64=${range}`);
  }
  if (store.umaxN(reg.s) >= MAX_VAR_SIZE) {
    return env.fail(ERRNO.EACCES, `R${r} unbounded memory access, use 'var &= const' or 'if (var < const)'`);
  }
  const write = memory === 'uninitMem';
  const raw = write && store.isConst(reg.s) ? meta.raw : undefined;
  return checkMemory(env, r - 1, store.umaxN(reg.s), write, zeroOk, raw) || markPrecise(env, r);
}

/** `size` bytes that the helper reads or writes through register `r`. @kernel check_helper_mem_access */
function checkMemory(env: Env, r: number, size: number, write: boolean, zeroOk: boolean, raw?: RawWrite): number {
  const reg = env.regs[r];
  switch (mayBeNull(reg.type) ? -1 : baseType(reg.type)) {
    case REG.PACKET:
    case REG.PACKET_META:
      return checkPacket(env, r, reg.off, size, zeroOk);
    case REG.MAP_VALUE: {
      const map = env.aux.maps[reg.map];
      return (
        checkMapAccessType(env, map, reg.off, size, write) || checkRegion(env, r, reg.off, size, map.valueSize, zeroOk)
      );
    }
    case REG.STACK:
      return checkStackRange(env, r, reg.off, size, zeroOk, write, raw);
    case REG.SCALAR:
      if (zeroOk && size === 0 && reg.s === env.store.ZERO) return 0;
      return env.fail(ERRNO.EACCES, `R${r} type=${typeName(reg.type)} expected=fp`);
    default:
      throw new UnsupportedConstruct(`${typeName(reg.type)} as memory of a helper`);
  }
}
