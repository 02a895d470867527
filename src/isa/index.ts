/** The instruction set: bit fields, slots and the opcode table. */
export * from './constants.ts';
export * from './form.ts';
export * from './instruction.ts';
export * from './table.ts';
