/** Callbacks that read and write what they are given: elements of maps, numbers of rounds. */
import { ALU, JMP } from '../../../../src/isa/index.ts';
import { FP } from '../../verifier/emitter.ts';
import type { Label } from '../../verifier/emitter.ts';
import type { Fragment, Generator, OwnFunction } from '../../verifier/generator.ts';
import { RESULTS, RESULTS_WORDS, note } from '../note.ts';
import { ARGUMENTS, idOf, mapNamed, mayCall } from './held.ts';

/** Functions that these fragments write at most. */
const MAX_FUNCTIONS = 8;

function callback(g: Generator, args: OwnFunction['args'], write: (g: Generator) => void): Label {
  const label = g.e.label();
  g.functions.push({ label, kind: 'callback', args, level: g.level + 1, write });
  g.needsBtf = true;
  return label;
}

/** Add a register to a word of the results: whatever the order, the sum is the same. */
function addToResults(g: Generator, results: number, reg: number): void {
  const word = g.r.below(RESULTS_WORDS);
  g.e.map(5, results, 8 * word);
  g.e.atomic(8, 0, 5, 0, reg);
}

/** LRU maps drop elements before they are full. */
const entries = (type: string): number => (type.startsWith('lru') ? 256 : 8);

const ORDERED = ['array', 'percpu_array'];
const UNORDERED = ['hash', 'lru_hash', 'percpu_hash', 'lru_percpu_hash'];

/**
 * `(map, key, value, ctx)`: what it does with one element does not depend on others, but in arrays, which have an order: there it
 * stops at some index.
 */
function writeElement(g: Generator, results: number, ordered: boolean): void {
  const { e, r } = g;
  const off = 8 * r.below(2);
  e.load(r.pick([1, 2, 4]), 0, 2, 0);
  addToResults(g, results, 0);
  e.load(8, 1, 3, off);
  if (g.chance(70)) addToResults(g, results, 1);
  switch (r.below(4)) {
    case 0:
      e.alu(r.pick([ALU.ADD, ALU.XOR, ALU.MUL]), 1, g.imm());
      e.store(8, 3, off, 1);
      break;
    case 1:
      e.atomic(r.pick([4, 8]), r.pick([0, 0x40, 0xa0]), 3, off, 0);
      break;
    case 2:
      e.store(4, 3, off, 0);
      break;
    default:
  }
  if (g.chance(50)) {
    // The caller's frame.
    e.load(8, 1, 4, 0);
    e.add(1, r.pick([1, 7]));
    e.store(8, 4, 0, 1);
  }
  const goOn = e.label();
  e.load(4, 1, 2, 0);
  e.mov(0, 0);
  if (ordered && g.chance(50)) {
    e.branch(JMP.JNE, 1, r.below(5), goOn);
    e.mov(0, 1);
    e.bind(goOn);
  }
  e.exit();
}

function elements(g: Generator): void {
  const { e, r } = g;
  const ordered = g.chance(50);
  const type = r.pick(ordered ? ORDERED : UNORDERED);
  const map = mapNamed(g, { type, key_size: 4, value_size: 16, max_entries: entries(type), name: `each_${type}` });
  const results = mapNamed(g, RESULTS);
  const sum = g.slot(8);
  if (g.chance(60)) {
    // Something to find.
    const at = g.slot(24, 8);
    for (let i = 1 + r.below(3); i > 0; i--) {
      e.storeImm(8, FP, at, g.imm());
      e.storeImm(8, FP, at + 8, g.imm());
      e.storeImm(4, FP, at + 16, r.below(6));
      e.copy(2, FP);
      e.add(2, at + 16);
      e.copy(3, FP);
      e.add(3, at);
      e.mov(4, 0);
      e.map(1, map);
      g.call(idOf('map_update_elem'));
    }
  }
  e.storeImm(8, FP, sum, 0);
  e.map(1, map);
  e.functionAddress(
    2,
    callback(g, ['number', 'number', 'number', 'number'], (inner) => writeElement(inner, results, ordered)),
  );
  e.copy(3, FP);
  e.add(3, sum);
  e.mov(4, 0);
  g.call(idOf('for_each_map_elem'));
  g.isNumber(0);
  note(g, 0);
  const dst = g.target();
  e.load(8, dst, FP, sum);
  g.isNumber(dst);
  note(g, dst);
}

/** `(round, ctx)`: writes an element of a map by the number of the round; may leave the loop. */
function writeRound(g: Generator, map: number, results: number): void {
  const { e, r } = g;
  e.copy(7, 1);
  e.copy(8, 2);
  e.load(8, 9, 8, 0);
  e.aluX(r.pick([ALU.ADD, ALU.XOR, ALU.MUL]), 9, 7);
  e.store(8, 8, 0, 9);
  addToResults(g, results, 7);
  e.copy(1, 7);
  e.alu(ALU.AND, 1, r.pick([1, 3, 7]));
  e.store(4, FP, -4, 1);
  const end = e.label();
  if (g.chance(60)) {
    e.copy(2, FP);
    e.add(2, -4);
    e.map(1, map);
    e.call(idOf('map_lookup_elem'));
    e.branch(JMP.JEQ, 0, 0, end);
    if (g.chance(50)) e.atomic(8, r.pick([0, 0x40, 0xa0, 0xe1]), 0, 8 * r.below(2), 9);
    else e.store(r.pick([1, 2, 4, 8]), 0, 0, 9);
  } else {
    e.store(8, FP, -24, 9);
    e.storeImm(8, FP, -16, 0);
    e.copy(2, FP);
    e.add(2, -4);
    e.copy(3, FP);
    e.add(3, -24);
    e.mov(4, r.below(3));
    e.map(1, map);
    if (g.chance(70)) e.call(idOf('map_update_elem'));
    else e.call(idOf('map_delete_elem'));
    addToResults(g, results, 0);
  }
  e.bind(end);
  e.mov(0, 0);
  if (g.chance(40)) {
    const goOn = e.label();
    e.branch(JMP.JNE, 7, r.below(20), goOn);
    e.mov(0, 1);
    e.bind(goOn);
  }
  e.exit();
}

function rounds(g: Generator): void {
  const { e, r } = g;
  const type = r.pick(['array', 'hash', 'percpu_array', 'lru_hash']);
  const map = mapNamed(g, { type, key_size: 4, value_size: 16, max_entries: entries(type), name: `rounds_${type}` });
  const results = mapNamed(g, RESULTS);
  const state = g.slot(8);
  e.storeImm(8, FP, state, g.imm());
  if (g.chance(70)) e.mov(1, r.pick([0, 1, 2, 9, 40, -1, 0x800000, 0x800001]));
  else {
    const times = g.number();
    e.copy(1, times);
    e.alu(ALU.AND, 1, 63);
  }
  e.functionAddress(
    2,
    callback(g, ['number', 'number'], (inner) => writeRound(inner, map, results)),
  );
  e.copy(3, FP);
  e.add(3, state);
  e.mov(4, g.chance(90) ? 0 : 1);
  g.call(idOf('loop'));
  g.isNumber(0);
  note(g, 0);
  const dst = g.target();
  e.load(8, dst, FP, state);
  g.isNumber(dst);
  note(g, dst);
}

const fits = (g: Generator): boolean =>
  !(g.busy & ARGUMENTS) && g.level < 4 && g.functions.length < MAX_FUNCTIONS && g.iterations <= 16;

export const callbacks: readonly Fragment[] = [
  {
    name: 'elements of a map',
    weight: 3,
    topic: 'callback',
    fits: (g) => fits(g) && mayCall(g, 'for_each_map_elem'),
    write: elements,
  },
  {
    name: 'rounds that write a map',
    weight: 3,
    topic: 'callback',
    fits: (g) => fits(g) && mayCall(g, 'loop'),
    write: rounds,
  },
];
