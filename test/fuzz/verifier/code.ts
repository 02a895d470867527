/**
 * Programs that can be changed: a list of items whose jumps point at items, so that inserting and deleting keeps every
 * other jump where it was aimed. Any bytes can be held; what does not fit (a jump out of the program or into the middle
 * of a 64-bit immediate) keeps its numbers as they are.
 */
import { CALL, CLASS, JMP, LD_IMM64, decode, encode } from '../../../src/isa/index.ts';
import type { Instruction } from '../../../src/isa/index.ts';
import { CALL_PSEUDO, PSEUDO } from '../../../src/uapi/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';

/** One instruction. */
export interface Item {
  opcode: number;
  dst: number;
  src: number;
  off: number;
  imm: number;
  /** Immediate of the second slot: this is a whole `ld_imm64`. */
  high?: number;
  /** Index of the map whose descriptor goes into `imm`. */
  map?: number;
  /** Where a jump or call leads. */
  target?: Item;
  /** A function begins here: its BTF id. */
  func?: number;
  /** A source line begins here: offsets of its file's name and of its text in the BTF's strings, line and column. */
  line?: readonly [file: number, text: number, lineColumn: number];
}

export function item(opcode: number, dst = 0, src = 0, off = 0, imm = 0): Item {
  return { opcode, dst, src, off, imm };
}

const GOTOL = CLASS.JMP32 | JMP.JA;

/** The field that holds a jump's distance; undefined for what does not jump. */
export function distanceField({ opcode, src }: Pick<Item, 'opcode' | 'src'>): 'off' | 'imm' | undefined {
  if (opcode === CALL) return src === CALL_PSEUDO.CALL ? 'imm' : undefined;
  if (opcode === GOTOL || (opcode === LD_IMM64 && src === PSEUDO.FUNC)) return 'imm';
  const cls = opcode & 7;
  if (cls !== CLASS.JMP && cls !== CLASS.JMP32) return undefined;
  return (opcode & 0xf0) === JMP.EXIT || (opcode & 0xf0) === JMP.CALL ? undefined : 'off';
}

/** Jumps that go on behind themselves when they are not taken. */
export function isConditional({ opcode }: Item): boolean {
  const cls = opcode & 7;
  const op = opcode & 0xf0;
  return (cls === CLASS.JMP || cls === CLASS.JMP32) && op !== JMP.JA && op !== JMP.CALL && op !== JMP.EXIT;
}

export const slotsOf = (one: Item): number => (one.high === undefined ? 1 : 2);

/** The slots, and which of them take a map's descriptor. */
export interface Slots {
  readonly insns: Instruction[];
  readonly mapRefs: (readonly [slot: number, map: number])[];
}

export function toSlots(items: readonly Item[]): Slots {
  const at = new Map<Item, number>();
  let slots = 0;
  for (const one of items) {
    at.set(one, slots);
    slots += slotsOf(one);
  }
  const insns: Instruction[] = [];
  const mapRefs: [number, number][] = [];
  for (const one of items) {
    const { opcode, dst, src, high, map, target } = one;
    const insn = { opcode, dst, src, off: one.off, imm: one.imm };
    const field = distanceField(one);
    const to = target && at.get(target);
    if (field && to !== undefined) insn[field] = to - insns.length - 1;
    if (map !== undefined) mapRefs.push([insns.length, map]);
    insns.push(insn);
    if (high !== undefined) insns.push({ opcode: 0, dst: 0, src: 0, off: 0, imm: high });
  }
  return { insns, mapRefs };
}

export function toItems(insns: readonly Instruction[], mapRefs: readonly (readonly [number, number])[]): Item[] {
  const maps = new Map(mapRefs);
  const items: Item[] = [];
  const bySlot = new Map<number, Item>();
  for (let slot = 0; slot < insns.length; slot++) {
    const one: Item = { ...insns[slot] };
    if (maps.has(slot)) one.map = maps.get(slot);
    bySlot.set(slot, one);
    items.push(one);
    const tail = insns[slot + 1];
    const whole = one.opcode === LD_IMM64 && tail && !(tail.opcode || tail.dst || tail.src || tail.off);
    if (whole) one.high = insns[++slot].imm;
  }
  for (const [slot, one] of bySlot) {
    const field = distanceField(one);
    if (field) one.target = bySlot.get(slot + 1 + one[field]);
  }
  return items;
}

/** Function and line records have these sizes here; others are left alone. */
const FUNC_RECORD = 8;
const LINE_RECORD = 16;

const hasPlainRecords = (object: ProgramObject): boolean =>
  object.funcInfoRecSize === FUNC_RECORD && object.lineInfoRecSize === LINE_RECORD;

const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);

export function itemsOf(object: ProgramObject): Item[] {
  const items = toItems(decode(object.insns), object.mapRefs);
  if (!hasPlainRecords(object)) return items;
  const bySlot = new Map<number, Item>();
  let slot = 0;
  for (const one of items) {
    bySlot.set(slot, one);
    slot += slotsOf(one);
  }
  const funcs = wordsOf(object.funcInfo);
  for (let i = 0; i + 1 < funcs.length; i += 2) {
    const one = bySlot.get(funcs[i]);
    if (one) one.func = funcs[i + 1];
  }
  const lines = wordsOf(object.lineInfo);
  for (let i = 0; i + 3 < lines.length; i += 4) {
    const one = bySlot.get(lines[i]);
    if (one) one.line = [lines[i + 1], lines[i + 2], lines[i + 3]];
  }
  return items;
}

/** The object with another program; maps that it no longer uses stay. */
export function withItems(object: ProgramObject, items: readonly Item[]): ProgramObject {
  const { insns, mapRefs } = toSlots(items);
  return { ...object, insns: encode(insns), mapRefs, ...(hasPlainRecords(object) && recordsOf(items)) };
}

/** Function and line records of a program. */
export function recordsOf(items: readonly Item[]): Pick<ProgramObject, 'funcInfo' | 'lineInfo'> {
  const funcs: number[] = [];
  const lines: number[] = [];
  let slot = 0;
  for (const one of items) {
    if (one.func !== undefined) funcs.push(slot, one.func);
    if (one.line) lines.push(slot, ...one.line);
    slot += slotsOf(one);
  }
  const bytes = (words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
  return { funcInfo: bytes(funcs), lineInfo: bytes(lines) };
}

/** A copy whose jumps point into the copy. */
export function copy(items: readonly Item[]): Item[] {
  const twins = new Map(items.map((one) => [one, { ...one }]));
  for (const twin of twins.values()) if (twin.target) twin.target = twins.get(twin.target);
  return [...twins.values()];
}

/** Delete `count` items at `at`; jumps to them lead to what follows. */
export function remove(items: Item[], at: number, count = 1): void {
  const gone = new Set(items.splice(at, count));
  for (const one of items) if (one.target && gone.has(one.target)) one.target = items[at];
  // A function or a line goes on with what follows.
  for (const { func, line } of gone) {
    if (!items[at]) break;
    items[at].func ??= func;
    items[at].line ??= line;
  }
}
