/** What the arguments of a call say of it, gathered while they are checked. @kernel bpf_call_arg_meta */
import type { RawWrite } from '../access/stack.ts';

export interface CallMeta {
  /** Index of the map argument, -1 = none. */
  map: number;
  /** The key, where it is a constant on the stack and the map an array; -1 = unknown. */
  constKey: bigint;
  /** Memory that the helper writes and need not find initialised; size 0 = none. */
  raw: RawWrite;
  /** Most bytes that the last memory argument may have. */
  maxSize: number;
}

export const newMeta = (): CallMeta => ({ map: -1, constKey: -1n, raw: { reg: 0, size: 0 }, maxSize: 0 });
