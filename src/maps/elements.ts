/**
 * The elements of a map one after the other, as `bpf_for_each_map_elem` shows them: every value of an array, every element of
 * a hash in the order of its chains; of per-CPU types one CPU's value. Elements may be deleted meanwhile: one that was
 * reached keeps its link. The layout is that of src/memory/layout.ts.
 */
import { InternalError } from '../errors/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import { HASH_ELEM, MAP_HEADER } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import type { BpfMap } from './bpf-map.ts';

export interface Element {
  /** Address of the key. */
  readonly key: number;
  /** Address of the value. */
  readonly value: number;
}

export interface ElementWorld {
  readonly space: AddressSpace;
  readonly cpu: number;
}

const ARRAYS: ReadonlySet<number> = new Set([MAP_TYPE.ARRAY, MAP_TYPE.PERCPU_ARRAY]);
const HASHES: ReadonlySet<number> = new Set([
  MAP_TYPE.HASH,
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
]);

/** @returns undefined for a map whose elements cannot be gone through */
export function elementsOf(map: BpfMap, world: ElementWorld): Generator<Element, undefined, undefined> | undefined {
  if (ARRAYS.has(map.info.type)) return arrayElements(map, world);
  return HASHES.has(map.info.type) ? hashElements(map, world) : undefined;
}

/** Places for keys: one for each walk that is under way. Programs may read a key there, and nothing of an element's header. */
interface Places {
  readonly free: Region[];
  readonly taken: Set<Region>;
}
const placesOf = new WeakMap<AddressSpace, Places>();

/** The walks that are under way have been left: a program was stopped half-way. */
export function endWalks(space: AddressSpace): void {
  const places = placesOf.get(space);
  if (places === undefined) return;
  places.free.push(...places.taken);
  places.taken.clear();
}

/** Call `walk` with a place for keys of the map, which is given back when the walk has ended. */
function* withPlace(
  map: BpfMap,
  { space }: ElementWorld,
  walk: (place: number) => Generator<Element, void, void>,
): Generator<Element, undefined, undefined> {
  const places = placesOf.get(space) ?? { free: [], taken: new Set() };
  placesOf.set(space, places);
  const { free, taken } = places;
  const { keySize } = map.info;
  const at = free.findIndex(({ reserved }) => reserved >= keySize);
  const [place = space.allocate(keySize, { kind: 'mem', name: 'key', writable: false })] =
    at < 0 ? [] : free.splice(at, 1);
  if (place === undefined) throw new InternalError('no memory for a key');
  place.size = keySize;
  taken.add(place);
  try {
    yield* walk(place.base);
  } finally {
    if (taken.delete(place)) free.push(place);
  }
  return undefined;
}

function arrayElements(map: BpfMap, world: ElementWorld): Generator<Element, undefined, undefined> {
  return withPlace(map, world, function* (key) {
    for (let index = 0; index < map.info.maxEntries; index++) {
      world.space.view.setUint32(key, index, true);
      yield { key, value: map.lookupElem(key, world.cpu) };
    }
  });
}

function hashElements(map: BpfMap, world: ElementWorld): Generator<Element, undefined, undefined> {
  const { space, cpu } = world;
  const { keySize, valueSize, maxEntries, name } = map.info;
  const word = (at: number): number => {
    if (at + 4 <= space.view.byteLength) return space.view.getUint32(at, true);
    throw new InternalError(`the memory of map '${name}' is corrupt: a chain leads out of it`);
  };
  const field = (offset: number): number => word(map.address + offset);
  const mask = field(MAP_HEADER.BUCKET_MASK);
  const toValue = field(MAP_HEADER.VALUE_OFFSET) + cpu * field(MAP_HEADER.CPU_STRIDE);
  return withPlace(map, world, function* (key) {
    for (let bucket = 0; bucket <= mask; bucket++) {
      // Elements that are added meanwhile come to the front of their chain: no chain goes on for ever.
      let left = 2 * maxEntries + 1;
      let elem = word(field(MAP_HEADER.BUCKETS) + 4 * bucket);
      for (; elem !== 0; elem = word(elem + HASH_ELEM.NEXT)) {
        if (left-- === 0 || elem + toValue + valueSize > space.view.byteLength)
          throw new InternalError(`the memory of map '${name}' is corrupt: a chain without an end`);
        space.bytes.copyWithin(key, elem + HASH_ELEM.KEY, elem + HASH_ELEM.KEY + keySize);
        yield { key, value: elem + toValue };
      }
    }
  });
}
