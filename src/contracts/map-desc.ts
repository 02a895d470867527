import type { MapField } from './map-fields.ts';

/** What the verifier may know of a map: its shape, its flags, and frozen contents. It allocates and changes nothing. */
export interface MapDesc {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
  /** Whether user space can no longer write (MAP_FREEZE). */
  readonly frozen: boolean;
  /** For maps of maps: the shape that each of its maps has. */
  readonly inner?: MapDesc;
  /** What the kernel itself keeps in the values, by their BTF; undefined for a map without BTF. */
  readonly fields?: readonly MapField[];
  /** For frozen read-only arrays: `size` bytes at `offset` of the values, or undefined where unknown. */
  readFrozen?(offset: number, size: number): Uint8Array | undefined;
}
