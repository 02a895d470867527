/**
 * The functions around `bpf()` that the patch set's examples use, for a C library that had none. They write attributes and
 * choose the one type of map; answers are the system call's: an id, 0, or -errno. Each may be taken out of its object:
 *
 *     const { bpf_create_map, bpf_lookup_elem } = openLwn2014();
 */
import { bytesOf } from './caller.ts';
import type { Bytes } from './caller.ts';
import {
  BPF_MAP_CREATE,
  BPF_MAP_DELETE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_KEY_SIZE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_MAX_ENTRIES,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_UPDATE_ELEM,
  BPF_MAP_VALUE_SIZE,
  BPF_PROG_LICENSE,
  BPF_PROG_LOAD,
  BPF_PROG_TEXT,
  BPF_PROG_UNLOAD,
} from './constants.ts';
import { MAX_ATTRIBUTES, writeAttributes } from './netlink.ts';

/** What each command of `bpf()` takes. */
export interface Commands {
  [BPF_MAP_CREATE]: [mapId: number, mapType: number, nlattr: Bytes, len: number];
  [BPF_MAP_DELETE]: [mapId: number];
  [BPF_MAP_LOOKUP_ELEM]: [mapId: number, key: Bytes, value: Bytes];
  [BPF_MAP_UPDATE_ELEM]: [mapId: number, key: Bytes, value: Bytes];
  [BPF_MAP_DELETE_ELEM]: [mapId: number, key: Bytes];
  [BPF_MAP_GET_NEXT_KEY]: [mapId: number, key: Bytes, nextKey: Bytes];
  [BPF_PROG_LOAD]: [progId: number, progType: number, nlattr: Bytes, len: number];
  [BPF_PROG_UNLOAD]: [progId: number];
}

/** Length of attributes that cannot be written. */
const TOO_LONG = MAX_ATTRIBUTES + 1;

/** The bytes of a C `int`; none of anything else. */
function int(value: number): Uint8Array {
  const fits = Number.isInteger(value) && (value === (value | 0) || value === value >>> 0);
  return fits ? new Uint8Array(Uint32Array.of(value).buffer) : new Uint8Array(0);
}

export abstract class Wrappers {
  abstract bpf<C extends keyof Commands>(cmd: C, ...args: Commands[C]): number;

  /**
   * @param insns instructions, 8 bytes each; maps by id
   * @param progLen bytes of them
   * @param license compatible with the GPL, such as `GPL`
   * @returns the id; as BPF_PROG_LOAD, and -E2BIG for more than an attribute holds
   */
  readonly bpf_prog_load = (
    progId: number,
    progType: number,
    insns: Bytes,
    progLen: number,
    license: string,
  ): number => {
    const text = bytesOf(insns);
    const isThere = text !== undefined && Number.isInteger(progLen) && progLen >= 0 && progLen <= text.length;
    if (!isThere || typeof license !== 'string') return this.bpf(BPF_PROG_LOAD, progId, progType, undefined, progLen);
    const attributes = writeAttributes([
      [BPF_PROG_TEXT, text.subarray(0, progLen)],
      [BPF_PROG_LICENSE, new TextEncoder().encode(`${license}\0`)],
    ]);
    return this.bpf(BPF_PROG_LOAD, progId, progType, attributes, attributes?.length ?? TOO_LONG);
  };

  readonly bpf_prog_unload = (progId: number): number => this.bpf(BPF_PROG_UNLOAD, progId);

  /** @returns the id; as BPF_MAP_CREATE, and -EINVAL for numbers that are no `int` */
  readonly bpf_create_map = (mapId: number, keySize: number, valueSize: number, maxEntries: number): number => {
    const attributes = writeAttributes([
      [BPF_MAP_KEY_SIZE, int(keySize)],
      [BPF_MAP_VALUE_SIZE, int(valueSize)],
      [BPF_MAP_MAX_ENTRIES, int(maxEntries)],
    ]);
    return this.bpf(BPF_MAP_CREATE, mapId, BPF_MAP_TYPE_HASH, attributes, attributes?.length ?? TOO_LONG);
  };

  readonly bpf_delete_map = (mapId: number): number => this.bpf(BPF_MAP_DELETE, mapId);

  /** Make the element or replace it. */
  readonly bpf_update_elem = (mapId: number, key: Bytes, value: Bytes): number =>
    this.bpf(BPF_MAP_UPDATE_ELEM, mapId, key, value);

  /** Fill `value`. */
  readonly bpf_lookup_elem = (mapId: number, key: Bytes, value: Bytes): number =>
    this.bpf(BPF_MAP_LOOKUP_ELEM, mapId, key, value);

  readonly bpf_delete_elem = (mapId: number, key: Bytes): number => this.bpf(BPF_MAP_DELETE_ELEM, mapId, key);

  /** Fill `nextKey`; without a key, or with one that is not there, with the first. */
  readonly bpf_get_next_key = (mapId: number, key: Bytes, nextKey: Bytes): number =>
    this.bpf(BPF_MAP_GET_NEXT_KEY, mapId, key, nextKey);
}
