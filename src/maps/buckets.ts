/**
 * The keys of a hash bucket by bucket: how batches walk a map that changes meanwhile. Reads memory that programs' maps share:
 * a chain that leads elsewhere or in circles is an InternalError.
 */
import { InternalError } from '../errors/index.ts';
import type { AddressSpace } from '../memory/index.ts';
import { HASH_ELEM, MAP_HEADER } from '../memory/index.ts';
import type { MapInfo } from './bpf-map.ts';

/**
 * The keys in bucket `bucket` of the hash whose header is at `address`.
 * @returns undefined: it has no such bucket
 */
export function bucketKeys(
  { view, bytes }: AddressSpace,
  info: MapInfo,
  address: number,
  bucket: number,
): Uint8Array[] | undefined {
  const field = (offset: number): number => view.getUint32(address + offset, true);
  if (bucket > field(MAP_HEADER.BUCKET_MASK)) return undefined;
  const word = field(MAP_HEADER.BUCKETS) + 4 * bucket;
  const keys: Uint8Array[] = [];
  for (let elem = wordAt(view, word, info); elem !== 0; elem = wordAt(view, elem + HASH_ELEM.NEXT, info)) {
    const key = elem + HASH_ELEM.KEY;
    if (keys.length > info.maxEntries || key + info.keySize > bytes.length) corrupt(info);
    keys.push(bytes.slice(key, key + info.keySize));
  }
  return keys;
}

function wordAt(view: DataView, address: number, info: MapInfo): number {
  return address + 4 <= view.byteLength ? view.getUint32(address, true) : corrupt(info);
}

function corrupt(info: MapInfo): never {
  throw new InternalError(`the memory of map '${info.name}' is corrupt: a chain of a bucket leads out of it`);
}
