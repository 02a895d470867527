/**
 * Loads, stores and atomic operations. An address is the low word of a register plus an offset; in mode `checked` the
 * machine checks it first. One CPU runs, so that a load and a store in turn are atomic.
 */
import { ATOMIC, CLASS, MODE, accessSize } from '../../isa/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { AccessOp, Index } from '../../wasm/index.ts';
import { FRAME_POINTER } from './function-writer.ts';
import type { FunctionWriter } from './function-writer.ts';
import { writeGuard } from './guard.ts';
import { ACCESS_NARROW, ACCESS_WRITE } from './imports.ts';
import type { NarrowContextRange } from './options.ts';

type Size = 1 | 2 | 4 | 8;

const LOAD = { 1: ACCESS.i64_load8_u, 2: ACCESS.i64_load16_u, 4: ACCESS.i64_load32_u, 8: ACCESS.i64_load } as const;
const LOAD_SIGNED = {
  1: ACCESS.i64_load8_s,
  2: ACCESS.i64_load16_s,
  4: ACCESS.i64_load32_s,
  8: ACCESS.i64_load,
} as const;
const STORE = { 1: ACCESS.i64_store8, 2: ACCESS.i64_store16, 4: ACCESS.i64_store32, 8: ACCESS.i64_store } as const;

const SIGN_EXTEND = { 1: OP.i64_extend8_s, 2: OP.i64_extend16_s, 4: OP.i64_extend32_s } as const;

export function writeLoad(f: FunctionWriter, at: number): void {
  const { op, src } = f.program;
  const size = accessSize(op[at]);
  const signed = (op[at] & 0xe0) === MODE.MEMSX;
  const local = f.promoted(at);
  if (local !== undefined) {
    f.code.get(local);
    if (signed && size < 8) f.op(SIGN_EXTEND[size as 1 | 2 | 4]);
    return f.setDst64(at);
  }
  const base = src[at] >> 1;
  const narrow = !signed && size <= 2 && mayBeNarrow(f, at, base);
  const offset = pushAddress(f, at, base, size, narrow ? ACCESS_NARROW : 0);
  if (narrow && f.options.mode !== 'checked') narrowLoad(f, size);
  f.code.access((signed ? LOAD_SIGNED : LOAD)[size], offset);
  f.setDst64(at);
}

export function writeStore(f: FunctionWriter, at: number): void {
  const size = accessSize(f.program.op[at]);
  const local = f.promoted(at);
  if (local !== undefined) {
    f.src64(at);
    if (size < 8) {
      f.code.i64(size === 4 ? -1 : size === 2 ? 0xffff : 0xff, 0);
      f.op(OP.i64_and);
    }
    return f.code.set(local);
  }
  const base = f.program.dst[at] >> 1;
  const narrow = mayBeNarrow(f, at, base);
  const offset = pushAddress(f, at, base, size, ACCESS_WRITE | (narrow ? ACCESS_NARROW : 0));
  const address = f.scratch(TYPE.I32);
  if (narrow) f.code.tee(address);
  f.src64(at);
  f.code.access(STORE[size], offset);
  if (narrow) narrowStore(f, address, size);
}

/**
 * The address of an access. @returns what is still to be added to it: the offset of the load or store.
 * @param access bits of ACCESS_WRITE and ACCESS_NARROW
 */
function pushAddress(f: FunctionWriter, at: number, base: number, size: Size, access: number): number {
  const off = f.program.off[at];
  const { code } = f;
  if (f.options.mode === 'checked') {
    f.words(base);
    code.i32(off);
    code.i32(size | access);
    code.i32(at);
    code.call(f.parts.imports.of('check'));
    return 0;
  }
  f.getRegister(base);
  f.op(OP.i32_wrap_i64);
  if (f.options.mode === 'hardened' && !f.facts?.inFrame.has(at)) {
    const address = f.scratch(TYPE.I32);
    code.i32(off);
    f.op(OP.i32_add);
    code.set(address);
    writeGuard(f, at, address, size, access);
    code.get(address);
    return 0;
  }
  // The sum of a verified access never wraps: the first and the last 64 KiB of addresses belong to nobody.
  if (off >= 0 && !(access & ACCESS_NARROW)) return off;
  if (off !== 0) {
    code.i32(off);
    f.op(OP.i32_add);
  }
  return 0;
}

/** Whether an access may touch a narrow field of the context. */
function mayBeNarrow({ options, facts }: FunctionWriter, at: number, base: number): boolean {
  return options.narrow !== undefined && base !== FRAME_POINTER && facts?.plain.has(at) !== true;
}

/** The address on the stack, or where a narrow context field is. */
function narrowLoad(f: FunctionWriter, size: Size): void {
  const { code } = f;
  const address = f.scratch(TYPE.I32);
  code.set(address);
  inCells(f, address, (f.options.narrow as NarrowContextRange).cells);
  code.if(TYPE.I32);
  code.get(address);
  code.i32(size);
  code.call(f.parts.imports.of('narrow'));
  code.else();
  code.get(address);
  code.end();
}

function narrowStore(f: FunctionWriter, address: Index, size: Size): void {
  const { code, options } = f;
  const { cells, halves } = options.narrow as NarrowContextRange;
  // What nobody verified may lie across.
  const isAligned = options.mode !== 'checked';
  inCells(f, address, !isAligned ? EVERYWHERE : size === 8 ? bothCells(cells) : cells);
  code.if();
  const isWhole = isAligned && size === 4;
  if (isWhole) {
    inCells(f, address, halves);
    code.if();
    code.get(address);
    code.i32(0);
    code.access(ACCESS.i32_store16, 2);
    code.else();
  }
  code.get(address);
  code.i32(size);
  code.call(f.parts.imports.of('kept'));
  if (isWhole) code.end();
  code.end();
}

const EVERYWHERE = [-1, -1] as const;

/** Whether an address is in the context, in a field whose bit is set. */
function inCells(f: FunctionWriter, address: Index, [low, high]: readonly [number, number]): void {
  const { code } = f;
  const { base, size } = (f.options.narrow as NarrowContextRange).region;
  const offset = (): void => {
    code.get(address);
    code.i32(base);
    f.op(OP.i32_sub);
  };
  code.i64(low, high);
  offset();
  code.i32(2);
  f.op(OP.i32_shr_u);
  f.op(OP.i64_extend_i32_u);
  f.op(OP.i64_shr_u);
  f.op(OP.i32_wrap_i64);
  code.i32(1);
  f.op(OP.i32_and);
  offset();
  code.i32(size);
  f.op(OP.i32_lt_u);
  f.op(OP.i32_and);
}

/** Cells that have a narrow field, or the next one does. */
function bothCells([low, high]: readonly [number, number]): readonly [number, number] {
  return [low | (low >>> 1) | (high << 31), high | (high >>> 1)];
}

/** `STX | ATOMIC` (RFC 9669 section 5.3): read, combine, write; a fetch gives the old value back, zero-extended. */
export function writeAtomic(f: FunctionWriter, at: number): void {
  const { op, dst, src, imm } = f.program;
  const size = accessSize(op[at]);
  const kind = imm[at];
  const address = f.scratch(TYPE.I32);
  const old = f.scratch(TYPE.I64);
  const load = LOAD[size];
  const store = STORE[size];
  const { code } = f;
  const offset = pushAddress(f, at, dst[at] >> 1, size, ACCESS_WRITE);
  code.tee(address);
  code.access(load, offset);
  code.set(old);
  if (kind === ATOMIC.CMPXCHG) {
    compareAndExchange(f, at, { address, old, store, offset, size });
    return;
  }
  code.get(address);
  if (kind !== ATOMIC.XCHG) code.get(old);
  f.src64(at);
  if (kind !== ATOMIC.XCHG) f.op(combine(kind));
  code.access(store, offset);
  if (kind & ATOMIC.FETCH) {
    code.get(old);
    f.setRegister(src[at] >> 1);
  }
}

function combine(kind: number): typeof OP.i64_add | typeof OP.i64_or | typeof OP.i64_and | typeof OP.i64_xor {
  switch (kind & ~ATOMIC.FETCH) {
    case ATOMIC.OR:
      return OP.i64_or;
    case ATOMIC.AND:
      return OP.i64_and;
    case ATOMIC.XOR:
      return OP.i64_xor;
    default:
      return OP.i64_add;
  }
}

interface Place {
  readonly address: Index;
  readonly old: Index;
  readonly store: AccessOp;
  readonly offset: number;
  readonly size: Size;
}

/** Write the source where the old value is r0; r0 becomes the old value. */
function compareAndExchange(f: FunctionWriter, at: number, { address, old, store, offset, size }: Place): void {
  const { code } = f;
  code.get(old);
  f.getRegister(0);
  if (size === 4) {
    f.op(OP.i32_wrap_i64);
    f.op(OP.i64_extend_i32_u);
  }
  f.op(OP.i64_eq);
  code.if();
  code.get(address);
  f.src64(at);
  code.access(store, offset);
  code.end();
  code.get(old);
  f.setRegister(0);
}

/** Whether an opcode of class LDX, STX accesses memory; ST is STX in canonical form. */
export function isAccess(op: number): boolean {
  const cls = op & 7;
  return cls === CLASS.LDX || cls === CLASS.STX;
}
