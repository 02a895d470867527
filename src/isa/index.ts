/** The instruction set: bit fields, slots and the opcode table. */
export * from './constants.ts';
export * from './instruction.ts';
