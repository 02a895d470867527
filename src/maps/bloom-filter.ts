/**
 * BPF_MAP_TYPE_BLOOM_FILTER: a set of values that is asked, not read: user space's update pushes, its look-up asks for the value
 * it passes. `map_extra` is the number of hash functions, five where it is 0. The bits are a power of two, at least 7/5 for
 * each entry and hash function (as Linux's memlock shows): up to `maxEntries` values one in fifty that was never pushed is
 * found with five hash functions. @kernel bloom_filter_map_ops
 *
 * Refuses: flags and keys (-EINVAL), deletion and keys one after the other (-EOPNOTSUPP), look-up-and-delete (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_HEADER } from '../memory/index.ts';
import { MAP_FLAG } from '../uapi/index.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import { KeylessCoreMap } from './keyless-map.ts';
import { allocateHeader } from './storage.ts';

const DEFAULT_HASHES = 5;
const MIN_BITS = 64;
const MAX_BITS = 2 ** 32;

function bitsFor(maxEntries: number, hashes: number): number {
  let bits = MIN_BITS;
  while (bits < Math.floor((maxEntries * hashes * 7) / 5) && bits < MAX_BITS) bits *= 2;
  return bits;
}

export class BloomFilterMap extends KeylessCoreMap {
  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): BloomFilterMap | number {
    const hashes = Number(info.extra) || DEFAULT_HASHES;
    const bits = bitsFor(info.maxEntries, hashes);
    const region = allocateHeader(info, deps, bits / 8);
    return region === undefined ? -ERRNO.ENOMEM : new BloomFilterMap(info, deps, region, hashes, bits);
  }

  private constructor(info: MapInfo, deps: MapDeps, region: Region, hashes: number, bits: number) {
    super(info, deps, region, -ERRNO.EOPNOTSUPP);
    const set = (field: number, value: number): void => deps.memory.view.setUint32(region.base + field, value, true);
    set(MAP_HEADER.SEED, info.flags & MAP_FLAG.ZERO_SEED ? 0 : deps.random() >>> 0);
    set(MAP_HEADER.BUCKETS, region.base + MAP_HEADER.SIZE);
    set(MAP_HEADER.BUCKET_MASK, bits - 1);
    set(MAP_HEADER.HASHES, hashes);
  }

  /** Helper 87. @param value an address. @returns 0 or -EINVAL */
  push(value: number, flags: number): number {
    return this.call(() => this.fn.bloom_push(this.address, value, Math.min(flags, 0xffffffff)));
  }

  /** Helper 89. @param value an address. @returns 0 or -ENOENT */
  peek(value: number): number {
    return this.call(() => this.fn.bloom_peek(this.address, value));
  }

  override updateElem(): number {
    return -ERRNO.EINVAL;
  }

  /** Asks for `value`. */
  override sysLookup(_key: Uint8Array, value: Uint8Array): number {
    return this.staged(value, (at) => this.peek(at));
  }
  override sysUpdate(_key: Uint8Array, value: Uint8Array, flags: number): number {
    return this.staged(value, (at) => this.push(at, flags));
  }
  override sysLookupAndDelete(): number {
    return -ERRNO.ENOTSUPP;
  }
}
