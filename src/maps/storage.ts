/** The regions of memory that maps are made of. Every function answers undefined when the memory is exhausted. */
import type { Region } from '../memory/index.ts';
import { FIELDS, MAP_HEADER } from '../memory/index.ts';
import { MAP_FLAG } from '../uapi/index.ts';
import type { InnerShape, MapDeps, MapInfo } from './bpf-map.ts';

/** The header, its common fields filled in, with `extra` bytes behind it; programs may touch none of it. */
export function allocateHeader(info: MapInfo, deps: MapDeps, extra: number): Region | undefined {
  const region = deps.memory.allocate(MAP_HEADER.SIZE + extra, {
    kind: 'map',
    name: `map ${info.name}`,
    writable: false,
    contains: () => false,
  });
  if (region === undefined) return undefined;
  writeHeader(info, deps, region.base);
  return region;
}

/** The fields that every header has. */
export function writeHeader(info: MapInfo, deps: MapDeps, address: number): void {
  const { view } = deps.memory;
  view.setUint32(address + MAP_HEADER.TYPE, info.type, true);
  view.setUint32(address + MAP_HEADER.KEY_SIZE, info.keySize, true);
  view.setUint32(address + MAP_HEADER.VALUE_SIZE, info.valueSize, true);
  view.setUint32(address + MAP_HEADER.MAX_ENTRIES, info.maxEntries, true);
  view.setUint32(address + MAP_HEADER.FLAGS, info.flags, true);
}

/** What the header of a map of maps says of the maps in it. */
export function writeInnerShape({ memory: { view } }: MapDeps, address: number, inner: InnerShape): void {
  const type = inner.type | (inner.hasFields ? FIELDS : 0);
  view.setUint32(address + MAP_HEADER.INNER_TYPE, type, true);
  view.setUint32(address + MAP_HEADER.INNER_KEY_SIZE, inner.keySize, true);
  view.setUint32(address + MAP_HEADER.INNER_VALUE_SIZE, inner.valueSize, true);
}

/**
 * `size` bytes that hold values: programs may touch what `contains` allows, and write unless BPF_F_RDONLY_PROG.
 * What user space may map has pages of its own.
 * @param padded nothing but padding lies between values
 */
export function allocateValues(
  info: MapInfo,
  deps: MapDeps,
  size: number,
  contains: (offset: number, size: number) => boolean,
  padded = false,
): Region | undefined {
  return deps.memory.allocate(size, {
    kind: 'map-value',
    name: `map ${info.name}`,
    writable: (info.flags & MAP_FLAG.RDONLY_PROG) === 0,
    contains,
    padded,
    ownPages: (info.flags & MAP_FLAG.MMAPABLE) !== 0,
  });
}

/** Most bytes of retired elements in a map. */
const RETAINED_BYTES = 4 << 20;
/** Retired elements that there may be even in a small map. */
const RETAINED_ELEMENTS = 1024;

/**
 * How many elements a program may replace or delete in one run before it sees the first of them change: what the map has room
 * for, so that a small map stays small.
 */
export function retainedElements({ maxEntries }: MapInfo, elemSize: number): number {
  return Math.ceil(Math.min(RETAINED_BYTES / elemSize, Math.max(RETAINED_ELEMENTS, maxEntries)));
}

/** `size` bytes of a map that programs may not touch. */
export function allocateTable(info: MapInfo, deps: MapDeps, size: number): Region | undefined {
  return deps.memory.allocate(size, { kind: 'map', name: `map ${info.name}`, writable: false, contains: () => false });
}
