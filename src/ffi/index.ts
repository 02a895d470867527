/** The C library, behind an interface. */
export * from './libc.ts';
export { loadLibc } from './koffi.ts';
