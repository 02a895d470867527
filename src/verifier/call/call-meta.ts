/** What the arguments of a call say of it, gathered while they are checked. @kernel bpf_call_arg_meta */
import type { MapField } from '../../contracts/index.ts';
import type { RawWrite } from '../access/stack.ts';
import type { Reg } from '../state/reg.ts';

export interface CallMeta {
  /** Index of the map argument, -1 = none. */
  map: number;
  /** The key, where it is a constant on the stack and the map an array; -1 = unknown. */
  constKey: bigint;
  /** Memory that the helper writes and need not find initialised; size 0 = none. */
  raw: RawWrite;
  /** Most bytes that the last memory argument may have. */
  maxSize: number;
  /** Reference that an argument points into; 0 = none. */
  refId: number;
  /** Register whose object the helper takes away; 0 = none. */
  released: number;
  /** By which maps of one shape are told apart, see `Reg.range`: that of the map argument. */
  mapUid: number;
  /** The timer argument: it lies in a map's value. */
  timer: Reg | undefined;
  /** The field that a reference is exchanged with. */
  kptr: MapField | undefined;
  /** Function argument, -1 = none. */
  callback: number;
  /** What is known of the dynptr argument. */
  dynptr: Reg | undefined;
  /** Known size of the memory that the helper gives. */
  allocSize: number;
}

export const newMeta = (): CallMeta => ({
  map: -1,
  constKey: -1n,
  raw: { reg: 0, size: 0 },
  maxSize: 0,
  refId: 0,
  released: 0,
  mapUid: 0,
  timer: undefined,
  kptr: undefined,
  callback: -1,
  dynptr: undefined,
  allocSize: 0,
});
