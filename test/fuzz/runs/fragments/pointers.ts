/** Values of maps that a program reaches in other ways: another CPU's, and through a pointer that a function finds on its caller's stack. */
import { ALU, JMP, MODE } from '../../../../src/isa/index.ts';
import { FP } from '../../verifier/emitter.ts';
import type { Fragment, Generator } from '../../verifier/generator.ts';
import { writeAtomic } from '../../verifier/fragments/atomics.ts';
import { note } from '../note.ts';
import { ARGUMENTS, idOf, mapNamed, mayCall, passKey, whileFound, whileLookedUp } from './held.ts';

const VALUE = 32;

/** LRU maps drop elements before they are full. */
const entries = (type: string): number => (type.startsWith('lru') ? 256 : 4);

/** Numbers of CPUs: those that machines have, and others. */
const CPUS = [0, 0, 1, 2, 7, 63, 0x7fffffff, -1];

function ofCpu(g: Generator): void {
  const { e, r } = g;
  const type = r.pick(['percpu_array', 'percpu_hash', 'lru_percpu_hash']);
  const map = mapNamed(g, { type, key_size: 4, value_size: VALUE, max_entries: entries(type), name: `cpu_${type}` });
  if (g.chance(70)) e.mov(3, r.pick(CPUS));
  else e.copy(3, g.number());
  g.hold(3);
  passKey(g, 2, r.below(5));
  e.map(1, map);
  g.release(3);
  g.call(idOf('map_lookup_percpu_elem'));
  whileFound(g, (value) => {
    touch(g, value);
    if (g.chance(50)) note(g, g.number());
  });
}

/** Loads, stores and atomic operations of every width. */
function touch(g: Generator, value: number): void {
  const { e, r } = g;
  for (let n = 1 + r.below(3); n > 0; n--) {
    const place = (bytes: number): number => bytes * r.below(VALUE / bytes);
    const size = r.pick([1, 2, 4, 8]);
    const kind = r.below(10);
    if (kind < 3) e.store(size, value, place(size), g.number());
    else if (kind < 6) writeAtomic(g, value, place);
    else {
      const dst = g.target();
      e.load(size, dst, value, place(size), size < 8 && g.chance(50) ? MODE.MEMSX : MODE.MEM);
      g.isNumber(dst);
      note(g, dst);
    }
  }
}

/** The function finds the pointer 8 bytes above what it is given, and a number below it; it returns what it has read. */
function writeThrough(g: Generator, inLoop: boolean): void {
  const { e, r } = g;
  const size = r.pick([1, 2, 4, 8]);
  const off = size * r.below(VALUE / size);
  e.load(8, 2, 1, 8);
  e.load(8, 3, 1, 0);
  if (inLoop) {
    const head = e.label();
    e.mov(4, 0);
    e.bind(head);
    e.load(8, 5, 2, 8 * r.below(4));
    e.aluX(r.pick([ALU.ADD, ALU.XOR]), 3, 5);
    e.store(8, 2, 8 * r.below(4), 3);
    e.add(4, 1);
    e.branch(JMP.JLT, 4, 2 + r.below(6), head, g.chance(50));
  }
  e.load(size, 0, 2, off, size < 8 && g.chance(50) ? MODE.MEMSX : MODE.MEM);
  e.store(size, 2, off, 3);
  if (g.chance(50)) e.atomic(8, r.pick([1, 0x41, 0xe1]), 2, 8 * r.below(4), 3);
  // The pointer itself, put onto this function's stack and taken back.
  e.store(8, FP, -8, 2);
  e.storeImm(4, FP, -16, 7);
  e.load(8, 5, FP, -8);
  e.load(4, 4, 5, 4 * r.below(VALUE / 4));
  e.aluX(ALU.ADD, 0, 4);
  e.store(8, 1, 0, 0);
  e.exit();
}

function throughStack(g: Generator): void {
  const { e, r } = g;
  const type = r.pick(['array', 'hash', 'percpu_array', 'lru_hash']);
  const map = mapNamed(g, { type, key_size: 4, value_size: VALUE, max_entries: entries(type), name: `given_${type}` });
  whileLookedUp(g, map, r.below(3), (value) => {
    const at = g.slot(16, 8);
    e.store(8, FP, at, g.number());
    e.store(8, FP, at + 8, value);
    const label = e.label();
    const inLoop = g.chance(40);
    g.functions.push({
      label,
      kind: 'static',
      args: ['number'],
      level: g.level + 1,
      write: (inner) => writeThrough(inner, inLoop),
    });
    e.copy(1, FP);
    e.add(1, at);
    e.callFunction(label);
    g.live &= ~0b111111;
    g.isNumber(0);
    note(g, 0);
    const dst = g.target();
    e.load(8, dst, FP, at);
    g.isNumber(dst);
    note(g, dst);
  });
}

const fits = (g: Generator): boolean => !(g.busy & ARGUMENTS);

export const pointers: readonly Fragment[] = [
  {
    name: "another CPU's value",
    weight: 2,
    topic: 'map',
    fits: (g) => fits(g) && mayCall(g, 'map_lookup_percpu_elem'),
    write: ofCpu,
  },
  {
    name: 'pointer that a function finds',
    weight: 3,
    topic: 'call',
    fits: (g) => fits(g) && g.level < 4 && g.functions.length < 8,
    write: throughStack,
  },
];
