/**
 * Where the pointers lie in the structs that OBJ_GET_INFO_BY_FD fills (little-endian), with the fields that count what they
 * point to. Sources: <linux/bpf.h> (uapi) and the BTF of Linux 6.18. A file of its own: the userspace subsystem needs nothing
 * else of the binary attributes.
 */

/** An array that an info struct points to. */
export interface InfoPointer {
  readonly field: string;
  /** Offset of the pointer in the info struct. */
  readonly at: number;
  /** Offset of the count of elements: room on entry, the number there is on return. */
  readonly count: number;
  /** Bytes of an element. */
  readonly unit: number;
  /** Offset of a record size that has to be said on entry, -1 where there is none. */
  readonly recordSize: number;
}

const array = (field: string, at: number, count: number, unit: number, recordSize = -1): InfoPointer => ({
  field,
  at,
  count,
  unit,
  recordSize,
});

export type ObjectKind = 'prog' | 'map' | 'btf';

/** The pointers in `struct bpf_prog_info` (232 bytes), `bpf_map_info` (104) and `bpf_btf_info` (32). */
export const INFO_POINTERS: { readonly [K in ObjectKind]: readonly InfoPointer[] } = {
  prog: [
    array('jitedProgInsns', 24, 16, 1),
    array('xlatedProgInsns', 32, 20, 1),
    array('mapIds', 56, 52, 4),
    array('jitedKsyms', 112, 104, 8),
    array('jitedFuncLens', 120, 108, 4),
    array('funcInfo', 136, 144, 8, 132),
    array('lineInfo', 152, 148, 16, 172),
    array('jitedLineInfo', 160, 168, 8, 176),
    array('progTags', 184, 180, 8),
  ],
  map: [array('hash', 88, 96, 1)],
  btf: [array('btf', 0, 8, 1), array('name', 16, 24, 1)],
};
