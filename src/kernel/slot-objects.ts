/**
 * What may be put into a map whose values are descriptors. A map of maps takes maps of the shape it was made with: same
 * type, sizes, flags and kernel fields, and for arrays the same number of entries unless BPF_F_INNER_MAP (-EINVAL).
 * A map of redirection targets takes XDP programs of its attach type. A descriptor that is closed is -EBADF, one of something else -EINVAL.
 */
import type { MapField } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { SlotResolver } from '../maps/index.ts';
import { ATTACH_TYPE, MAP_FLAG, MAP_TYPE, PROG_TYPE } from '../uapi/index.ts';
import type { MapObject } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

/** For a map of maps that was made with `inner`. */
export function innerMaps(sub: Subsystem, inner: MapObject): SlotResolver {
  const { type, keySize, valueSize, fields = [] } = inner;
  return {
    inner: { type, keySize, valueSize, hasFields: fields.length > 0 },
    acquire(fd) {
      const descriptor = sub.get(fd, 'map');
      if (typeof descriptor === 'number') return descriptor;
      const { object } = descriptor;
      if (!sameShape(inner, object)) return -ERRNO.EINVAL;
      sub.maps.hold(object);
      return { id: object.id, word: object.map.address, release: () => sub.maps.drop(object) };
    },
  };
}

/** For a map of redirection targets: XDP programs that were loaded for such a place. */
export function targetPrograms(sub: Subsystem, mapType: number): SlotResolver {
  const attachType = mapType === MAP_TYPE.CPUMAP ? ATTACH_TYPE.XDP_CPUMAP : ATTACH_TYPE.XDP_DEVMAP;
  return {
    acquire(fd) {
      const descriptor = sub.get(fd, 'prog');
      if (typeof descriptor === 'number') return descriptor;
      const { object } = descriptor;
      const { verified, expectedAttachType } = object.parts;
      if (verified.progType !== PROG_TYPE.XDP || expectedAttachType !== attachType) return -ERRNO.EINVAL;
      sub.progs.hold(object);
      return { id: object.id, word: object.id, release: () => sub.progs.drop(object) };
    },
  };
}

/** For a perf event array: perf events, nothing else has their kind of descriptor. */
export function perfEvents(sub: Subsystem): SlotResolver {
  return {
    acquire(fd) {
      const descriptor = sub.get(fd, 'perf');
      if (typeof descriptor === 'number') return -ERRNO.EBADF;
      const { object } = descriptor;
      sub.perfEvents.hold(object);
      return { id: object.id, word: object.id, perfEvent: object, release: () => sub.perfEvents.drop(object) };
    },
  };
}

/** Nothing here is a cgroup. */
export const noCgroups: SlotResolver = { acquire: () => -ERRNO.EBADF };

/** Nothing here is a socket. */
export function noSockets(sub: Subsystem): SlotResolver {
  return { acquire: (fd) => (sub.fds.get(fd) || sub.fds.isForeign(fd) ? -ERRNO.ENOTSOCK : -ERRNO.EBADF) };
}

/** @kernel bpf_map_meta_equal */
function sameShape(inner: MapObject, map: MapObject): boolean {
  const { type, keySize, valueSize, flags } = inner;
  if (map.type !== type || map.keySize !== keySize || map.valueSize !== valueSize) return false;
  if (map.flags !== flags) return false;
  const counts = type === MAP_TYPE.ARRAY && (flags & MAP_FLAG.INNER_MAP) === 0;
  return (!counts || map.maxEntries === inner.maxEntries) && sameFields(inner.fields ?? [], map.fields ?? []);
}

function sameFields(a: readonly MapField[], b: readonly MapField[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((field, i) => field.kind === b[i].kind && field.offset === b[i].offset);
}
