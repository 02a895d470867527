/** Texts at the edges of what helpers read and print: formats with memory behind them, numbers that just fit or just do not. */
import { FP } from '../../verifier/emitter.ts';
import type { Fragment, Generator } from '../../verifier/generator.ts';
import { note } from '../note.ts';
import { ARGUMENTS, idOf, mapNamed, mayCall } from './held.ts';
import { constantText } from './constant-text.ts';

/** One argument each. */
const OF_NUMBERS = [
  ...['%d', '%5d|', '%-5d|', '%05d', '%+d', '% d', '%x', '%08x', '%X', '%u', '%i', '%ld', '%lu', '%lx', '%li'],
  ...['%lld', '%llu', '%llx', '%lli', '%020lld', '%-20llu|', '%c', '%3c|', '%-3c|'],
];
const OF_MEMORY = ['%s', '%pks', '%pI4', '%pi4', '%pI6', '%pi6'];
/** Of these Linux counts nothing where the room is full, and loses its place among the arguments: they get enough room. */
const NEEDS_ROOM = /%p/;
/** The verifier knows none of them. */
const REFUSED = ['%#x', '%.3d', '%*d', '%o', '%hd', '%n', '%z', '%l', '%p4', '%.2s', '\xe4', '\x01'];

/** Something before, between and behind. */
const AROUND = ['', '', ' a ', '%%', ' %% ', '\n', '\t|'];

const PRINTED = { type: 'array', key_size: 4, value_size: 192, max_entries: 1, name: 'printed' };

/** What is printed; memory is 16 bytes on the stack. */
function print(g: Generator): void {
  const { e, r } = g;
  // Arguments, memory, and room for the text: what is read beyond the memory is no pointer.
  const data = g.slot(72, 8);
  const memory = data + 24;
  const to = memory + 16;
  const text = r.pick(['hello', '', 'exactly 16 bytes', '\xff\x80']);
  const bytes = new Uint8Array(16);
  bytes.set(Buffer.from(text, 'latin1').subarray(0, 16));
  if (g.chance(80)) bytes[15] = 0;
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < 16; at += 4) e.storeImm(4, FP, memory + at, view.getInt32(at, true));
  let format = r.pick(AROUND);
  const args = r.below(4);
  for (let i = 0; i < args; i++) {
    const isMemory = g.chance(40);
    format += r.pick(isMemory ? OF_MEMORY : OF_NUMBERS) + r.pick(AROUND);
    if (isMemory) {
      const pointer = g.scratch();
      e.copy(pointer, FP);
      e.add(pointer, memory);
      e.store(8, FP, data + 8 * i, pointer);
      g.release(pointer);
    } else if (g.chance(50)) e.storeImm(8, FP, data + 8 * i, g.imm());
    else e.store(8, FP, data + 8 * i, g.number());
  }
  if (r.oneIn(30)) format += r.pick(REFUSED);
  const inMap = NEEDS_ROOM.test(format);
  for (let at = 0; at < 32; at += 8) e.storeImm(8, FP, to + at, 0);
  if (inMap) {
    e.map(1, mapNamed(g, PRINTED), 0);
    e.mov(2, PRINTED.value_size);
  } else {
    e.copy(1, FP);
    e.add(1, to);
    e.mov(2, r.pick([1, 2, 8, 24, 32]));
  }
  e.map(3, constantText(g, format), 0);
  if (args > 0) {
    e.copy(4, FP);
    e.add(4, data);
  } else e.mov(4, 0);
  e.mov(5, 8 * (g.oops() ? r.below(4) : args));
  g.call(idOf('snprintf'));
  g.isNumber(0);
  note(g, 0);
  if (!inMap) showStack(g, to, 32);
}

const NUMBERS = [
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'],
  ...['18446744073709551615', '18446744073709551616', '-18446744073709551615', '0x', '0xg', '0x8000000000000000'],
  ...[
    '00',
    '08',
    '-',
    '+',
    '- 1',
    '--1',
    '\t12',
    '\n7',
    '\v8',
    '1 ',
    '1\x002',
    'ff',
    'FF',
    '0b1',
    'z',
    '7fffffffffffffff',
    '-0',
  ],
];

function parse(g: Generator): void {
  const { e, r } = g;
  const signed = g.chance(50);
  const text = r.pick(NUMBERS);
  const size = g.chance(70) ? text.length : r.pick([1, 2, 24, 24]);
  const from = g.slot(24, 8);
  const bytes = new Uint8Array(24);
  bytes.set(Buffer.from(text, 'latin1'));
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < 24; at += 4) e.storeImm(4, FP, from + at, view.getInt32(at, true));
  const to = g.slot(8);
  e.storeImm(8, FP, to, -1);
  e.copy(1, FP);
  e.add(1, from);
  e.mov(2, size);
  e.imm64(3, r.pick([0n, 0n, 8n, 10n, 10n, 16n, 16n, 2n, 36n, 0x100000000n, 0x10000000an]));
  e.copy(4, FP);
  e.add(4, to);
  g.call(idOf(signed ? 'strtol' : 'strtoul'));
  g.isNumber(0);
  note(g, 0);
  showStack(g, to, 8);
}

const WORDS = ['', 'a', 'ab', 'abc', 'abd', 'ABC', 'abc\xff', 'abcdefg'];

function compare(g: Generator): void {
  const { e, r } = g;
  const bytes = new Uint8Array(8);
  bytes.set(Buffer.from(r.pick(WORDS), 'latin1'));
  if (g.chance(20)) bytes[7] = 0x80;
  const view = new DataView(bytes.buffer);
  const from = g.slot(8);
  for (const at of [0, 4]) e.storeImm(4, FP, from + at, view.getInt32(at, true));
  e.copy(1, FP);
  e.add(1, from);
  e.mov(2, 1 + r.below(8));
  e.map(3, constantText(g, r.pick(WORDS)), 0);
  g.call(idOf('strncmp'));
  g.isNumber(0);
  note(g, 0);
}

function showStack(g: Generator, from: number, size: number): void {
  for (let at = 0; at < size; at += 8) {
    const dst = g.target();
    g.e.load(8, dst, FP, from + at);
    g.isNumber(dst);
    note(g, dst);
  }
}

const fits = (g: Generator): boolean => !(g.busy & ARGUMENTS) && g.maps.length < 8;

export const texts: readonly Fragment[] = [
  { name: 'print', weight: 3, topic: 'helper', fits: (g) => fits(g) && mayCall(g, 'snprintf'), write: print },
  { name: 'parse', weight: 2, topic: 'helper', fits: (g) => fits(g) && mayCall(g, 'strtol', 'strtoul'), write: parse },
  { name: 'compare texts', weight: 1, topic: 'helper', fits: (g) => fits(g) && mayCall(g, 'strncmp'), write: compare },
];
