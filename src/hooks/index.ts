/** Program types: how each one's context is made, run and read back. */
export type { Cpu, Host, ProgramImage } from './api.ts';
