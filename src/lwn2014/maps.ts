/**
 * The commands on maps. Each answers -errno:
 * - BPF_MAP_CREATE: EINVAL for an id that is none, a type other than the hash, a size of zero, and what is no set of
 *   attributes; EEXIST for an id that is taken; E2BIG for elements or attributes that are too large; ENOMEM; EFAULT where the
 *   caller has fewer bytes than it says;
 * - all others: EINVAL where the id is no map's; EFAULT for a key or a value with fewer bytes than the map's;
 * - look-up, deletion of an element, the next key: ENOENT where there is none;
 * - update: E2BIG where the map is full.
 */
import { ERRNO } from '../errors/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import { bytesOf } from './caller.ts';
import type { Bytes, Caller } from './caller.ts';
import { BPF_MAP_KEY_SIZE, BPF_MAP_MAX_ENTRIES, BPF_MAP_TYPE_HASH, BPF_MAP_VALUE_SIZE } from './constants.ts';
import { HeldMap, checkNewId } from './namespace.ts';
import { readAttributes } from './netlink.ts';

const U32 = { min: 4, max: 4 };
const ATTRIBUTES = new Map([
  [BPF_MAP_KEY_SIZE, U32],
  [BPF_MAP_VALUE_SIZE, U32],
  [BPF_MAP_MAX_ENTRIES, U32],
]);

/** @returns the id */
export function mapCreate({ kernel, names }: Caller, id: number, type: number, nlattr: Bytes, length: number): number {
  const refused = checkNewId(names.maps, id);
  if (refused) return refused;
  if (type !== BPF_MAP_TYPE_HASH) return -ERRNO.EINVAL;
  const attributes = readAttributes(bytesOf(nlattr), length, ATTRIBUTES);
  if (typeof attributes === 'number') return attributes;
  const [keySize, valueSize, maxEntries] = [...ATTRIBUTES.keys()].map((name) => number32(attributes.get(name)));
  // Elements take memory when they come, as in the patch set.
  const mapFlags = MAP_FLAG.NO_PREALLOC;
  const attr = { mapType: MAP_TYPE.HASH, keySize, valueSize, maxEntries, mapFlags };
  const fd = kernel.bpf(BPF_CMD.MAP_CREATE, attr);
  if (fd < 0) return fd;
  names.maps.set(id, new HeldMap(kernel, fd));
  return id;
}

function number32(bytes: Uint8Array = new Uint8Array(4)): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

export function mapDelete({ names }: Caller, id: number): number {
  const map = names.maps.get(id);
  if (map === undefined) return -ERRNO.EINVAL;
  names.maps.delete(id);
  map.drop();
  return 0;
}

export function mapLookupElem({ kernel, names }: Caller, id: number, key: Bytes, value: Bytes): number {
  const map = names.maps.get(id);
  if (map === undefined) return -ERRNO.EINVAL;
  return kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd: map.fd, key: bytesOf(key), value: bytesOf(value) });
}

export function mapUpdateElem({ kernel, names }: Caller, id: number, key: Bytes, value: Bytes): number {
  const map = names.maps.get(id);
  if (map === undefined) return -ERRNO.EINVAL;
  return kernel.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd: map.fd, key: bytesOf(key), value: bytesOf(value) });
}

export function mapDeleteElem({ kernel, names }: Caller, id: number, key: Bytes): number {
  const map = names.maps.get(id);
  if (map === undefined) return -ERRNO.EINVAL;
  return kernel.bpf(BPF_CMD.MAP_DELETE_ELEM, { mapFd: map.fd, key: bytesOf(key) });
}

/** No key, or one that is not in the map: the first key. */
export function mapGetNextKey({ kernel, names }: Caller, id: number, key: Bytes, nextKey: Bytes): number {
  const map = names.maps.get(id);
  if (map === undefined) return -ERRNO.EINVAL;
  const next = bytesOf(nextKey) ?? new Uint8Array(0);
  return kernel.bpf(BPF_CMD.MAP_GET_NEXT_KEY, { mapFd: map.fd, key: bytesOf(key), nextKey: next });
}
