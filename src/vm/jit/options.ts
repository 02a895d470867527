/** How a program is compiled. */
import type { Context } from '../world.ts';
import type { HelperFunctions } from './helper-calls.ts';
import type { MapFunctions } from './map-calls.ts';

/** The context struct, where some fields are narrower on Linux than the struct that programs see. */
export type NarrowContextRange = Pick<Context, 'region' | 'cells' | 'halves'>;

/** What is known of a map before it is: of those in a map of maps. */
export type InnerShape = Pick<MapShape, 'type' | 'hasFields' | 'keySize' | 'valueSize'>;

/** A map that look-ups may be compiled for: fields of its header (MAP_HEADER), which never change. */
export interface MapShape {
  readonly address: number;
  readonly type: number;
  /** Whether its values have fields that the kernel keeps: only helpers write it. */
  readonly hasFields: boolean;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly elemSize: number;
  readonly values: number;
  readonly buckets: number;
  readonly bucketMask: number;
  readonly seed: number;
  readonly valueOffset: number;
  /** 0: one value for all CPUs. */
  readonly cpuStride: number;
  /** Per-CPU types: CPUs that there are values for. */
  readonly copies: number;
  /** Bloom filter: hash functions. */
  readonly hashes: number;
  /** LRU hash: bytes from an element to its LRU_NODE; 0 elsewhere. */
  readonly nodeOffset: number;
  /** Map of maps: what each map in it is like. */
  readonly inner?: InnerShape;
}

/** The map whose header is at an address. */
export type MapShapes = (address: number) => MapShape;

export interface MapOptions {
  /** Slots of the `ld_imm64` that load a map's header. */
  readonly mapLoads: ReadonlySet<number>;
  readonly maps: MapShapes;
}

/** Bytes from the start of the context. */
export interface PacketFields {
  readonly data: number;
  readonly data_end: number;
  readonly data_meta: number;
}

export interface JitOptions extends MapOptions {
  /**
   * `checked`: every access is checked, for programs that nobody verified; traps are the interpreter's.
   * `verified`: no checks.
   * `hardened`: as `verified`, and every access is held to memory that programs may touch; helpers do all that touches maps.
   */
  readonly mode: 'checked' | 'verified' | 'hardened';
  /** Mode `hardened`: address of the table of pages. */
  readonly pages: number;
  /** Frames that the stack has. */
  readonly frames: number;
  /** Address of the engine's own page, see `AREA`. */
  readonly area: number;
  /** Address of the places for keys, KEY_PLACE bytes for each frame; 0: there are none. */
  readonly keys: number;
  /** Top of the main program's stack frame. */
  readonly frameTop: number;
  /** Mode `verified`: bytes of the main program's frame that it may use. Mode `checked` zeroes all of it. */
  readonly stackDepth: number;
  /** Offsets of the context's fields that say where a packet lies: export a loop over packets. */
  readonly packetFields: PacketFields | undefined;
  /** Compile it as what tail calls start, too. */
  readonly entry: boolean;
  /** Mode `verified`: ask the machine for more after a number of instructions, see `fuelOfBlocks`. */
  readonly fuel: boolean;
  /** Mode `checked`: count instructions against a budget. */
  readonly budget: boolean;
  /** The map core; absent: helpers do all that touches maps. */
  readonly core?: MapFunctions;
  /** The helper core; absent: all helpers are called. */
  readonly quick?: HelperFunctions;
  /** Absent: the context is plain memory. */
  readonly narrow?: NarrowContextRange;
}
