/** What engines ask of the world while a program runs. */
import type { Region, AddressSpace } from '../memory/index.ts';
import type { Executable } from './executable.ts';
import type { Packet } from './packet.ts';

export interface World {
  readonly space: AddressSpace;
  /** The packet that `LD_ABS` and `LD_IND` read; undefined: they end their function. */
  readonly packet: Packet | undefined;
  /** What `may_goto` looks at. */
  readonly clock?: { monotonic(): number };
}

/**
 * The program in slot `index` of the prog array whose header is at `map`.
 * @param slot of the call, for a Trap where there is no such map
 */
export type TailCalls<Env> = (map: number, index: number, slot: number) => Executable<Env> | undefined;

/** A context whose fields are narrower on Linux than the struct that programs see: what such a field does not keep. */
export interface Context {
  readonly region: Region;
  /** Bit `n`: such a field has bytes among the four from 4 × `n` on; low and high word. */
  readonly cells: readonly [low: number, high: number];
  /** The same of fields of 16 bits that keep the low half of whatever is stored. */
  readonly halves: readonly [low: number, high: number];
  /** Where a load of 1 or 2 bytes at an offset takes them from. */
  loadOffset(offset: number, size: number): number;
  /** Called after a store. */
  kept(offset: number, size: number): void;
}
