/**
 * The arguments of each `bpf()` command, as typed objects. Field names are the uapi header's in camelCase
 * (@kernel union bpf_attr); what the kernel writes back (`retval`, `nextId`, `logTrueSize`, …) is written into the same
 * object, and buffers are filled in place. An absent field is zero. 64-bit flag words are numbers of at most 2^53 - 1.
 */

export interface MapCreateAttr {
  mapType: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  mapFlags?: number;
  innerMapFd?: number;
  numaNode?: number;
  mapName?: string;
  mapIfindex?: number;
  btfFd?: number;
  btfKeyTypeId?: number;
  btfValueTypeId?: number;
  btfVmlinuxValueTypeId?: number;
  mapExtra?: number;
}

/** MAP_LOOKUP_ELEM, MAP_LOOKUP_AND_DELETE_ELEM (value is written), MAP_UPDATE_ELEM, MAP_DELETE_ELEM. */
export interface MapElemAttr {
  mapFd: number;
  /** keySize bytes; absent = a null pointer. */
  key?: Uint8Array;
  /** valueSize bytes, or for per-CPU maps valueSize rounded up to 8 for each possible CPU. */
  value?: Uint8Array;
  flags?: number;
}

export interface MapGetNextKeyAttr {
  mapFd: number;
  /** Absent = give the first key. */
  key?: Uint8Array;
  nextKey: Uint8Array;
}

/**
 * MAP_LOOKUP_BATCH, MAP_LOOKUP_AND_DELETE_BATCH, MAP_UPDATE_BATCH, MAP_DELETE_BATCH: many elements at once. A look-up starts
 * where `inBatch` says (absent: at the beginning), and leaves in `outBatch` where the next one goes on.
 */
export interface MapBatchAttr {
  mapFd: number;
  /** What `outBatch` held after the last look-up: 4 bytes for hashes, keySize for other maps, at least 4. */
  inBatch?: Uint8Array;
  outBatch?: Uint8Array;
  /** `count` keys one after another. */
  keys?: Uint8Array;
  /** `count` values, each as wide as for MAP_LOOKUP_ELEM. */
  values?: Uint8Array;
  /** In: elements there is room for, or that are given. Out: elements that were done. */
  count: number;
  elemFlags?: number;
  flags?: number;
}

export interface ProgLoadAttr {
  progType: number;
  /** Whole slots, 8 bytes each. */
  insns: Uint8Array;
  license: string;
  logLevel?: number;
  /** NUL-terminated text is written here. */
  logBuf?: Uint8Array;
  /** Out: bytes the whole log needs, NUL included. */
  logTrueSize?: number;
  kernVersion?: number;
  progFlags?: number;
  progName?: string;
  progIfindex?: number;
  expectedAttachType?: number;
  progBtfFd?: number;
  funcInfoRecSize?: number;
  funcInfo?: Uint8Array;
  lineInfoRecSize?: number;
  lineInfo?: Uint8Array;
  attachBtfId?: number;
  attachProgFd?: number;
  /** Descriptors that `ld_imm64` with `BPF_PSEUDO_MAP_IDX` and kfunc calls index. */
  fdArray?: readonly number[];
}

export interface ProgTestRunAttr {
  progFd: number;
  dataIn?: Uint8Array;
  /** Room for the packet afterwards. */
  dataOut?: Uint8Array;
  /** Out: the packet's length afterwards. */
  dataSizeOut?: number;
  ctxIn?: Uint8Array;
  ctxOut?: Uint8Array;
  /** Out. */
  ctxSizeOut?: number;
  repeat?: number;
  flags?: number;
  cpu?: number;
  batchSize?: number;
  /** Out: the program's return value, 32 bits unsigned. */
  retval?: number;
  /** Out: nanoseconds per run, averaged over `repeat`. */
  duration?: number;
  /**
   * An extension of this project: `packet-socket` shows a socket filter the whole link-layer frame, as a program attached
   * to an AF_PACKET socket sees it, where the kernel's test run shows what follows the Ethernet header. Frames
   * of any length up to 65,535 bytes are taken.
   */
  view?: 'packet-socket';
  /**
   * An extension of this project: most instructions that all runs together may take, and most milliseconds; beyond them the
   * program is stopped with a BudgetTrap. Linux has no such limit: there both are -EINVAL.
   */
  fuel?: number;
  timeMs?: number;
}

/** PROG_GET_NEXT_ID, MAP_GET_NEXT_ID, BTF_GET_NEXT_ID. */
export interface GetNextIdAttr {
  startId: number;
  /** Out. */
  nextId?: number;
  openFlags?: number;
}

/** PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, BTF_GET_FD_BY_ID. */
export interface GetFdByIdAttr {
  id: number;
  openFlags?: number;
}

export interface MapFreezeAttr {
  mapFd: number;
}

/** The struct that `info` points to is binary, as in Linux: `bpf_prog_info`, `bpf_map_info` or `bpf_btf_info`. */
export interface ObjInfoAttr {
  bpfFd: number;
  /** `info.length` is `info_len` on entry. Pointers inside are resolved through `buffers`. */
  info: Uint8Array;
  /** Out: bytes written. */
  infoLen?: number;
  /** Arrays that the info struct would point to, by field name (`mapIds`, `xlatedProgInsns`, `btf`, `name`, …). */
  buffers?: Record<string, Uint8Array>;
}

export interface BtfLoadAttr {
  btf: Uint8Array;
  btfLogBuf?: Uint8Array;
  btfLogLevel?: number;
  /** Out. */
  btfLogTrueSize?: number;
}

/** The attribute type of every command, by number. */
export interface BpfAttrs {
  0: MapCreateAttr;
  1: MapElemAttr;
  2: MapElemAttr;
  3: MapElemAttr;
  4: MapGetNextKeyAttr;
  5: ProgLoadAttr;
  10: ProgTestRunAttr;
  11: GetNextIdAttr;
  12: GetNextIdAttr;
  13: GetFdByIdAttr;
  14: GetFdByIdAttr;
  15: ObjInfoAttr;
  18: BtfLoadAttr;
  19: GetFdByIdAttr;
  21: MapElemAttr;
  22: MapFreezeAttr;
  23: GetNextIdAttr;
  24: MapBatchAttr;
  25: MapBatchAttr;
  26: MapBatchAttr;
  27: MapBatchAttr;
}

/** A command that has an attribute type here; any other number answers -EINVAL. */
export type BpfCmd = keyof BpfAttrs;
