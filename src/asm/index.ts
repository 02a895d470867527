/** Assembler and disassembler of the kernel's own text, and the dialect of conformance files. */
export * from './assemble.ts';
export * from './conformance.ts';
export * from './data-file.ts';
export * from './format.ts';
