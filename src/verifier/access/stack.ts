/**
 * Loads and stores of the program's stack. Rejects (EACCES): offsets outside [-512, 0), reads of bytes never written (for
 * callers who may not see garbage), fills and spills of pointers in other sizes than eight bytes.
 * Pointers spilled whole keep their kind; numbers spilled at a slot's start keep all that is known; the rest is MISC or ZERO.
 */
import { ERRNO } from '../../errors/index.ts';
import { CLASS } from '../../isa/index.ts';
import { MAX_BPF_STACK } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { AUX } from '../insn-aux.ts';
import { printLine } from '../log/lines.ts';
import { tnumText } from '../log/state-text.ts';
import { markPrecise } from '../precision/backtrack.ts';
import { pushHistory } from '../precision/history.ts';
import { leaksPointer, withScalarId } from '../state/access-reg.ts';
import { isDynptr } from '../state/dynptr.ts';
import { MAX_VAR_OFF, NOT_INIT, REG, type Reg, scalar } from '../state/reg.ts';
import { all, EMPTY, isScalarSpill, isSpill, kindAt, scrub, Slot, spillSize, STACK, withKind } from '../state/slot.ts';
import { type Frame, HISTORY } from '../state/state.ts';
import { endDynptr } from './dynptr-slot.ts';

/** Slot of byte `off`, -1 to -512. */
const slotOf = (off: number): number => (-off - 1) >> 3;
/** Byte index of `off` within its slot. */
const byteOf = (off: number): number => (-off - 1) & 7;

const frameOf = (env: Env, ptr: Reg): Frame => env.cur.frames[ptr.frame];

/** Bits that the number may use. @kernel get_reg_width */
const widthOf = (env: Env, reg: Reg): number => env.store.width(reg.s);

/** The kinds of a slot's bytes, and the offset's fixed value; undefined where the offset varies. */
const fixedOffset = (env: Env, ptr: Reg, off: number): number | undefined =>
  env.store.isConst(ptr.s) ? env.store.constNumber(ptr.s) + off : undefined;

/**
 * Whether `size` bytes at `off` (the pointer's fixed offset included) lie in the stack for every value of the variable
 * offset; makes room for them. @kernel check_stack_access_within_bounds
 */
export function checkStackBounds(env: Env, r: number, off: number, size: number, write: boolean): number {
  const { store } = env;
  const ptr = env.regs[r];
  const how = write ? ' write to' : ' read from';
  const fixed = fixedOffset(env, ptr, off);
  let min = fixed ?? 0;
  let max = min + size;
  if (fixed === undefined) {
    const smin = store.sminN(ptr.s);
    const smax = store.smaxN(ptr.s);
    if (smax >= MAX_VAR_OFF || smin <= -MAX_VAR_OFF) {
      return env.fail(ERRNO.EACCES, `invalid unbounded variable-offset${how} stack R${r}`);
    }
    min = smin + off;
    max = smax + off + size;
  }
  const lowest = write || env.perfmonCapable ? -MAX_BPF_STACK : -frameOf(env, ptr).stack.length * 8;
  let errno = min < lowest || min > -1 ? ERRNO.EACCES : 0;
  if (!errno && max > 0) errno = ERRNO.EINVAL;
  if (!errno && size < 0) errno = ERRNO.EFAULT;
  if (errno) {
    const text =
      fixed !== undefined
        ? `invalid${how} stack R${r} off=${min} size=${size}`
        : `invalid variable-offset${how} stack R${r} var_off=${tnumText(store, ptr.s)} off=${off} size=${size}`;
    return env.fail(errno, text);
  }
  grow(env, frameOf(env, ptr), -min);
  return 0;
}

function grow(env: Env, frame: Frame, bytes: number): void {
  const slots = Math.ceil(bytes / 8);
  while (frame.stack.length < slots) frame.stack.push(EMPTY);
  const subprog = env.aux.subprogs[frame.subprog];
  subprog.stackDepth = Math.max(subprog.stackDepth, slots * 8);
}

/** A load through a stack pointer into `dst`; `dst` < 0 when no register is filled. @kernel check_stack_read */
export function checkStackRead(env: Env, r: number, off: number, size: number, dst: number): number {
  const ptr = env.regs[r];
  const fixed = fixedOffset(env, ptr, off);
  if (fixed !== undefined) return readFixed(env, ptr, fixed, size, dst);
  if (dst < 0) {
    const variable = tnumText(env.store, ptr.s);
    const text = `variable offset stack pointer cannot be passed into helper function; var_off=${variable} off=${off} size=${size}`;
    return env.fail(ERRNO.EACCES, text);
  }
  const err = checkStackRange(env, r, off, size, false, false);
  if (err) return err;
  const min = env.store.sminN(ptr.s) + off;
  const max = env.store.smaxN(ptr.s) + off;
  env.scratchSlot(slotOf(min));
  env.regs[dst] = loadedBytes(env, frameOf(env, ptr), min, max + size);
  return 0;
}

/** What bytes `min` to `max` - 1, none of them a spill, load as: zero if all are zero. */
function loadedBytes(env: Env, frame: Frame, min: number, max: number): Reg {
  for (let at = min; at < max; at++) {
    if (kindAt(frame.stack[slotOf(at)].types, byteOf(at)) !== STACK.ZERO) return env.unknown();
  }
  return scalar(env.store.ZERO);
}

function readFixed(env: Env, ptr: Reg, off: number, size: number, dst: number): number {
  const frame = frameOf(env, ptr);
  const index = slotOf(off);
  const slot = frame.stack[index];
  const place = { frame: ptr.frame, slot: index };
  env.scratchSlot(index);
  env.liveStack.recordRead(ptr.frame, index);
  if (!isSpill(slot)) {
    const bad = firstUnreadable(env, slot, off, size, false);
    if (bad >= 0) return unreadable(env, off, bad, size);
    if (dst >= 0) env.regs[dst] = loadedBytes(env, frame, off, off + size);
    return 0;
  }
  const spilled = spillSize(slot.types);
  if (size !== 8 || spilled !== 8) return readPart(env, frame, index, off, size, spilled, dst, place);
  if (dst >= 0) {
    env.regs[dst] = slot.reg;
  } else if (leaksPointer(env, slot.reg)) {
    return env.fail(ERRNO.EACCES, `leaking pointer from stack off ${off}`);
  }
  pushHistory(env, HISTORY.STACK_ACCESS, place);
  return 0;
}

/** First of `size` bytes at `off` that may not be read, or -1. A spilled number's bytes are readable where `spills`. */
function firstUnreadable(env: Env, slot: Slot, off: number, size: number, spills: boolean): number {
  for (let i = 0; i < size; i++) {
    const kind = kindAt(slot.types, byteOf(off + i));
    if (kind === STACK.MISC || kind === STACK.ZERO || (spills && kind === STACK.SPILL)) continue;
    if (kind === STACK.INVALID && env.readsUnwritten) continue;
    return i;
  }
  return -1;
}

const unreadable = (env: Env, off: number, i: number, size: number): number =>
  env.fail(ERRNO.EACCES, `invalid read from stack off ${off}+${i} size ${size}`);

/** A load that is not exactly the eight bytes of a whole spill. */
function readPart(
  env: Env,
  frame: Frame,
  index: number,
  off: number,
  size: number,
  spilled: number,
  dst: number,
  place: { frame: number; slot: number },
): number {
  const { store } = env;
  let slot = frame.stack[index];
  if (slot.reg.type !== REG.SCALAR) {
    printLine(env, env.insnIdx, '; ');
    return env.fail(ERRNO.EACCES, 'invalid size of register fill');
  }
  if (dst < 0) return 0;
  // On a little-endian machine the low bytes of a spill lie at the slot's start.
  if (size <= spilled && off % 8 === 0) {
    if (env.bpfCapable && size === 4 && spilled === 4 && widthOf(env, slot.reg) <= 32) {
      const reg = withScalarId(env, slot.reg);
      if (reg !== slot.reg) frame.stack[index] = slot = new Slot(slot.types, reg);
    }
    env.regs[dst] = widthOf(env, slot.reg) > size * 8 ? slot.reg.withId(0) : slot.reg;
    pushHistory(env, HISTORY.STACK_ACCESS, place);
    return 0;
  }
  const bad = firstUnreadable(env, slot, off, size, true);
  if (bad >= 0) return unreadable(env, off, bad, size);
  let spills = 0;
  let zeros = 0;
  for (let i = 0; i < size; i++) {
    const kind = kindAt(slot.types, byteOf(off + i));
    if (kind === STACK.SPILL) spills++;
    if (kind === STACK.ZERO) zeros++;
  }
  if (spills === size && store.isConst(slot.reg.s) && store.constValue(slot.reg.s) === 0n) {
    env.regs[dst] = scalar(store.ZERO);
    pushHistory(env, HISTORY.STACK_ACCESS, place);
  } else {
    env.regs[dst] = zeros === size ? scalar(store.ZERO) : env.unknown();
  }
  return 0;
}

/** A store of register `src` (< 0: of the instruction's immediate, or of something unknown). @kernel check_stack_write */
export function checkStackWrite(env: Env, r: number, off: number, size: number, src: number): number {
  const ptr = env.regs[r];
  const fixed = fixedOffset(env, ptr, off);
  if (fixed === undefined) return writeVariable(env, ptr, off, size, src);
  return writeFixed(env, ptr, fixed, size, src);
}

/** The immediate that the current instruction stores, if it is such a store. */
function storedImmediate(env: Env): number | undefined {
  const insn = env.insns[env.insnIdx];
  return (insn.opcode & 0xe7) === (CLASS.ST | 0x60) ? insn.imm : undefined;
}

function writeFixed(env: Env, ptr: Reg, off: number, size: number, src: number): number {
  const frame = frameOf(env, ptr);
  const index = slotOf(off);
  const place = { frame: ptr.frame, slot: index };
  const ended = endDynptr(env, ptr.frame, index);
  if (ended) return ended;
  const slot = frame.stack[index];
  const atStart = off % 8 === 0;
  let reg = src >= 0 ? env.regs[src] : undefined;
  if (!env.perfmonCapable && isSpill(slot) && slot.reg.type !== REG.SCALAR && size !== 8) {
    return env.fail(ERRNO.EACCES, 'attempt to corrupt spilled pointer on stack');
  }
  if (!env.bypassSpectreV4 && hidesOldValue(slot, off, size, reg)) env.aux.flags[env.insnIdx] |= AUX.NOSPEC_RESULT;
  env.scratchSlot(index);
  if (size === 8) env.liveStack.recordWrite(ptr.frame, index);
  const imm = reg ? undefined : storedImmediate(env);
  if (reg && atStart && reg.type === REG.SCALAR && env.bpfCapable) {
    const fits = widthOf(env, reg) <= size * 8;
    if (fits) reg = env.regs[src] = withScalarId(env, reg);
    frame.stack[index] = spill(slot, fits ? reg : reg.withId(0), size);
    pushHistory(env, HISTORY.STACK_ACCESS, place);
    return 0;
  }
  if (!reg && atStart && imm !== undefined && env.bpfCapable) {
    frame.stack[index] = spill(slot, scalar(env.store.constantNumber(imm)), size);
    pushHistory(env, HISTORY.STACK_ACCESS, place);
    return 0;
  }
  if (reg && isSpillable(reg)) {
    if (size !== 8) {
      printLine(env, env.insnIdx, '; ');
      return env.fail(ERRNO.EACCES, 'invalid size of register spill');
    }
    if (frame !== env.cur.top && reg.type === REG.STACK) {
      return env.fail(ERRNO.EINVAL, 'cannot spill pointers to stack into stack frame of the caller');
    }
    frame.stack[index] = spill(slot, reg, size);
    pushHistory(env, HISTORY.STACK_ACCESS, place);
    return 0;
  }
  let types = isSpill(slot) ? scrub(slot.types) : slot.types;
  let kind: number = STACK.MISC;
  const isNull = reg?.type === REG.SCALAR && reg.s === env.store.ZERO;
  if (isNull || (!reg && imm === 0)) {
    if (isNull) {
      const err = markPrecise(env, src);
      if (err) return err;
    }
    kind = STACK.ZERO;
  }
  for (let i = 0; i < size; i++) types = withKind(types, byteOf(off + i), kind);
  frame.stack[index] = new Slot(types, NOT_INIT);
  return 0;
}

/** Pointers that keep their kind on the stack; others become bytes of anything. @kernel is_spillable_regtype */
const isSpillable = ({ type }: Reg): boolean => type !== REG.SCALAR && type !== REG.NOT_INIT && type !== REG.DYNPTR;

/**
 * Whether a processor that loads before this store is done would see what it must not: something that was no plain
 * data, or a number where a pointer is stored (Spectre v4).
 */
function hidesOldValue(slot: Slot, off: number, size: number, reg: Reg | undefined): boolean {
  if (reg && reg.type !== REG.SCALAR && reg.type !== REG.NOT_INIT) return true;
  for (let i = 0; i < size; i++) {
    const kind = kindAt(slot.types, byteOf(off + i));
    if (kind !== STACK.MISC && kind !== STACK.ZERO) return true;
  }
  return false;
}

/** The slot after `size` bytes of `reg` were stored at its start. @kernel save_register_state */
function spill(slot: Slot, reg: Reg, size: number): Slot {
  if (size === 8) return new Slot(all(STACK.SPILL), reg);
  let { types } = slot;
  for (let i = 7; i >= 0; i--) {
    if (i >= 8 - size) types = withKind(types, i, STACK.SPILL);
    else {
      const kind = kindAt(types, i);
      if (kind !== STACK.ZERO && kind !== STACK.INVALID) types = withKind(types, i, STACK.MISC);
    }
  }
  return new Slot(types, reg);
}

/** Any of a range of slots may be hit: what was spilled there is forgotten. @kernel check_stack_write_var_off */
function writeVariable(env: Env, ptr: Reg, off: number, size: number, src: number): number {
  const { store } = env;
  const frame = frameOf(env, ptr);
  const min = store.sminN(ptr.s) + off;
  const max = store.smaxN(ptr.s) + off + size;
  const reg = src >= 0 ? env.regs[src] : undefined;
  const isZero = reg ? reg.type === REG.SCALAR && reg.s === store.ZERO : storedImmediate(env) === 0;
  for (let index = slotOf(max - 1); index <= slotOf(min); index++) {
    const err = endDynptr(env, ptr.frame, index);
    if (err) return err;
  }
  let zeroKept = false;
  for (let at = min; at < max; at++) {
    const index = slotOf(at);
    const slot = frame.stack[index];
    const kind = kindAt(slot.types, byteOf(at));
    env.scratchSlot(index);
    if (!env.perfmonCapable && kind === STACK.SPILL && slot.reg.type !== REG.SCALAR) {
      const text = `spilled ptr in range of var-offset stack write; insn ${env.insnIdx}, ptr off: ${at}`;
      return env.fail(ERRNO.EINVAL, text);
    }
    if (isZero && kind === STACK.SPILL && isScalarSpill(slot) && slot.reg.s === store.ZERO) {
      zeroKept = true;
      continue;
    }
    if (isZero && kind === STACK.ZERO) zeroKept = true;
    if (kind === STACK.INVALID && !env.readsUnwritten) {
      const text = `uninit stack in range of var-offset write prohibited for !root; insn ${env.insnIdx}, off: ${at}`;
      return env.fail(ERRNO.EINVAL, text);
    }
    const next = isZero && kind === STACK.ZERO ? STACK.ZERO : STACK.MISC;
    const types = isSpill(slot) ? scrub(slot.types) : slot.types;
    frame.stack[index] = new Slot(withKind(types, byteOf(at), next), NOT_INIT);
  }
  return zeroKept && src >= 0 ? markPrecise(env, src) : 0;
}

/** Where a helper will write memory that it need not find initialised. */
export interface RawWrite {
  reg: number;
  size: number;
}

/**
 * Whether `size` bytes may be read at once, or written by a helper when `write`; `raw` collects a write to fresh memory
 * instead of demanding initialised bytes. @kernel check_stack_range_initialized
 */
export function checkStackRange(
  env: Env,
  r: number,
  off: number,
  size: number,
  zeroAllowed: boolean,
  write: boolean,
  raw?: RawWrite,
): number {
  const { store } = env;
  const ptr = env.regs[r];
  if (size === 0 && !zeroAllowed) return env.fail(ERRNO.EACCES, 'invalid zero-sized read');
  const err = checkStackBounds(env, r, off, size, write);
  if (err) return err;
  const fixed = fixedOffset(env, ptr, off);
  if (fixed === undefined && !env.perfmonCapable) {
    const variable = tnumText(store, ptr.s);
    return env.fail(ERRNO.EACCES, `R${r} variable offset stack access prohibited for !root, var_off=${variable}`);
  }
  if (fixed !== undefined && raw) {
    for (let at = fixed; at < fixed + size; at++) {
      if (!isDynptr(frameOf(env, ptr).stack[slotOf(at)])) continue;
      return env.fail(ERRNO.EACCES, `potential write to dynptr at off=${at} disallowed`);
    }
    raw.reg = r;
    raw.size = size;
    return 0;
  }
  const min = fixed ?? store.sminN(ptr.s) + off;
  const end = (fixed ?? store.smaxN(ptr.s) + off) + size;
  const frame = frameOf(env, ptr);
  for (let at = min; at < end; at++) {
    const index = slotOf(at);
    if (!touch(env, frame, index, byteOf(at), write)) {
      const text =
        fixed !== undefined
          ? `invalid read from stack R${r} off ${min}+${at - min} size ${size}`
          : `invalid read from stack R${r} var_off ${tnumText(store, ptr.s)}+${at - min} size ${size}`;
      return env.fail(ERRNO.EACCES, text);
    }
    env.liveStack.recordRead(ptr.frame, index);
  }
  return 0;
}

/** One byte that a helper reads, or writes. @returns whether it may */
function touch(env: Env, frame: Frame, index: number, byte: number, write: boolean): boolean {
  const slot = frame.stack[index];
  const kind = kindAt(slot.types, byte);
  if (kind === STACK.MISC) return true;
  // Of a slot that holds a spilled number Linux takes the rest too, whoever asks.
  if (kind === STACK.INVALID && env.perfmonCapable && !env.readsUnwritten) return false;
  if (kind === STACK.ZERO || (kind === STACK.INVALID && env.readsUnwritten)) {
    if (write) frame.stack[index] = new Slot(withKind(slot.types, byte, STACK.MISC), slot.reg);
    return true;
  }
  if (!isSpill(slot) || !(slot.reg.type === REG.SCALAR || env.perfmonCapable)) return false;
  if (write) frame.stack[index] = new Slot(scrub(slot.types), env.unknown());
  return true;
}
