/** The stack: spills and fills of every size at every place, of numbers and pointers, by constant and variable offset. */
import { ALU, MODE } from '../../../../src/isa/index.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';

const SIZES = [8, 8, 8, 4, 2, 1];

/** An offset for an access of `size` bytes, aligned but for mistakes. */
function place(g: Generator, size: number): number {
  const off = g.slot(8);
  const moved = g.chance(70) ? off : off + size * g.r.below(8 / size);
  return g.oops() ? moved + g.r.below(8) : moved;
}

function store(g: Generator): void {
  const { e, r } = g;
  const size = r.pick(SIZES);
  if (g.chance(75)) e.store(size, FP, place(g, size), g.number());
  else e.storeImm(size, FP, place(g, size), g.imm());
}

function load(g: Generator): void {
  const { e, r } = g;
  const size = r.pick(SIZES);
  const dst = g.target();
  const signed = size < 8 && g.chance(20);
  e.load(size, dst, FP, place(g, size), signed ? MODE.MEMSX : MODE.MEM);
  g.isNumber(dst);
}

/** A number put away and taken back, whole or in part, with things happening between. */
function spillFill(g: Generator): void {
  const { e, r } = g;
  const off = g.slot(8);
  const size = r.pick(SIZES);
  const src = g.number();
  if (g.chance(40)) g.bound(src, r.pick([7, 15, 63, 255, 4095]));
  e.store(size, FP, off, src);
  if (g.chance(50)) g.block(1);
  if (g.chance(20)) {
    // Something is written over a part of it.
    const part = r.pick([1, 2, 4]);
    e.storeImm(part, FP, off + part * r.below(8 / part), r.pick([0, g.imm()]));
  }
  const fill = g.chance(70) ? size : r.pick(SIZES);
  const dst = g.target();
  const within = g.chance(75) ? 0 : fill * r.below(8 / fill);
  e.load(fill, dst, FP, off + within, fill < 8 && g.chance(15) ? MODE.MEMSX : MODE.MEM);
  g.isNumber(dst);
}

/** A pointer put away and taken back. */
function spillPointer(g: Generator): void {
  const { e, r } = g;
  const off = g.slot(8);
  const useCtx = g.hasCtx && g.chance(60);
  const pointer = useCtx ? 6 : FP;
  e.store(g.oops() ? 4 : 8, FP, off, pointer);
  if (g.chance(50)) g.block(1);
  const back = g.scratch();
  e.load(g.oops() ? 4 : 8, back, FP, off);
  if (!useCtx) e.load(r.pick(SIZES), g.target(), back, g.slot(8));
  else if (g.around.numbers.length) {
    const field = r.pick(g.around.numbers);
    const dst = g.target();
    e.load(field.size, dst, back, field.off);
    g.isNumber(dst);
  }
  g.release(back);
}

/** Bytes of the stack at an offset that is only known to lie in a range. */
function variable(g: Generator): void {
  const { e, r } = g;
  const index = g.number();
  const max = r.pick([7, 8, 15, 24, 31]);
  g.bound(index, max);
  const unit = r.pick([1, 1, 4, 8]);
  if (unit > 1) e.alu(ALU.AND, index, -unit);
  const base = g.scratch();
  e.copy(base, FP);
  if (g.chance(30)) e.add(base, -8 * r.below(4));
  e.aluX(ALU.ADD, base, index);
  const size = r.pick([1, 1, 2, 4, 8].filter((bytes) => bytes <= unit || g.oops()));
  const off = g.oops() ? r.pick([-8, 0, -512, -max]) : -Math.ceil((max + size) / unit) * unit - unit * r.below(4);
  if (!g.oops() && g.chance(50)) {
    // What may be read is written first.
    for (let at = off - (off % 8) - 8 * Math.ceil((max + 8) / 8); at < 0 && at < off + max + size; at += 8) {
      if (at >= -512) e.storeImm(8, FP, at, r.pick([0, 0, 1]));
    }
  }
  if (g.chance(40)) e.store(size, base, off, g.number());
  else if (g.chance(25)) e.storeImm(size, base, off, r.pick([0, 0, 7]));
  else {
    const dst = g.target();
    e.load(size, dst, base, off);
    g.isNumber(dst);
  }
  g.release(base);
}

/** Whole slots of zeros, then parts of them read. */
function zeros(g: Generator): void {
  const { e, r } = g;
  const off = g.slot(8);
  if (g.chance(50)) e.storeImm(8, FP, off, 0);
  else {
    const zero = g.target();
    e.mov(zero, 0);
    e.store(r.pick(SIZES), FP, off, zero);
    g.isNumber(zero);
  }
  const size = r.pick(SIZES);
  const dst = g.target();
  e.load(size, dst, FP, off + size * r.below(8 / size));
  g.isNumber(dst);
}

export const stack: readonly Fragment[] = [
  { name: 'store', weight: 9, write: store },
  { name: 'load', weight: 7, write: load },
  { name: 'spill', weight: 9, topic: 'spill', write: spillFill },
  { name: 'spilled pointer', weight: 3, topic: 'spill', write: spillPointer },
  { name: 'zeros', weight: 2, topic: 'spill', write: zeros },
  { name: 'variable stack offset', weight: 3, write: variable },
];
