/**
 * MAP_LOOKUP_BATCH, MAP_LOOKUP_AND_DELETE_BATCH, MAP_UPDATE_BATCH, MAP_DELETE_BATCH: many elements in one call. `count` comes back as
 * the number of elements that were done. Hashes are read by whole buckets, so that none is seen twice or left out though
 * the map changes between calls; other maps from key to key.
 *
 * Refuses: a bad descriptor, what the descriptor does not allow (-EPERM), a type without batches (-ENOTSUPP), flags (-EINVAL),
 * buffers that are missing or too short (-EFAULT), a bucket that does not fit into what there is room for (-ENOSPC).
 * The end of the map is -ENOENT, its last elements given.
 */
import { hasLock } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { BpfMap } from '../maps/index.ts';
import type { MapBatchAttr } from '../sys/index.ts';
import { BPF_CMD, ELEM_FLAG, MAP_TYPE as M } from '../uapi/index.ts';
import { present } from './arguments.ts';
import type { MapObject } from './objects.ts';
import type { Subsystem, TypedDescriptor } from './subsystem.ts';

const { MAP_LOOKUP_BATCH: LOOKUP, MAP_LOOKUP_AND_DELETE_BATCH: TAKE } = BPF_CMD;
const { MAP_UPDATE_BATCH: UPDATE, MAP_DELETE_BATCH: DELETE } = BPF_CMD;

const HASHES: readonly number[] = [M.HASH, M.PERCPU_HASH, M.LRU_HASH, M.LRU_PERCPU_HASH, M.HASH_OF_MAPS];
const ARRAYS: readonly number[] = [M.ARRAY, M.PERCPU_ARRAY, M.ARRAY_OF_MAPS];

/** The types that have each command. */
const TYPES: Readonly<Record<number, readonly number[]>> = {
  [LOOKUP]: [...HASHES, ...ARRAYS, M.LPM_TRIE],
  [TAKE]: HASHES,
  [UPDATE]: [...HASHES, ...ARRAYS, M.LPM_TRIE],
  [DELETE]: [...HASHES, M.LPM_TRIE],
};

type Batch = (object: MapObject, attr: MapBatchAttr, take: boolean) => number;

/** The command `cmd`, one of the four. */
export function mapBatch(cmd: number): (sub: Subsystem, attr: MapBatchAttr) => number {
  const run = cmd === UPDATE ? updateBatch : cmd === DELETE ? deleteBatch : lookupBatch;
  return (sub, attr) => {
    const descriptor = sub.get(attr.mapFd | 0, 'map');
    if (typeof descriptor === 'number') return descriptor;
    const { object } = descriptor;
    if (!mayDo(descriptor, cmd)) return -ERRNO.EPERM;
    if (!TYPES[cmd].includes(object.type)) return -ERRNO.ENOTSUPP;
    return run(object, attr, cmd === TAKE);
  };
}

function mayDo({ object, read, write }: TypedDescriptor<'map'>, cmd: number): boolean {
  const writes = cmd !== LOOKUP;
  return (!writes || (write && !object.frozen)) && ((cmd !== LOOKUP && cmd !== TAKE) || read);
}

/** The lock of a value that has one: no program runs meanwhile. */
function badFlags(object: MapObject, flags: number): boolean {
  return flags !== 0 && (flags !== ELEM_FLAG.LOCK || !hasLock(object));
}

const updateBatch: Batch = (object, attr) => {
  const { map } = object;
  const { keySize } = map.info;
  const { count, keys, values } = attr;
  if (badFlags(object, attr.elemFlags ?? 0)) return -ERRNO.EINVAL;
  if (count === 0) return 0;
  return each(attr, (i) => {
    const key = slice(keys, i, keySize);
    const value = slice(values, i, map.userValueSize);
    return key && value ? map.sysUpdate(key, value, attr.elemFlags ?? 0) : -ERRNO.EFAULT;
  });
};

const deleteBatch: Batch = (object, attr) => {
  const { map } = object;
  if (badFlags(object, attr.elemFlags ?? 0)) return -ERRNO.EINVAL;
  if (attr.count === 0) return 0;
  return each(attr, (i) => {
    const key = slice(attr.keys, i, map.info.keySize);
    return key ? map.sysDelete(key) : -ERRNO.EFAULT;
  });
};

const lookupBatch: Batch = (object, attr, take) => {
  const isHash = HASHES.includes(object.type);
  if (badFlags(object, attr.elemFlags ?? 0) || (isHash && attr.flags)) return -ERRNO.EINVAL;
  if (attr.count === 0) return 0;
  return isHash ? lookupBuckets(object.map, attr, take) : lookupKeys(object.map, attr);
};

/** Do `one` for each of `count`, up to the first that fails. */
function each(attr: MapBatchAttr, one: (i: number) => number): number {
  const { count } = attr;
  for (let i = 0; i < count; i++) {
    const error = one(i);
    attr.count = i;
    if (error) return error;
  }
  attr.count = count;
  return 0;
}

function slice(bytes: Uint8Array | undefined, index: number, size: number): Uint8Array | undefined {
  const at = index * size;
  return bytes !== undefined && at + size <= bytes.length ? bytes.subarray(at, at + size) : undefined;
}

function lookupBuckets(map: BpfMap, attr: MapBatchAttr, take: boolean): number {
  const room = attr.count;
  const { inBatch, outBatch } = attr;
  attr.count = 0;
  if (inBatch !== undefined && !present(inBatch, 4)) return -ERRNO.EFAULT;
  if (!present(outBatch, 4)) return -ERRNO.EFAULT;
  let bucket = inBatch === undefined ? 0 : new DataView(inBatch.buffer, inBatch.byteOffset).getUint32(0, true);
  let done = 0;
  let result = 0;
  for (; ; bucket++) {
    const inBucket = map.bucketKeys?.(bucket);
    if (inBucket === undefined) {
      result = -ERRNO.ENOENT;
      break;
    }
    if (done + inBucket.length > room) {
      if (done === 0) result = -ERRNO.ENOSPC;
      break;
    }
    for (const key of inBucket) {
      if (!give(map, key, attr, done)) return -ERRNO.EFAULT;
      if (take) map.sysDelete(key);
      done++;
    }
  }
  new DataView(outBatch.buffer, outBatch.byteOffset).setUint32(0, bucket, true);
  attr.count = done;
  return result;
}

type Buffers = Pick<MapBatchAttr, 'keys' | 'values'>;

/** Copy a key and its value to place `index`. @returns whether both fit */
function give(map: BpfMap, key: Uint8Array, { keys, values }: Buffers, index: number): boolean {
  const toKey = slice(keys, index, map.info.keySize);
  const toValue = slice(values, index, map.userValueSize);
  if (!toKey || !toValue) return false;
  map.sysLookup(key, toValue);
  toKey.set(key);
  return true;
}

function lookupKeys(map: BpfMap, attr: MapBatchAttr): number {
  const { keySize } = map.info;
  const room = attr.count;
  const { inBatch, outBatch } = attr;
  attr.count = 0;
  if (inBatch !== undefined && !present(inBatch, keySize)) return -ERRNO.EFAULT;
  let from = inBatch?.slice(0, keySize);
  let result = 0;
  const value = new Uint8Array(map.userValueSize);
  let done = 0;
  while (done < room && result === 0) {
    const key = new Uint8Array(keySize);
    result = map.sysGetNextKey(from, key);
    if (result !== 0) break;
    from = key;
    const toKey = slice(attr.keys, done, keySize);
    const toValue = slice(attr.values, done, map.userValueSize);
    if (map.sysLookup(key, toValue ?? value) < 0) continue; // an empty slot
    if (!toKey || !toValue) return -ERRNO.EFAULT;
    toKey.set(key);
    done++;
  }
  attr.count = done;
  if (done === 0) return result;
  if (!present(outBatch, keySize)) return -ERRNO.EFAULT;
  if (from !== undefined) outBatch.set(from);
  return result;
}
