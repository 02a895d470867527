/** Maps: look-up with its null check and what is done with the value, update, delete, values by their address. */
import { ALU, MODE } from '../../../../src/isa/index.ts';
import { MAP_FLAG } from '../../../../src/uapi/index.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator, MapJson } from '../generator.ts';
import { MAP_KINDS, mapOfKind } from '../map-kinds.ts';
import { writeAtomic } from './atomics.ts';

const LOOKUP = 1;
const UPDATE = 2;
const DELETE = 3;

const PLAIN = ['hash', 'hash', 'array', 'percpu_array', 'percpu_hash'];

function makeMap(g: Generator): MapJson {
  const { r } = g;
  const type = r.pick(PLAIN);
  const array = type.endsWith('array');
  let flags = r.oneIn(12) ? r.pick([MAP_FLAG.RDONLY_PROG, MAP_FLAG.WRONLY_PROG]) : 0;
  if (!array && r.oneIn(3)) flags |= MAP_FLAG.NO_PREALLOC;
  return {
    type,
    key_size: array ? 4 : r.pick([4, 4, 8, 8, 16, 1, 3, 12]),
    value_size: r.pick([8, 8, 16, 24, 32, 48, 64, 4, 1, 13, 200]),
    max_entries: r.pick([1, 2, 4, 16]),
    map_flags: flags,
    ...(r.oneIn(3) && { name: r.pick(['counts', 'flows', 'a.b_c']) }),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** An array of one element, as global variables are: plain, constant or without its contents known. */
function makeGlobals(g: Generator): MapJson {
  const { r } = g;
  const kind = r.below(4);
  const value_size = r.pick([8, 16, 24, 40, 64, 4096]);
  const map = { type: 'array', key_size: 4, value_size, max_entries: 1 };
  if (kind === 0) return map;
  const init: [string, string][] = [['00000000', hex(r.bytes(Math.min(value_size, 64)))]];
  if (kind === 1) return { ...map, map_flags: MAP_FLAG.RDONLY_PROG, init, freeze: !r.oneIn(4) };
  if (kind === 2)
    return { ...map, map_flags: r.pick([MAP_FLAG.MMAPABLE, MAP_FLAG.WRONLY_PROG, 0]), freeze: r.oneIn(4), init };
  return { ...map, map_flags: MAP_FLAG.RDONLY_PROG | MAP_FLAG.MMAPABLE, freeze: r.oneIn(2), init };
}

const isPlain = (map: MapJson): boolean => PLAIN.includes(map.type);
const isGlobals = (map: MapJson): boolean => map.type === 'array' && map.max_entries === 1;

/** `size` initialised bytes on the stack. @returns their offset */
export function bytesOnStack(g: Generator, size: number, constant: number | undefined): number {
  const { e } = g;
  const off = g.slot(Math.ceil(size / 8) * 8, 8);
  if (g.oops()) return off;
  for (let at = 0; at < size;) {
    const step = size - at >= 8 ? 8 : size - at >= 4 ? 4 : size - at >= 2 ? 2 : 1;
    if (constant !== undefined) e.storeImm(step, FP, off + at, at === 0 ? constant : 0);
    else e.store(step, FP, off + at, g.number());
    at += step;
  }
  return off;
}

function pointTo(g: Generator, arg: number, off: number): void {
  g.e.copy(arg, FP);
  g.e.add(arg, off);
}

/** r1 = map, r2 = key. */
function mapAndKey(g: Generator, map: number): void {
  const { e, r } = g;
  const key_size = g.maps[map].key_size || 4;
  const off = bytesOnStack(g, key_size, g.chance(50) ? r.below(5) : undefined);
  if (g.chance(50)) {
    pointTo(g, 2, off);
    e.map(1, map);
  } else {
    e.map(1, map);
    pointTo(g, 2, off);
  }
  if (g.oops()) e.copy(r.pick([1, 2]), r.pick([0, 6, FP, 7]));
}

const SIZES = [1, 2, 4, 8, 8];

/** An offset inside the value for `size` bytes, beyond by mistake. */
function within(g: Generator, map: MapJson, size: number): number {
  const last = map.value_size - size;
  if (g.oops() || last < 0) return g.r.pick([map.value_size, last + 1, -1, -size]);
  return g.r.pick([0, last, size * g.r.below(Math.floor(last / size) + 1)]);
}

/** Something done with the value that `pointer` holds. */
function useValue(g: Generator, pointer: number, map: MapJson): void {
  const { e, r } = g;
  const size = r.pick(SIZES.filter((bytes) => bytes <= map.value_size));
  if (g.chance(30) && map.value_size >= 8) {
    // By an index that is only known to be small.
    const index = g.number();
    g.bound(index, Math.max(1, map.value_size - size));
    if (size > 1 && g.chance(70)) e.alu(ALU.AND, index, -size);
    if (g.chance(85)) e.aluX(ALU.ADD, pointer, index);
    else if (!g.oops()) {
      const other = g.scratch();
      e.copy(other, index);
      e.aluX(ALU.ADD, other, pointer);
      e.copy(pointer, other);
      g.release(other);
    }
  }
  const off = within(g, map, size);
  const flags = map.map_flags ?? 0;
  let kind = r.below(100);
  if (flags & MAP_FLAG.RDONLY_PROG && !g.oops()) kind = r.below(40);
  else if (flags & MAP_FLAG.WRONLY_PROG && !g.oops()) kind = 40 + r.below(32);
  if (kind < 40) {
    const dst = g.target();
    e.load(size, dst, pointer, off, size < 8 && g.chance(15) ? MODE.MEMSX : MODE.MEM);
    g.isNumber(dst);
  } else if (kind < 65) e.store(size, pointer, off, g.oops() ? r.pick([6, FP]) : g.number());
  else if (kind < 72) e.storeImm(size, pointer, off, g.imm());
  else if (kind < 85) writeAtomic(g, pointer, (bytes) => within(g, map, bytes));
  else if (kind < 92) {
    e.add(pointer, within(g, map, size));
    e.load(1, g.fresh(), pointer, 0);
  } else if (kind < 96 && map.value_size >= 8) {
    // The value as the key or value of another call.
    const other = g.map(isPlain, () => makeMap(g));
    e.copy(2, pointer);
    e.map(1, other);
    if (g.maps[other].key_size <= map.value_size || g.oops()) g.call(LOOKUP);
  } else e.alu(r.pick([ALU.ADD, ALU.SUB, ALU.AND, ALU.MUL]), pointer, r.pick([0, 1, 8, -8]), g.chance(80));
}

function lookup(g: Generator): void {
  const { e } = g;
  const map = g.map(isPlain, () => makeMap(g));
  mapAndKey(g, map);
  g.call(LOOKUP);
  const end = e.label();
  const saved = g.chance(35);
  let pointer = 0;
  g.hold(0);
  if (saved) {
    pointer = g.scratch(true);
    e.copy(pointer, 0);
    if (g.chance(20)) g.block(1);
  }
  g.nullCheck(g.chance(85) ? pointer : 0, end);
  g.skippable(end, () => {
    if (saved) g.release(0);
    for (let i = 1 + g.r.below(2); i > 0; i--) {
      if (saved && g.chance(30)) g.block(1);
      useValue(g, pointer, g.maps[map]);
    }
    if (g.chance(10) && saved) {
      // Through the stack and back.
      const off = g.slot(8);
      e.store(8, FP, off, pointer);
      g.block(1);
      const back = g.scratch();
      e.load(8, back, FP, off);
      useValue(g, back, g.maps[map]);
      g.release(back);
    }
  });
  g.release(0, pointer);
}

/** Put on the stack before it is known whether it is null. */
function lookupSpilled(g: Generator): void {
  const { e } = g;
  const map = g.map(isPlain, () => makeMap(g));
  const off = g.slot(8);
  mapAndKey(g, map);
  g.call(LOOKUP);
  e.store(8, FP, off, 0);
  const end = e.label();
  g.nullCheck(0, end);
  g.skippable(end, () => {
    if (g.chance(30)) g.block(1);
    const back = g.scratch();
    e.load(8, back, FP, off);
    if (g.chance(20)) g.nullCheck(back, end);
    useValue(g, back, g.maps[map]);
    g.release(back);
  });
}

function update(g: Generator): void {
  const { e, r } = g;
  const map = g.map(isPlain, () => makeMap(g));
  if ((g.maps[map].map_flags ?? 0) & MAP_FLAG.RDONLY_PROG && !g.oops()) return;
  const value = bytesOnStack(g, g.maps[map].value_size, g.chance(50) ? g.imm() : undefined);
  mapAndKey(g, map);
  pointTo(g, 3, value);
  e.mov(4, g.oops() ? g.imm() : r.below(3));
  if (g.oops()) e.copy(r.pick([3, 4]), r.pick([1, 6, FP, 2]));
  g.call(UPDATE);
  g.isNumber(0);
}

function deleteKey(g: Generator): void {
  mapAndKey(
    g,
    g.map(isPlain, () => makeMap(g)),
  );
  g.call(DELETE);
  g.isNumber(0);
}

/** Global data: the value's address is in the program. */
function globals(g: Generator): void {
  const { e, r } = g;
  const map = g.map(isGlobals, () => makeGlobals(g));
  const { value_size } = g.maps[map];
  const pointer = g.scratch();
  const offset = g.oops()
    ? r.pick([value_size, value_size - 1, -1])
    : 8 * r.below(Math.max(1, Math.min(8, value_size / 8)));
  e.map(pointer, map, offset);
  useValue(g, pointer, { ...g.maps[map], value_size: value_size - Math.max(0, offset) });
  g.release(pointer);
}

/** A map found in a map of maps, and a value found in it. */
function mapInMap(g: Generator): void {
  const { e, r } = g;
  const inner = g.map(
    ({ type, value_size }) => (type === 'hash' || type === 'array') && value_size >= 8,
    () => ({ type: r.pick(['hash', 'array']), key_size: 4, value_size: 16, max_entries: 4 }),
  );
  if (g.maps[inner].fields !== undefined) return;
  const outer = g.map(
    (map) => map.inner === inner,
    () => ({ type: r.pick(['array_of_maps', 'hash_of_maps']), key_size: 4, value_size: 4, max_entries: 2, inner }),
  );
  mapAndKey(g, outer);
  g.call(LOOKUP);
  const end = e.label();
  g.nullCheck(0, end);
  g.skippable(end, () => {
    const key = bytesOnStack(g, g.maps[inner].key_size, r.below(4));
    e.copy(1, 0);
    pointTo(g, 2, key);
    g.call(LOOKUP);
    g.hold(0);
    g.nullCheck(0, end);
    useValue(g, 0, g.maps[inner]);
    g.release(0);
  });
}

/** Any type of map looked into: not all can be. */
function otherKind(g: Generator): void {
  const { e } = g;
  const kind = g.r.pick(MAP_KINDS);
  const map = g.map(
    ({ type }) => type === kind,
    () => mapOfKind(kind),
  );
  mapAndKey(g, map);
  g.call(g.r.pick([LOOKUP, LOOKUP, UPDATE, DELETE]));
  const end = e.label();
  g.nullCheck(0, end);
  g.skippable(end, () => g.chance(50) && e.load(g.r.pick(SIZES), g.target(), 0, 0));
}

export const maps: readonly Fragment[] = [
  { name: 'look up', weight: 9, topic: 'map', write: lookup },
  { name: 'look up, spilled', weight: 2, topic: 'map', write: lookupSpilled },
  { name: 'update', weight: 2, topic: 'map', write: update },
  { name: 'delete', weight: 1, topic: 'map', write: deleteKey },
  { name: 'map in a map', weight: 1, topic: 'map in map', write: mapInMap },
  { name: 'other map', weight: 1, topic: 'map', write: otherKind },
  { name: 'globals', weight: 4, topic: 'map', write: globals },
];
