/**
 * Memory that a helper reads or writes: keys and values of maps, buffers with their sizes.
 * Rejects (EACCES): memory that is too small or unreadable, sizes that may be negative (`R%d min value is negative, …`),
 * zero (`R%d invalid zero-sized read`) or unbounded (`R%d unbounded memory access, use …`), writes of what is read-only.
 */
import type { ArgKind, HelperProto } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../uapi/index.ts';
import { checkAlignment } from '../access/alignment.ts';
import { checkCtxMemory } from '../access/ctx.ts';
import { checkBuf } from '../access/buf.ts';
import { checkBtfPointer } from '../access/btf.ts';
import { checkFields } from '../access/map-field.ts';
import { checkMapAccessType } from '../access/map-value.ts';
import { checkPacket, checkRegion } from '../access/region.ts';
import { checkStackRange, type RawWrite } from '../access/stack.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { backtrack, markPrecise } from '../precision/backtrack.ts';
import { baseType, RDONLY, REG, type Reg, typeName } from '../state/reg.ts';
import { isScalarSpill, kindAt, STACK } from '../state/slot.ts';
import type { CallMeta } from './call-meta.ts';

/** Sizes of memory stay below this. @kernel BPF_MAX_VAR_SIZ */
const MAX_VAR_SIZE = 1 << 29;

/** How a kind's memory is used. @kernel MEM_WRITE, MEM_UNINIT, MEM_ALIGNED */
interface Use {
  readonly write?: true;
  /** Need not be initialised. */
  readonly fresh?: true;
  /** Must be aligned to its size. */
  readonly aligned?: true;
}
const USES: { readonly [kind in ArgKind]?: Use } = {
  writeMem: { write: true },
  writeMemOrNull: { write: true },
  fixedWriteMem: { write: true, aligned: true },
  uninitMem: { write: true, fresh: true },
  uninitMapValue: { write: true, fresh: true },
  fixedUninitMem: { write: true, fresh: true, aligned: true },
};
const useOf = (kind: ArgKind): Use => USES[kind] ?? {};

/** A key of the call's map. Remembers a constant one. */
export function checkKey(env: Env, r: number, meta: CallMeta): number {
  const map = env.aux.maps[meta.map];
  const err = checkMemory(env, r, map.keySize, false, false);
  if (err) return err;
  const isArray = map.type === MAP_TYPE.ARRAY || map.type === MAP_TYPE.PERCPU_ARRAY;
  // One map in another may have fewer elements than the one that shows its shape.
  if (isArray && !(map.flags & MAP_FLAG.INNER_MAP)) {
    meta.constKey = constantKey(env, env.regs[r], map.keySize);
  }
  return 0;
}

/** A value of the call's map. */
export function checkValue(env: Env, r: number, kind: ArgKind, meta: CallMeta): number {
  const { write = false, fresh } = useOf(kind);
  return checkMemory(env, r, env.aux.maps[meta.map].valueSize, write, false, fresh && meta.raw);
}

/** Memory of a known size. */
export function checkFixed(env: Env, r: number, proto: HelperProto, meta: CallMeta): number {
  const size = proto.sizes[r - 1];
  const { write = false, fresh, aligned } = useOf(proto.args[r - 1]);
  const err = checkMemory(env, r, size, write, false, fresh && meta.raw);
  return err || !aligned ? err : checkAlignment(env, env.regs[r], 0, size, true);
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

/** The size of the memory in the register before. @kernel check_mem_size_reg */
export function checkSize(env: Env, r: number, proto: HelperProto, zeroOk: boolean, meta: CallMeta): number {
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
  const { write = false, fresh } = useOf(proto.args[r - 2]);
  meta.maxSize = store.umaxN(reg.s);
  const raw = fresh && store.isConst(reg.s) ? meta.raw : undefined;
  return checkMemory(env, r - 1, meta.maxSize, write, zeroOk, raw) || markPrecise(env, r);
}

/** The size of memory that the helper gives. */
export function checkAllocSize(env: Env, r: number, _: HelperProto, meta: CallMeta): number {
  const { store } = env;
  const { s } = env.regs[r];
  // Linux ends the line so.
  if (!store.isConst(s)) return env.fail(ERRNO.EACCES, `R${r} is not a known constant'`);
  meta.allocSize = Number(BigInt.asUintN(32, store.constValue(s)));
  return markPrecise(env, r);
}

/** `size` bytes that the helper reads or writes through register `r`. @kernel check_helper_mem_access */
export function checkMemory(
  env: Env,
  r: number,
  size: number,
  write: boolean,
  zeroOk: boolean,
  raw?: RawWrite,
): number {
  const reg = env.regs[r];
  switch (baseType(reg.type)) {
    case REG.PACKET:
    case REG.PACKET_META:
      return checkPacket(env, r, reg.off, size, zeroOk);
    case REG.MAP_KEY:
      if (write) return env.fail(ERRNO.EACCES, `R${r} cannot write into ${typeName(reg.type)}`);
      return checkRegion(env, r, reg.off, size, env.aux.maps[reg.map].keySize, zeroOk);
    case REG.MAP_VALUE: {
      const map = env.aux.maps[reg.map];
      return (
        checkMapAccessType(env, map, reg.off, size, write) ||
        checkRegion(env, r, reg.off, size, map.valueSize, zeroOk) ||
        checkFields(env, r, reg.off, size, false)
      );
    }
    case REG.MEM:
      if (write && reg.type & RDONLY) return env.fail(ERRNO.EACCES, `R${r} cannot write into ${typeName(reg.type)}`);
      return checkRegion(env, r, reg.off, size, reg.range, zeroOk);
    case REG.BUF:
      return checkBuf(env, r, reg.off, size, write);
    case REG.BTF_ID:
      // Linux asks only whether it can be read, also of what the helper writes.
      return checkBtfPointer(env, { ptr: r, off: 0, size, write: false, value: -1 }, reg.off);
    case REG.STACK:
      return checkStackRange(env, r, reg.off, size, zeroOk, write, raw);
    case REG.CTX:
      return checkCtxMemory(env, r, size, write, zeroOk);
    case REG.SCALAR:
      if (zeroOk && size === 0 && reg.s === env.store.ZERO) return 0;
      return env.fail(ERRNO.EACCES, `R${r} type=${typeName(reg.type)} expected=fp`);
    default:
      throw new UnsupportedConstruct(`${typeName(reg.type)} as memory of a helper`);
  }
}
