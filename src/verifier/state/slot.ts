/**
 * What is known of eight bytes of stack (@kernel bpf_stack_state): a kind for each byte and, where a register was
 * spilled, the register. Like registers, slots never change; they are replaced.
 * Byte i counts from the slot's highest address down: byte 0 of the first slot is fp-1, byte 7 is fp-8.
 */
import { NOT_INIT, REG, type Reg } from './reg.ts';

/** Kinds of stack bytes. @kernel enum bpf_stack_slot_type */
export const STACK = { INVALID: 0, SPILL: 1, MISC: 2, ZERO: 3, DYNPTR: 4, ITER: 5, IRQ: 6 } as const;

/** The log's letter for each kind. */
const LETTERS = '?rm0dif';

/** Eight bytes of one kind. */
export const all = (kind: number): number => Math.imul(kind, 0x11111111) >>> 0;

const ALL_SPILL = all(STACK.SPILL);

export class Slot {
  /** Four bits a byte, byte i in bits 4i to 4i+3. */
  readonly types: number;
  /** The spilled register, NOT_INIT where none is. */
  readonly reg: Reg;
  constructor(types: number, reg: Reg) {
    this.types = types;
    this.reg = reg;
  }
}

export const EMPTY = new Slot(0, NOT_INIT);

/** Kind of byte `i`, 0-7. */
export const kindAt = (types: number, i: number): number => (types >>> (4 * i)) & 15;

/** The same with byte `i` of another kind. */
export const withKind = (types: number, i: number, kind: number): number =>
  ((types & ~(15 << (4 * i))) | (kind << (4 * i))) >>> 0;

/** A register was spilled here, whole or in part: the lowest byte belongs to it. */
export const isSpill = (slot: Slot): boolean => slot.types >>> 28 === STACK.SPILL;
export const isScalarSpill = (slot: Slot): boolean => isSpill(slot) && slot.reg.type === REG.SCALAR;
/** All eight bytes are one spilled number. */
export const isScalarSpill64 = (slot: Slot): boolean => slot.types === ALL_SPILL && slot.reg.type === REG.SCALAR;

/** Bytes of the spilled register, counted from the lowest address. */
export function spillSize(types: number): number {
  if (types === ALL_SPILL) return 8;
  let size = 0;
  for (let i = 7; i >= 0 && kindAt(types, i) === STACK.SPILL; i--) size++;
  return size;
}

/** Data was written over what was special: every initialised byte becomes MISC. */
export function scrub(types: number): number {
  let out = types;
  for (let i = 0; i < 8; i++) if (kindAt(types, i) !== STACK.INVALID) out = withKind(out, i, STACK.MISC);
  return out;
}

/** `mmmm????`: the letters of bytes 0 to `count` - 1. */
export function letters(types: number, count = 8): string {
  let text = '';
  for (let i = 0; i < count; i++) text += LETTERS[kindAt(types, i)];
  return text;
}
