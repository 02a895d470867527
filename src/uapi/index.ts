/** The kernel's ABI as data: numbers and names of Linux 6.18. No behaviour lives here. */
export * from './generated.ts';
export * from './constants.ts';
export * from './structs.ts';
