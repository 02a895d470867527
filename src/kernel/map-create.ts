/**
 * MAP_CREATE. Refuses, in this order: what no map can be made of (-EINVAL, -E2BIG, see maps), missing capabilities
 * (-EPERM), a network device (-EOPNOTSUPP; -EINVAL where there is none), a table that is too large (-E2BIG), a bad name (-EINVAL), no memory (-ENOMEM),
 * a BTF descriptor that is none (-EBADF, -EINVAL), BTF types that do not fit the sizes (-EINVAL), fields for the kernel in
 * values that this type of map cannot have (-EOPNOTSUPP) or programs may not reach (-EACCES), fields that are not known
 * here (-ENOTSUPP).
 */
import { checkMapFields, mapFields } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { BpfMap, MapDeps, MapInfo, SlotResolver } from '../maps/index.ts';
import { checkMap, createMap, DescribedMap, FieldMap, isImplemented, lastingFlags, NEEDS_BTF } from '../maps/index.ts';
import type { MapCreateAttr } from '../sys/index.ts';
import { CAP, MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import { objectName } from './arguments.ts';
import { checkMapTypes } from './map-types.ts';
import { capable, mayCreateMap } from './capabilities.ts';
import { MapObject } from './objects.ts';
import type { BtfObject, MapTypes } from './objects.ts';
import { ProgSlots } from './prog-array.ts';
import { innerMaps, noCgroups, noSockets, perfEvents, targetPrograms } from './slot-objects.ts';
import type { Subsystem } from './subsystem.ts';

export function mapCreate(sub: Subsystem, attr: MapCreateAttr): number {
  const asked = mapInfo(attr);
  if (attr.btfVmlinuxValueTypeId) return -ERRNO.EINVAL;
  if (attr.btfKeyTypeId && !attr.btfValueTypeId) return -ERRNO.EINVAL;
  if (NEEDS_BTF.includes(asked.type) && !(attr.btfKeyTypeId && attr.btfValueTypeId)) return -ERRNO.EINVAL;
  const described = !isImplemented(asked.type);
  const refused =
    checkMap(asked, (attr.numaNode ?? 0) >>> 0) || checkPermission(sub.caps, asked) || checkDevice(sub, attr, asked);
  if (refused) return refused;
  if (described && !sub.verifyOnly) return -ERRNO.ENOTSUPP;
  const info = { ...asked, flags: lastingFlags(asked) };
  const inner = innerMap(sub, attr, info);
  if (typeof inner === 'number') return inner;
  const map = described ? new DescribedMap(info) : makeMap(sub, info, inner);
  if (typeof map === 'number') return map;
  const named = objectName(attr.mapName) !== undefined;
  const types = named ? mapTypes(sub, attr, info) : -ERRNO.EINVAL;
  if (typeof types === 'number') {
    map.destroy();
    return types;
  }
  const guarded = guardFields(sub, map, types);
  return publish(
    sub,
    new MapObject(guarded, types, inner, valueReader(sub), released(sub, guarded, types)),
    asked.flags,
  );
}

/** The map, with what keeps its values' fields from user space. */
function guardFields(sub: Subsystem, map: BpfMap, types: MapTypes | undefined): BpfMap {
  if (map instanceof DescribedMap || !types?.fields.length) return map;
  const fields = types.fields.map(({ kind, offset, size }) => ({
    offset,
    size,
    isLock: kind === 'bpf_spin_lock' || kind === 'bpf_res_spin_lock',
    isTimer: kind === 'bpf_timer',
  }));
  return new FieldMap(map, fields, mapDeps(sub));
}

function makeMap(sub: Subsystem, info: MapInfo, inner: MapObject | undefined): BpfMap | number {
  const slots = slotResolver(sub, info.type, inner);
  const map = createMap(info, { ...mapDeps(sub), slots });
  if (slots instanceof ProgSlots && typeof map !== 'number') sub.progArrays.set(map, slots);
  return map;
}

function mapDeps({ host }: Subsystem): MapDeps {
  const { space: memory, rcu, possibleCpus: cpus, random, hasDevice } = host;
  return { memory, rcu, cpus, random, hasDevice };
}

/** What descriptors mean as values of such a map. */
function slotResolver(sub: Subsystem, type: number, inner: MapObject | undefined): SlotResolver | undefined {
  if (inner !== undefined) return innerMaps(sub, inner);
  if (type === MAP_TYPE.PROG_ARRAY) return new ProgSlots(sub);
  if (type === MAP_TYPE.PERF_EVENT_ARRAY) return perfEvents(sub);
  if (type === MAP_TYPE.CGROUP_ARRAY) return noCgroups;
  return type === MAP_TYPE.XSKMAP || type === MAP_TYPE.SK_STORAGE ? noSockets(sub) : targetPrograms(sub, type);
}

/** Types that no map of maps holds. */
const NEVER_INNER: readonly number[] = [
  MAP_TYPE.PROG_ARRAY,
  MAP_TYPE.CGROUP_STORAGE,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
  MAP_TYPE.STRUCT_OPS,
];

/** For a map of maps, the map that shows what each of them is like. @returns undefined for any other; -errno */
function innerMap(sub: Subsystem, attr: MapCreateAttr, info: MapInfo): MapObject | undefined | number {
  if (info.type !== MAP_TYPE.ARRAY_OF_MAPS && info.type !== MAP_TYPE.HASH_OF_MAPS) return undefined;
  const descriptor = sub.get((attr.innerMapFd ?? 0) | 0, 'map');
  if (typeof descriptor === 'number') return descriptor;
  const { object } = descriptor;
  if (object.inner !== undefined) return -ERRNO.EINVAL;
  return NEVER_INNER.includes(object.type) ? -ERRNO.ENOTSUPP : object;
}

function mapInfo(attr: MapCreateAttr): MapInfo {
  return {
    type: attr.mapType >>> 0,
    keySize: attr.keySize >>> 0,
    valueSize: attr.valueSize >>> 0,
    maxEntries: attr.maxEntries >>> 0,
    flags: (attr.mapFlags ?? 0) >>> 0,
    extra: attr.mapExtra ?? 0,
    name: objectName(attr.mapName) ?? '',
  };
}

function checkPermission(caps: bigint, info: MapInfo): number {
  const seeded = (info.flags & MAP_FLAG.ZERO_SEED) === 0 || capable(caps, CAP.SYS_ADMIN);
  return seeded && mayCreateMap(caps, info.type) ? 0 : -ERRNO.EPERM;
}

/** Maps that live on a network device: none here can. */
function checkDevice({ host }: Subsystem, { mapIfindex }: MapCreateAttr, { type }: MapInfo): number {
  if (!mapIfindex) return 0;
  const offloads = type === MAP_TYPE.HASH || type === MAP_TYPE.ARRAY;
  return offloads && mapIfindex > 0 && host.hasDevice(mapIfindex) ? -ERRNO.EOPNOTSUPP : -ERRNO.EINVAL;
}

/** The types of key and value, held; undefined where none are named. */
function mapTypes(sub: Subsystem, attr: MapCreateAttr, info: MapInfo): MapTypes | undefined | number {
  const { btfKeyTypeId: keyTypeId = 0, btfValueTypeId: valueTypeId = 0 } = attr;
  if (!keyTypeId && !valueTypeId) return undefined;
  const descriptor = sub.get((attr.btfFd ?? 0) | 0, 'btf');
  if (typeof descriptor === 'number') return descriptor;
  const btf: BtfObject = descriptor.object;
  const misfit = checkMapTypes(btf.btf, keyTypeId, valueTypeId, info);
  if (misfit) return misfit;
  const fields = mapFields(btf.btf, valueTypeId);
  if (typeof fields === 'number') return fields;
  if (typeof fields === 'string') return -ERRNO.ENOTSUPP;
  const refused = checkMapFields(info.type, info.flags, fields);
  if (refused) return refused;
  return { btf: sub.btfs.hold(btf), keyTypeId, valueTypeId, fields };
}

function valueReader(sub: Subsystem) {
  return { read: (address: number, size: number) => sub.host.space.bytes.slice(address, address + size) };
}

function released(sub: Subsystem, map: MapObject['map'], types: MapTypes | undefined): () => void {
  const unpublish = sub.publish(map);
  return () => {
    unpublish();
    if (types !== undefined) sub.btfs.drop(types.btf);
  };
}

function publish(sub: Subsystem, object: MapObject, flags: number): number {
  sub.maps.add(object);
  object.refs++;
  const fd = sub.open(object, { read: !(flags & MAP_FLAG.WRONLY), write: !(flags & MAP_FLAG.RDONLY) });
  sub.maps.drop(object);
  return fd;
}
