/**
 * How registers, stack and states are spelled in the log. Every byte is the kernel's: numbers decimal while they are
 * short, ranges of equal value joined (`smin=umin=1`), what is not known left out.
 */
import type { ScalarStore } from '../../domain/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { structName } from '../kernel-types.ts';
import { dynptrName, isDynptr, isDynptrStart } from '../state/dynptr.ts';
import { baseType, isPacket, REG, type Reg, typeName } from '../state/reg.ts';
import { type Ref, refsText } from '../state/refs.ts';
import { isSpill, kindAt, letters, STACK } from '../state/slot.ts';
import { type Frame, NREGS, type State } from '../state/state.ts';

const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;
const U64_MAX = (1n << 64n) - 1n;
const U32_MASK = 0xffff_ffffn;

const hex = (v: bigint): string => `0x${BigInt.asUintN(64, v).toString(16)}`;
/** Signed numbers are decimal within 16 bits. */
const isShortSigned = (v: bigint): boolean => v >= -32768n && v <= 32767n;
const signed = (v: bigint): string => (isShortSigned(v) ? v.toString() : hex(v));
const unsigned = (v: bigint): string => (v <= 65535n ? v.toString() : hex(v));

/** `(0x0; 0xff)`, or the number where all bits are known. */
export function tnumText(store: ScalarStore, s: number): string {
  if (store.isConst(s)) return unsigned(store.constValue(s));
  return `(${hex(store.tnumValue(s))}; ${hex(store.tnumMask(s))})`;
}

/** `,smin=0,smax=umax=255` with the comma left to the caller. */
function ranges(store: ScalarStore, s: number): string[] {
  const narrow = (v: number): bigint => (v >= -32768 && v <= 32767 ? BigInt(v) : BigInt(v) & U32_MASK);
  const rows: { name: string; value: bigint; omit: boolean }[] = [
    { name: 'smin', value: store.smin(s), omit: store.smin(s) === S64_MIN },
    { name: 'smax', value: store.smax(s), omit: store.smax(s) === S64_MAX },
    { name: 'umin', value: store.umin(s), omit: store.umin(s) === 0n },
    { name: 'umax', value: store.umax(s), omit: store.umax(s) === U64_MAX },
    { name: 'smin32', value: narrow(store.smin32(s)), omit: store.smin32(s) === -0x8000_0000 },
    { name: 'smax32', value: narrow(store.smax32(s)), omit: store.smax32(s) === 0x7fff_ffff },
    { name: 'umin32', value: BigInt(store.umin32(s)), omit: store.umin32(s) === 0 },
    { name: 'umax32', value: BigInt(store.umax32(s)), omit: store.umax32(s) === 0xffff_ffff },
  ];
  const out: string[] = [];
  rows.forEach((row, i) => {
    if (row.omit) return;
    const negative = row.name[0] === 's' && row.value < 0n;
    let names = `${row.name}=`;
    // Only lower bounds join lower bounds, and upper ones upper ones: every other row.
    for (let j = i + 2; j < rows.length; j += 2) {
      const other = rows[j];
      const same = BigInt.asUintN(64, other.value) === BigInt.asUintN(64, row.value);
      if (other.omit || !same || (other.name[0] === 's' && other.value < 0n) !== negative) continue;
      other.omit = true;
      names += `${other.name}=`;
    }
    out.push(names + (row.name[0] === 's' ? signed(row.value) : unsigned(row.value)));
  });
  return out;
}

/** What is known of a number that is not constant; empty where nothing is. */
function numberText(env: Env, s: number): string {
  const known = env.numberTexts.get(s);
  if (known !== undefined) return known;
  const { store } = env;
  const parts = ranges(store, s);
  if (store.tnumMask(s) !== U64_MAX) parts.push(`var_off=${tnumText(store, s)}`);
  const text = parts.join(',');
  env.numberTexts.set(s, text);
  return text;
}

const isMapPointer = (type: number): boolean => {
  const base = baseType(type);
  return base === REG.MAP_PTR || base === REG.MAP_KEY || base === REG.MAP_VALUE;
};

/** A register's value, as behind `R1=`. */
export function regText(env: Env, reg: Reg, frame: Frame, precise: boolean): string {
  const { store } = env;
  const isScalar = reg.type === REG.SCALAR;
  const prefix = isScalar && precise ? 'P' : '';
  const isConst = store.isConst(reg.s);
  if (isScalar && isConst) return prefix + signed(BigInt.asIntN(64, store.constValue(reg.s)));
  let text = prefix + typeName(reg.type);
  if (baseType(reg.type) === REG.BTF_ID) text += structName(env, reg.map);
  if (reg.type === REG.STACK) {
    if (frame.frameno !== reg.frame) text += `[${reg.frame}]`;
    if (isConst) return text + signed(BigInt.asIntN(64, store.constValue(reg.s)) + BigInt(reg.off));
  }
  const parts: string[] = [];
  // A linked scalar's distance is joined to its id: `id=1+4`.
  if (reg.id) parts.push(`id=${reg.id}${reg.linked ? `${reg.off < 0 ? '' : '+'}${reg.off}` : ''}`);
  if (reg.refId) parts.push(`ref_obj_id=${reg.refId}`);
  if (isMapPointer(reg.type)) {
    const map = env.aux.maps[reg.map];
    if (map.name) parts.push(`map=${map.name}`);
    parts.push(`ks=${map.keySize}`, `vs=${map.valueSize}`);
  }
  if (!isScalar && reg.off) parts.push(`off=${signed(BigInt(reg.off))}`);
  if (isPacket(reg.type)) parts.push(`r=${unsigned(BigInt.asUintN(64, BigInt(reg.range)))}`);
  if (baseType(reg.type) === REG.MEM) parts.push(`sz=${unsigned(BigInt(reg.range))}`);
  if (reg.type === REG.DYNPTR) parts.push(`type=${dynptrName(reg)}`);
  if (isConst) {
    const value = BigInt.asIntN(64, store.constValue(reg.s));
    if (value !== 0n) parts.push(`imm=${signed(value)}`);
  } else {
    const known = numberText(env, reg.s);
    if (known) parts.push(known);
  }
  return `${text}(${parts.join(',')})`;
}

function slotText(env: Env, frame: Frame, index: number): string {
  const slot = frame.stack[index];
  const name = ` fp${-(index + 1) * 8}=`;
  // Shown with its upper half, at its address.
  if (isDynptr(slot)) return isDynptrStart(slot) ? '' : dynptrText(frame.stack[index + 1].reg, index + 1);
  if (!isSpill(slot)) return slot.types === 0 ? '' : name + letters(slot.types);
  let above = 0;
  while (above < 8 && kindAt(slot.types, above) !== STACK.SPILL) above++;
  return name + letters(slot.types, above) + regText(env, slot.reg, frame, frame.isSlotPrecise(index));
}

function dynptrText(reg: Reg, index: number): string {
  const refId = reg.refId ? `,ref_id=${reg.refId}` : '';
  // What Linux shows last is that this is the first half.
  return ` fp${-(index + 1) * 8}=dynptr_${dynptrName(reg)}(id=${reg.id}${refId},dynptr_id=1)`;
}

/** Registers and slots to print: bit r; slots 0-31 and 32-63. */
interface Shown {
  readonly regs: number;
  readonly low: number;
  readonly high: number;
}
const ALL: Shown = { regs: -1, low: -1, high: -1 };

const shownOf = (env: Env): Shown => ({ regs: env.scratchedRegs, low: env.scratchedLow, high: env.scratchedHigh });

/** ` R0=0 R10=fp0 fp-8=mmmm????`; only what was touched since the last line, or all. */
export const stateText = (env: Env, state: State, frameno: number, all: boolean): string =>
  frameText(env, state.frames[frameno], frameno, state.refs, all ? ALL : shownOf(env));

function frameText(env: Env, frame: Frame, frameno: number, refs: readonly Ref[], shown: Shown): string {
  let text = frameno ? ` frame${frameno}:` : '';
  for (let r = 0; r < NREGS; r++) {
    const reg = frame.regs[r];
    if (reg.type === REG.NOT_INIT || !((shown.regs >>> r) & 1)) continue;
    text += ` R${r}=${regText(env, reg, frame, ((frame.preciseRegs >>> r) & 1) !== 0)}`;
  }
  for (let i = 0; i < frame.stack.length; i++) {
    if (((i < 32 ? shown.low >>> i : shown.high >>> (i - 32)) & 1) !== 0) text += slotText(env, frame, i);
  }
  return text + refsText(refs) + (frame.asyncEntry ? ' async_cb' : frame.returns ? ' cb' : '');
}

/** What the last instruction changed, to be spelled when the line is read: registers and slots themselves never change. */
function changesLater(env: Env, { frames, refs }: State): () => string {
  const frameno = frames.length - 1;
  const frame = frames[frameno].copy();
  const shown = shownOf(env);
  return () => `${frameText(env, frame, frameno, refs, shown)}\n`;
}

const MIN_COLUMN = 40;
const TAB = 8;

/**
 * Print what the last instruction changed: behind its text, from column 40 on, or on a line of its own.
 * @kernel print_insn_state
 */
export function printInsnState(env: Env, state: State): void {
  const { log } = env;
  if (!log.enabled) return;
  if (env.prevLogPos && env.prevLogPos === log.mark) {
    log.reset(env.prevLogPos - 1);
    const length = env.prevInsnPrintLength;
    const column = Math.ceil(Math.max(length + TAB / 2, MIN_COLUMN) / TAB) * TAB;
    // A path that was put aside here cuts the log off at the byte where the newline was, and keeps a blank in its place.
    log.write(' ');
    log.write(`${' '.repeat(column - length - 2)};`);
  } else {
    log.write(`${env.insnIdx}:`);
  }
  if (log.verbose) log.write(`${stateText(env, state, state.frames.length - 1, false)}\n`);
  else log.writeLater(changesLater(env, state));
  env.clearScratched();
}

/** The name of a map type's number in messages. */
export const mapTypeName = (type: number): string =>
  Object.entries(MAP_TYPE)
    .find(([, n]) => n === type)?.[0]
    .toLowerCase() ?? String(type);
