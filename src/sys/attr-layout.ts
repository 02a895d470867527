/**
 * Where each field of a typed attribute lies in Linux 6.18's binary `union bpf_attr` (168 bytes, little-endian): one row
 * a field. Sources: <linux/bpf.h> (uapi) and the BTF of Linux 6.18. `end` is the first byte after the command's last
 * field as the kernel counts it (anything but zero from there on is EINVAL), probed on the running kernel.
 */
import type {
  BpfCmd,
  BtfLoadAttr,
  GetFdByIdAttr,
  GetNextIdAttr,
  MapBatchAttr,
  MapCreateAttr,
  MapElemAttr,
  MapFreezeAttr,
  MapGetNextKeyAttr,
  ObjInfoAttr,
  ProgLoadAttr,
  ProgTestRunAttr,
} from './attr.ts';

/** sizeof(union bpf_attr) in Linux 6.18. */
export const ATTR_SIZE = 168;
/** The largest `size` that bpf(2) reads: a page. */
export const ATTR_MAX_SIZE = 4096;

export interface ScalarRow<F extends string = string> {
  readonly kind: 'u32' | 'u64' | 'name';
  readonly field: F;
  readonly at: number;
  /** `out`: written by the kernel, never read. */
  readonly out: boolean;
  /** Both read and written. */
  readonly inOut?: boolean;
}

/** A 64-bit user pointer. How many bytes it points to is said by another field, or by nobody (`size`). */
export interface PointerRow<F extends string = string> {
  readonly kind: 'pointer';
  readonly field: F;
  readonly at: number;
  /** Offset of the 32-bit count of elements, -1 where there is none. */
  readonly count: number;
  /** Bytes of an element, or the field that says so. */
  readonly unit: number | F;
  /**
   * Where no field counts: a map's key, a map's value, `count` of either, a place in a batch, a NUL-terminated text, an
   * array of descriptors.
   */
  readonly size: 'counted' | 'key' | 'value' | 'keys' | 'values' | 'place' | 'text' | 'fds';
}

/** Bytes that Linux knows and the typed attributes do not carry; only zero, or what a missing flag makes meaningless. */
export interface IgnoredRow {
  readonly kind: 'ignored';
  readonly at: number;
  readonly bytes: number;
}

export type Row<F extends string = string> = ScalarRow<F> | PointerRow<F> | IgnoredRow;

export interface Layout {
  readonly name: string;
  readonly end: number;
  readonly rows: readonly Row[];
}

const u32 = <F extends string>(field: F, at: number): Row<F> => ({ kind: 'u32', field, at, out: false });
const u64 = <F extends string>(field: F, at: number): Row<F> => ({ kind: 'u64', field, at, out: false });
const out32 = <F extends string>(field: F, at: number): Row<F> => ({ kind: 'u32', field, at, out: true });
const inOut32 = <F extends string>(field: F, at: number): Row<F> => ({
  kind: 'u32',
  field,
  at,
  out: false,
  inOut: true,
});
const name = <F extends string>(field: F, at: number): Row<F> => ({ kind: 'name', field, at, out: false });
const ignored = (at: number, bytes: number): IgnoredRow => ({ kind: 'ignored', at, bytes });
const buffer = <F extends string>(field: F, at: number, count: number, unit: number | F = 1): Row<F> => ({
  kind: 'pointer',
  field,
  at,
  count,
  unit,
  size: 'counted',
});
const pointer = <F extends string>(field: F, at: number, size: PointerRow['size']): Row<F> => ({
  kind: 'pointer',
  field,
  at,
  count: -1,
  unit: 1,
  size,
});

function layout<A>(command: string, end: number, rows: readonly Row<keyof A & string>[]): Layout {
  return { name: `BPF_${command}`, end, rows };
}

const getNextId = (kind: string): Layout =>
  layout<GetNextIdAttr>(`${kind}_GET_NEXT_ID`, 8, [u32('startId', 0), out32('nextId', 4), u32('openFlags', 8)]);

const batch = (command: string): Layout =>
  layout<MapBatchAttr>(`MAP_${command}_BATCH`, 56, [
    pointer('inBatch', 0, 'place'),
    pointer('outBatch', 8, 'place'),
    pointer('keys', 16, 'keys'),
    pointer('values', 24, 'values'),
    inOut32('count', 32),
    u32('mapFd', 36),
    u64('elemFlags', 40),
    u64('flags', 48),
  ]);

/** One layout a command; a command that is not here answers -EINVAL. */
export const LAYOUTS: { readonly [C in BpfCmd]: Layout } = {
  0: layout<MapCreateAttr>('MAP_CREATE', 92, [
    u32('mapType', 0),
    u32('keySize', 4),
    u32('valueSize', 8),
    u32('maxEntries', 12),
    u32('mapFlags', 16),
    u32('innerMapFd', 20),
    u32('numaNode', 24),
    name('mapName', 28),
    u32('mapIfindex', 44),
    u32('btfFd', 48),
    u32('btfKeyTypeId', 52),
    u32('btfValueTypeId', 56),
    u32('btfVmlinuxValueTypeId', 60),
    u64('mapExtra', 64),
    ignored(72, 8), // value_type_btf_obj_fd and map_token_fd: read only with their flags
  ]),
  1: layout<MapElemAttr>('MAP_LOOKUP_ELEM', 32, [
    u32('mapFd', 0),
    pointer('key', 8, 'key'),
    pointer('value', 16, 'value'),
    u64('flags', 24),
    ignored(4, 4),
  ]),
  2: layout<MapElemAttr>('MAP_UPDATE_ELEM', 32, [
    u32('mapFd', 0),
    pointer('key', 8, 'key'),
    pointer('value', 16, 'value'),
    u64('flags', 24),
    ignored(4, 4),
  ]),
  3: layout<MapElemAttr>('MAP_DELETE_ELEM', 16, [u32('mapFd', 0), pointer('key', 8, 'key'), ignored(4, 4)]),
  4: layout<MapGetNextKeyAttr>('MAP_GET_NEXT_KEY', 24, [
    u32('mapFd', 0),
    pointer('key', 8, 'key'),
    pointer('nextKey', 16, 'key'),
    ignored(4, 4),
  ]),
  5: layout<ProgLoadAttr>('PROG_LOAD', ATTR_SIZE, [
    u32('progType', 0),
    buffer('insns', 8, 4, 8),
    pointer('license', 16, 'text'),
    u32('logLevel', 24),
    buffer('logBuf', 32, 28),
    u32('kernVersion', 40),
    u32('progFlags', 44),
    name('progName', 48),
    u32('progIfindex', 64),
    u32('expectedAttachType', 68),
    u32('progBtfFd', 72),
    u32('funcInfoRecSize', 76),
    buffer('funcInfo', 80, 88, 'funcInfoRecSize'),
    u32('lineInfoRecSize', 92),
    buffer('lineInfo', 96, 104, 'lineInfoRecSize'),
    u32('attachBtfId', 108),
    u32('attachProgFd', 112),
    pointer('fdArray', 120, 'fds'),
    out32('logTrueSize', 140),
    ignored(144, 4), // prog_token_fd: read only with its flag
  ]),
  10: layout<ProgTestRunAttr>('PROG_TEST_RUN', 76, [
    u32('progFd', 0),
    out32('retval', 4),
    buffer('dataIn', 16, 8),
    buffer('dataOut', 24, 12),
    out32('dataSizeOut', 12),
    u32('repeat', 32),
    out32('duration', 36),
    buffer('ctxIn', 48, 40),
    buffer('ctxOut', 56, 44),
    out32('ctxSizeOut', 44),
    u32('flags', 64),
    u32('cpu', 68),
    u32('batchSize', 72),
  ]),
  11: getNextId('PROG'),
  12: getNextId('MAP'),
  13: layout<GetFdByIdAttr>('PROG_GET_FD_BY_ID', 4, [u32('id', 0), u32('openFlags', 8)]),
  14: layout<GetFdByIdAttr>('MAP_GET_FD_BY_ID', 12, [u32('id', 0), ignored(4, 4), u32('openFlags', 8)]),
  15: layout<ObjInfoAttr>('OBJ_GET_INFO_BY_FD', 16, [u32('bpfFd', 0), buffer('info', 8, 4), out32('infoLen', 4)]),
  18: layout<BtfLoadAttr>('BTF_LOAD', 40, [
    buffer('btf', 0, 16),
    buffer('btfLogBuf', 8, 20),
    u32('btfLogLevel', 24),
    out32('btfLogTrueSize', 28),
    ignored(36, 4), // btf_token_fd: read only with its flag
  ]),
  19: layout<GetFdByIdAttr>('BTF_GET_FD_BY_ID', 16, [
    u32('id', 0),
    ignored(4, 4),
    u32('openFlags', 8),
    ignored(12, 4), // fd_by_id_token_fd: read only with its flag
  ]),
  21: layout<MapElemAttr>('MAP_LOOKUP_AND_DELETE_ELEM', 32, [
    u32('mapFd', 0),
    pointer('key', 8, 'key'),
    pointer('value', 16, 'value'),
    u64('flags', 24),
    ignored(4, 4),
  ]),
  22: layout<MapFreezeAttr>('MAP_FREEZE', 4, [u32('mapFd', 0)]),
  23: getNextId('BTF'),
  24: batch('LOOKUP'),
  25: batch('LOOKUP_AND_DELETE'),
  26: batch('UPDATE'),
  27: batch('DELETE'),
};
