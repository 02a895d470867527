/**
 * Changes to programs. `mutate` changes what keeps a program safe: checks, comparisons, constants, registers. `damage`
 * changes bits and fields as no compiler would: reserved fields, unknown opcodes, jumps to nowhere.
 */
import { ATOMIC, CLASS, EXIT, LD_IMM64, MODE, SRC } from '../../../src/isa/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import type { Random } from '../../../src/util/index.ts';
import { copy, distanceField, isConditional, item, itemsOf, remove, withItems } from './code.ts';
import type { Item } from './code.ts';
import { COMPARISONS } from './fragments/numbers.ts';

// prettier-ignore
const IMMEDIATES = [0, 1, -1, 2, 4, 7, 8, 15, 16, 31, 32, 63, 64, 255, 256, 4095, 65535, 0x7fffffff, -0x80000000];
const OFFSETS = [0, 1, -1, 2, -2, 4, -4, 8, -8, -16, 14, 47, -512, -520, 76, 80, 4096, 32767, -32768];
const ATOMICS = [0, 1, 0x40, 0x41, 0x50, 0xa0, 0xe1, 0xf1, ATOMIC.LOAD_ACQ, ATOMIC.STORE_REL, 0xe0, 2];

const cls = ({ opcode }: Item): number => opcode & 7;
const isMemory = (one: Item): boolean => cls(one) >= CLASS.LDX && cls(one) <= CLASS.STX;
const isAlu = (one: Item): boolean => cls(one) === CLASS.ALU || cls(one) === CLASS.ALU64;

function pickItem(items: Item[], random: Random, fits: (one: Item) => boolean): Item | undefined {
  const fitting = items.filter(fits);
  return fitting.length ? random.pick(fitting) : undefined;
}

type Change = (items: Item[], random: Random) => void;

/** The comparison decides differently. */
const swapComparison: Change = (items, random) => {
  const one = pickItem(items, random, isConditional);
  if (!one) return;
  switch (random.below(4)) {
    case 0:
      one.opcode = (one.opcode & 0x0f) | random.pick(COMPARISONS);
      break;
    case 1:
      [one.dst, one.src] = one.opcode & SRC.X ? [one.src, one.dst] : [one.dst, one.src];
      break;
    case 2:
      one.opcode ^= CLASS.JMP ^ CLASS.JMP32;
      break;
    default: {
      const at = items.indexOf(one);
      if (at + 1 < items.length) one.target = random.pick(items);
    }
  }
};

const dropCheck: Change = (items, random) => {
  const one = pickItem(items, random, isConditional);
  if (one) remove(items, items.indexOf(one));
};

const nudgeConstant: Change = (items, random) => {
  const one = pickItem(items, random, (candidate) => candidate.map === undefined && !distanceField(candidate));
  if (!one) return;
  const by = random.pick([1, -1]);
  if (isMemory(one) && random.oneIn(2)) one.off += by;
  else if (one.map === undefined) one.imm = (one.imm + by) | 0;
};

const changeConstant: Change = (items, random) => {
  const one = random.pick(items);
  if (one.map !== undefined || distanceField(one) === 'imm') return;
  if (isMemory(one) && random.oneIn(2)) one.off = random.pick(OFFSETS);
  else if (cls(one) === CLASS.STX && (one.opcode & 0xe0) === MODE.ATOMIC) one.imm = random.pick(ATOMICS);
  else one.imm = random.pick(IMMEDIATES);
};

const changeRegister: Change = (items, random) => {
  const one = random.pick(items);
  if (random.oneIn(2)) one.dst = random.below(11);
  else if (one.opcode !== LD_IMM64) one.src = random.below(11);
};

const changeSize: Change = (items, random) => {
  const one = pickItem(items, random, isMemory);
  if (one) one.opcode ^= random.pick([0x08, 0x10, 0x18]);
};

const changeOperation: Change = (items, random) => {
  const one = pickItem(items, random, isAlu);
  if (one) one.opcode ^= random.pick([0x10, 0x20, 0x40, 0x80, 0x08, 0x03, 0xb0]);
};

const deleteItem: Change = (items, random) => {
  if (items.length > 2) remove(items, random.below(items.length));
};

const repeatItem: Change = (items, random) => {
  items.splice(random.below(items.length), 0, { ...random.pick(items) });
};

const exchangeNeighbours: Change = (items, random) => {
  const at = random.below(items.length);
  if (at + 1 < items.length) [items[at], items[at + 1]] = [items[at + 1], items[at]];
};

const retarget: Change = (items, random) => {
  const one = pickItem(items, random, ({ target }) => !!target);
  if (!one?.target) return;
  const at = items.indexOf(one.target) + random.pick([1, -1, 2, -2]);
  one.target = items[at] ?? random.pick(items);
};

const SMART: readonly Change[] = [
  dropCheck,
  dropCheck,
  swapComparison,
  swapComparison,
  nudgeConstant,
  nudgeConstant,
  changeConstant,
  changeRegister,
  changeSize,
  changeOperation,
  deleteItem,
  deleteItem,
  repeatItem,
  exchangeNeighbours,
  retarget,
];

const breakOpcode: Change = (items, random) => {
  const one = random.pick(items);
  if (one.map === undefined) one.opcode = random.oneIn(2) ? random.below(256) : one.opcode ^ (1 << random.below(8));
};

const fillReserved: Change = (items, random) => {
  const one = random.pick(items);
  switch (random.below(4)) {
    case 0:
      one.off = random.pick(OFFSETS);
      one.target = distanceField(one) === 'off' ? undefined : one.target;
      break;
    case 1:
      if (one.map === undefined) one.imm = random.pick(IMMEDIATES);
      break;
    case 2:
      one.src = random.below(16);
      if (one.opcode === LD_IMM64 && one.src !== 1 && one.src !== 2) delete one.map;
      break;
    default:
      one.dst = random.below(16);
  }
};

const jumpNowhere: Change = (items, random) => {
  const one = pickItem(items, random, (candidate) => !!distanceField(candidate));
  const field = one && distanceField(one);
  if (!field) return;
  one.target = undefined;
  one[field] = random.pick([-1, 0, 1, 2, -2, 1000, -1000, 32767, -32768, random.below(20) - 10]);
};

const cutImm64: Change = (items, random) => {
  const one = pickItem(items, random, ({ high }) => high !== undefined);
  if (!one) return;
  if (random.oneIn(2)) delete one.high;
  else one.high = random.pick(IMMEDIATES);
};

const cutEnd: Change = (items, random) => {
  if (items.length > 2) remove(items, items.length - 1 - random.below(Math.min(3, items.length - 2)), 1);
};

const insertGarbage: Change = (items, random) => {
  const opcode = random.below(256);
  items.splice(
    random.below(items.length + 1),
    0,
    item(opcode, random.below(12), random.below(12), random.pick(OFFSETS), random.pick(IMMEDIATES)),
  );
};

const earlyExit: Change = (items, random) => {
  items.splice(random.below(items.length), 0, item(EXIT));
};

const WILD: readonly Change[] = [
  breakOpcode,
  breakOpcode,
  fillReserved,
  fillReserved,
  fillReserved,
  jumpNowhere,
  cutImm64,
  cutEnd,
  insertGarbage,
  earlyExit,
];

function change(object: ProgramObject, changes: readonly Change[], count: number, random: Random): ProgramObject {
  const items = copy(itemsOf(object));
  for (let i = 0; i < count; i++) random.pick(changes)(items, random);
  return withItems(object, items);
}

/** One to three plausible mistakes. */
export const mutate = (object: ProgramObject, random: Random): ProgramObject =>
  change(object, SMART, 1 + random.below(3), random);

/** One or two implausible ones. */
export const damage = (object: ProgramObject, random: Random): ProgramObject =>
  change(object, WILD, 1 + random.below(2), random);
