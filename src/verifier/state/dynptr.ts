/**
 * Dynptrs: pointers with a length that is only known at run time (@kernel bpf_dynptr_kern). One takes 16 bytes of stack,
 * two slots of which each holds what is known of the whole; a callback may get one in a register. Slices, memory that was
 * looked up in a dynptr, carry its id, and end with it.
 */
import { REG, Reg } from './reg.ts';
import { all, kindAt, Slot, STACK } from './slot.ts';

/** What a dynptr lies over; the register's `range`. @kernel enum bpf_dynptr_type */
export const DYNPTR = { LOCAL: 1, RINGBUF: 2 } as const;
export type DynptrKind = (typeof DYNPTR)[keyof typeof DYNPTR];
const NAMES = ['', 'local', 'ringbuf'];

/** Bytes. */
export const DYNPTR_SIZE = 16;

/** `frame` is 1 in the slot at the dynptr's address, and in registers; 0 in the slot above. */
const FIRST = 1;

/** What is known of a dynptr: its id, and the reference to give back, 0 for none. */
export const dynptrReg = (zero: number, kind: DynptrKind, id: number, refId: number): Reg =>
  new Reg(REG.DYNPTR, zero, 0, id, 0, refId, -1, kind, FIRST);

/** The slots of a dynptr: at its address, and above. */
export function dynptrSlots(reg: Reg): [first: Slot, second: Slot] {
  const types = all(STACK.DYNPTR);
  const above = new Reg(reg.type, reg.s, reg.off, reg.id, reg.linked, reg.refId, reg.map, reg.range, 0);
  return [new Slot(types, reg), new Slot(types, above)];
}

/** Half of a dynptr is here. */
export const isDynptr = (slot: Slot): boolean => kindAt(slot.types, 7) === STACK.DYNPTR;
export const isDynptrStart = (slot: Slot): boolean => isDynptr(slot) && slot.reg.frame === FIRST;

export const dynptrName = (reg: Reg): string => NAMES[reg.range];

/** A slice of dynptr `id`: see `Reg.map`. */
export const isSliceOf = (reg: Reg, id: number): boolean => (reg.type & 0xff) === REG.MEM && reg.map === id;
