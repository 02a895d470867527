/**
 * What a map type implements. Two faces: programs pass addresses in the memory and receive addresses (`*Elem`), user
 * space passes bytes and receives bytes (`sys*`). Both answer -errno.
 */

/** What is fixed when a map is created. */
export interface MapInfo {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: number;
  readonly name: string;
}

export interface BpfMap {
  readonly info: MapInfo;
  /** Address of the map's header: what `r1 = map[…]` holds while a program runs. Never dereferenced by programs. */
  readonly address: number;
  /** Bytes of memory held, for accounting. */
  readonly memoryBytes: number;

  /** Helper 1. @returns the value's address on CPU `cpu`, or 0. */
  lookupElem(key: number, cpu: number): number;
  /** Helper 2. @returns 0 or -errno. */
  updateElem(key: number, value: number, flags: number, cpu: number): number;
  /** Helper 3. @returns 0 or -errno. */
  deleteElem(key: number): number;

  /** MAP_LOOKUP_ELEM: fills `value`. */
  sysLookup(key: Uint8Array, value: Uint8Array, flags: number): number;
  sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number;
  sysDelete(key: Uint8Array): number;
  sysLookupAndDelete(key: Uint8Array, value: Uint8Array, flags: number): number;
  /** `key` undefined: the first key. */
  sysGetNextKey(key: Uint8Array | undefined, nextKey: Uint8Array): number;

  /** Address of byte `offset` of the values of an array, for `ld_imm64 BPF_PSEUDO_MAP_VALUE`; -errno elsewhere. */
  directValueAddress(offset: number): number;

  /** Give all memory back once no program runs. */
  destroy(): void;
}
