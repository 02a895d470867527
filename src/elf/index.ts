/** ELF64 relocatable objects of BPF. */
export * from './constants.ts';
export * from './elf-file.ts';
