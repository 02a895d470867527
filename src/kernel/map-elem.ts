/**
 * The commands on a map's elements, MAP_FREEZE and mmap. Refuses in Linux's order: unknown flags (-EINVAL), a bad
 * descriptor (-EBADF, -EINVAL), what the descriptor or a frozen map does not allow (-EPERM), flags without a lock in the
 * value (-EINVAL), keys and values that are missing or too short (-EFAULT).
 */
import { hasLock } from '../contracts/index.ts';
import { BpfError, ERRNO } from '../errors/index.ts';
import type { BpfMap } from '../maps/index.ts';
import { PAGE } from '../memory/index.ts';
import type { MapElemAttr, MapFreezeAttr, MapGetNextKeyAttr, MapView } from '../sys/index.ts';
import { ELEM_FLAG, MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import { present } from './arguments.ts';
import { mapPerfEvent } from './perf-event.ts';
import type { Subsystem, TypedDescriptor } from './subsystem.ts';

type MapDescriptor = TypedDescriptor<'map'>;

/** The only flag of a look-up asks for the value's lock. */
function badLookupFlags(flags: number): boolean {
  return flags !== 0 && flags !== ELEM_FLAG.LOCK;
}

function mapOf(sub: Subsystem, fd: number): MapDescriptor | number {
  return sub.get(fd | 0, 'map');
}

function writable(descriptor: MapDescriptor): boolean {
  return descriptor.write && !descriptor.object.frozen;
}

const NO_BYTES = new Uint8Array(0);

/** The key of a command. @returns -EFAULT where it is missing or too short, -EINVAL where the map has no keys */
function keyOf(map: BpfMap, key: Uint8Array | undefined): Uint8Array | number {
  if (map.info.keySize === 0) return key?.length ? -ERRNO.EINVAL : NO_BYTES;
  return present(key, map.info.keySize) ? key : -ERRNO.EFAULT;
}

/** Call `fill` with a buffer for a whole value; -EFAULT after the fact where the caller's is missing or too short. */
function intoValue(map: BpfMap, value: Uint8Array | undefined, fill: (value: Uint8Array) => number): number {
  if (present(value, map.userValueSize)) return fill(value);
  return fill(new Uint8Array(map.userValueSize)) || -ERRNO.EFAULT;
}

export function mapLookup(sub: Subsystem, attr: MapElemAttr): number {
  const { key, value, flags = 0 } = attr;
  if (badLookupFlags(flags)) return -ERRNO.EINVAL;
  const descriptor = mapOf(sub, attr.mapFd);
  if (typeof descriptor === 'number') return descriptor;
  if (!descriptor.read) return -ERRNO.EPERM;
  const { map } = descriptor.object;
  if (flags !== 0 && !hasLock(descriptor.object)) return -ERRNO.EINVAL;
  const named = keyOf(map, key);
  if (typeof named === 'number') return named;
  // A filter is asked for the value.
  if (map.info.type === MAP_TYPE.BLOOM_FILTER && !present(value, map.userValueSize)) return -ERRNO.EFAULT;
  return intoValue(map, value, (out) => map.sysLookup(named, out));
}

export function mapUpdate(sub: Subsystem, attr: MapElemAttr): number {
  const { key, value, flags = 0 } = attr;
  const descriptor = mapOf(sub, attr.mapFd);
  if (typeof descriptor === 'number') return descriptor;
  if (!writable(descriptor)) return -ERRNO.EPERM;
  const { map } = descriptor.object;
  const locked = Math.floor(flags / ELEM_FLAG.LOCK) % 2 !== 0;
  if (locked && !hasLock(descriptor.object)) return -ERRNO.EINVAL;
  const named = keyOf(map, key);
  if (typeof named === 'number') return named;
  if (map.userValueSize > 0 && !present(value, map.userValueSize)) return -ERRNO.EFAULT;
  if (flags < 0) return -ERRNO.EINVAL;
  return map.sysUpdate(named, value ?? NO_BYTES, flags);
}

export function mapDelete(sub: Subsystem, attr: MapElemAttr): number {
  const { key } = attr;
  const descriptor = mapOf(sub, attr.mapFd);
  if (typeof descriptor === 'number') return descriptor;
  if (!writable(descriptor)) return -ERRNO.EPERM;
  const { map } = descriptor.object;
  const named = keyOf(map, key);
  return typeof named === 'number' ? named : map.sysDelete(named);
}

export function mapLookupAndDelete(sub: Subsystem, attr: MapElemAttr): number {
  const { key, value, flags = 0 } = attr;
  if (badLookupFlags(flags)) return -ERRNO.EINVAL;
  const descriptor = mapOf(sub, attr.mapFd);
  if (typeof descriptor === 'number') return descriptor;
  if (!descriptor.read || !writable(descriptor)) return -ERRNO.EPERM;
  const { map } = descriptor.object;
  if (flags !== 0 && !hasLock(descriptor.object)) return -ERRNO.EINVAL;
  const named = keyOf(map, key);
  if (typeof named === 'number') return named;
  return intoValue(map, value, (out) => map.sysLookupAndDelete(named, out));
}

export function mapGetNextKey(sub: Subsystem, attr: MapGetNextKeyAttr): number {
  const { key, nextKey } = attr;
  const descriptor = mapOf(sub, attr.mapFd);
  if (typeof descriptor === 'number') return descriptor;
  if (!descriptor.read) return -ERRNO.EPERM;
  const { map } = descriptor.object;
  const { keySize } = map.info;
  if (key !== undefined && key.length < keySize) return -ERRNO.EFAULT;
  if (present(nextKey, keySize)) return map.sysGetNextKey(key, nextKey);
  return map.sysGetNextKey(key, new Uint8Array(keySize)) || -ERRNO.EFAULT;
}

/** MAP_FREEZE: user space can no longer write. -ENOTSUPP where values have fields of the kernel's; -EBUSY while it could through a mapping; -EPERM when it cannot already. */
export function mapFreeze(sub: Subsystem, attr: MapFreezeAttr): number {
  const descriptor = mapOf(sub, attr.mapFd);
  if (typeof descriptor === 'number') return descriptor;
  const { object } = descriptor;
  if (object.fields?.length) return -ERRNO.ENOTSUPP;
  if (object.writableMappings > 0) return -ERRNO.EBUSY;
  if (!writable(descriptor)) return -ERRNO.EPERM;
  object.frozen = true;
  return 0;
}

/**
 * The values of a BPF_F_MMAPABLE array as plain memory. Where user space may not write (frozen, or BPF_F_RDONLY_PROG), each
 * read of `bytes` gives a fresh copy: writing into it changes nothing.
 * @throws BpfError -EBADF, -ENODEV (no map), -ENOTSUPP (no array, values with fields of the kernel's), -EACCES, -EINVAL
 */
export function mapMmap(sub: Subsystem, fd: number, length: number, offset: number): MapView {
  const fail = (errno: number): never => {
    throw new BpfError(-errno, 'mmap');
  };
  if (offset % PAGE !== 0) return fail(ERRNO.EINVAL);
  const descriptor = sub.fds.get(fd);
  if (descriptor === undefined) return fail(sub.fds.isForeign(fd) ? ERRNO.ENODEV : ERRNO.EBADF);
  const { object } = descriptor;
  if (object.kind !== 'map' && object.kind !== 'perf') return fail(ERRNO.ENODEV);
  if (!(length > 0)) return fail(ERRNO.EINVAL);
  if (object.kind === 'perf') return offset === 0 ? mapPerfEvent(sub, object, length) : fail(ERRNO.EINVAL);
  if (!descriptor.read) return fail(ERRNO.EACCES);
  // Readers of a ring look at it without copies; what they must not write, they do not.
  const ring = object.map.mapping?.(offset, length);
  if (ring !== undefined) {
    if (typeof ring === 'number') return fail(-ring);
    sub.maps.hold(object);
    return new MemoryView(sub, ring.address, ring.length, true, () => sub.drop(object));
  }
  if (object.type !== MAP_TYPE.ARRAY || object.fields?.length) return fail(ERRNO.ENOTSUPP);
  const { values } = object.map;
  if (values === undefined || !(object.flags & MAP_FLAG.MMAPABLE)) return fail(ERRNO.EINVAL);
  if (!descriptor.write || offset < 0 || offset + length > wholePages(values.length)) return fail(ERRNO.EINVAL);
  const writes = !object.frozen && (object.flags & MAP_FLAG.RDONLY_PROG) === 0;
  sub.maps.hold(object);
  if (writes) object.writableMappings++;
  return new MemoryView(sub, values.address + offset, length, writes, () => {
    if (writes) object.writableMappings--;
    sub.drop(object);
  });
}

const wholePages = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;

class MemoryView implements MapView {
  readonly #sub: Subsystem;
  readonly #address: number;
  readonly #length: number;
  readonly #writes: boolean;
  #release: (() => void) | undefined;
  #view: Uint8Array | undefined;

  constructor(sub: Subsystem, address: number, length: number, writes: boolean, release: () => void) {
    this.#sub = sub;
    this.#address = address;
    this.#length = length;
    this.#writes = writes;
    this.#release = release;
  }

  /** Growing the memory detaches views, so a new one is made when it has grown. */
  get bytes(): Uint8Array {
    if (this.#release === undefined) throw new BpfError(ERRNO.EFAULT, 'mmap', 'the view was unmapped');
    const { bytes } = this.#sub.host.space;
    if (!this.#writes) return bytes.slice(this.#address, this.#address + this.#length);
    if (this.#view === undefined || this.#view.buffer !== bytes.buffer) {
      this.#view = bytes.subarray(this.#address, this.#address + this.#length);
    }
    return this.#view;
  }

  unmap(): void {
    this.#release?.();
    this.#release = undefined;
    this.#view = undefined;
  }
}
