/** Loops: counted up and down, in registers and on the stack, bounded by numbers known and unknown, and endless ones. */
import { ALU, JMP } from '../../../../src/isa/index.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';
import { COMPARISONS } from './numbers.ts';

/** So many rounds in all, however deep loops are nested. */
const MAX_ITERATIONS = 150;

function rounds(g: Generator): number {
  const kind = g.r.below(100);
  const wanted = kind < 75 ? 2 + g.r.below(8) : 5 + g.r.below(60);
  if (g.iterations === 1 && g.r.oneIn(100)) return 100 + g.r.below(3000);
  return Math.max(2, Math.min(wanted, Math.floor(MAX_ITERATIONS / g.iterations)));
}

/** The body of a loop of `times` rounds: numbers that it loses are there again in the next round. */
function body(g: Generator, times: number): void {
  const { live, iterations } = g;
  g.iterations *= times;
  g.block(1 + g.r.below(3));
  g.iterations = iterations;
  for (let reg = 0; reg < 10; reg++) {
    if (((live & ~g.live & ~g.busy) >> reg) & 1 && !g.oops()) g.loadNumber(reg);
  }
}

/** Numbers that a loop's body may use but not lose: mostly the saved ones. */
function startOver(g: Generator): void {
  if (g.chance(60)) g.live &= ~0b111111;
}

const fits = (g: Generator): boolean => g.depth < 4 && g.iterations * 2 <= MAX_ITERATIONS;

function countUp(g: Generator): void {
  const { e, r } = g;
  const counter = g.scratch(true);
  const times = rounds(g);
  const step = g.chance(75) ? 1 : 1 + r.below(4);
  const head = e.label();
  const wide = g.chance(75);
  startOver(g);
  if (g.oops()) g.loadNumber(counter);
  else e.mov(counter, g.chance(80) ? 0 : r.below(3));
  g.isNothing(counter);
  e.bind(head);
  body(g, times);
  if (!g.oops()) e.alu(ALU.ADD, counter, step, wide || g.chance(50));
  const limit = times * step;
  const kind = r.below(6);
  if (kind < 3) e.branch(r.pick([JMP.JLT, JMP.JSLT, JMP.JLE]), counter, limit, head, wide);
  else if (kind < 4 && step === 1) e.branch(JMP.JNE, counter, limit, head, wide);
  else if (kind < 5) {
    const bound = g.scratch();
    e.mov(bound, limit);
    if (g.chance(50)) e.branchX(r.pick([JMP.JLT, JMP.JSLT]), counter, bound, head, wide);
    else e.branchX(r.pick([JMP.JGT, JMP.JSGT]), bound, counter, head, wide);
    g.release(bound);
  } else {
    const end = e.label();
    e.branch(r.pick([JMP.JGE, JMP.JGT]), counter, limit, end, wide);
    e.jump(head, g.chance(10));
    e.bind(end);
  }
  g.release(counter);
}

function countDown(g: Generator): void {
  const { e, r } = g;
  const counter = g.scratch(true);
  const head = e.label();
  const times = rounds(g);
  startOver(g);
  e.mov(counter, times);
  e.bind(head);
  body(g, times);
  if (g.chance(50)) e.add(counter, g.oops() ? 1 : -1);
  else e.alu(ALU.SUB, counter, g.oops() ? 0 : 1);
  e.branch(r.pick([JMP.JNE, JMP.JSGT, JMP.JGT]), counter, 0, head, g.chance(80));
  g.release(counter);
}

/** `while (counter < n)`: checked before each round. */
function whileLoop(g: Generator): void {
  const { e, r } = g;
  const counter = g.scratch(true);
  const times = rounds(g);
  const head = e.label();
  const end = e.label();
  startOver(g);
  e.mov(counter, 0);
  e.bind(head);
  e.branch(r.pick([JMP.JGE, JMP.JSGE, JMP.JEQ]), counter, times, end, g.chance(75));
  g.skippable(end, () => {
    body(g, times);
    if (g.chance(15)) e.branch(r.pick(COMPARISONS), g.number(), g.imm(), end);
    if (!g.oops()) e.add(counter, 1);
    e.jump(head);
  });
  g.release(counter);
}

/** As many rounds as a number that is only known to be small. */
function unknownBound(g: Generator): void {
  const { e, r } = g;
  const limit = g.savedNumber();
  const max = Math.max(2, Math.min(r.pick([3, 7, 15, 31]), Math.floor(MAX_ITERATIONS / g.iterations)));
  g.bound(limit, max);
  g.hold(limit);
  const counter = g.scratch(true);
  const head = e.label();
  const end = e.label();
  startOver(g);
  e.mov(counter, 0);
  const before = g.chance(50);
  e.bind(head);
  if (before) e.branchX(r.pick([JMP.JGE, JMP.JSGE, JMP.JEQ]), counter, limit, end, g.chance(80));
  g.skippable(end, () => {
    body(g, max);
    e.add(counter, 1);
    if (before) e.jump(head);
    else e.branchX(r.pick([JMP.JLT, JMP.JLE, JMP.JSLT]), counter, limit, head, g.chance(80));
  });
  g.release(counter, limit);
}

/** The counter lives on the stack. */
function stackCounter(g: Generator): void {
  const { e, r } = g;
  const off = -80 - 8 * r.below(4);
  const size = r.pick([8, 8, 4, 2]);
  const times = rounds(g);
  const head = e.label();
  startOver(g);
  if (g.chance(50)) e.storeImm(size, FP, off, 0);
  else {
    const zero = g.target();
    e.mov(zero, 0);
    e.store(size, FP, off, zero);
    g.isNumber(zero);
  }
  e.bind(head);
  body(g, times);
  const counter = g.target();
  e.load(size, counter, FP, off);
  if (!g.oops()) e.add(counter, 1);
  e.store(size, FP, off, counter);
  g.isNumber(counter);
  e.branch(r.pick([JMP.JLT, JMP.JLT, JMP.JSLT, JMP.JNE]), counter, times, head, g.chance(80));
}

function mayGoto(g: Generator): void {
  const { e } = g;
  const head = e.label();
  const end = e.label();
  startOver(g);
  e.bind(head);
  e.mayGoto(end);
  g.skippable(end, () => {
    body(g, 8);
    e.jump(head);
  });
}

/** Ends only by chance, or never. */
function endless(g: Generator): void {
  const { e, r } = g;
  const head = e.label();
  startOver(g);
  e.bind(head);
  body(g, 64);
  const reg = g.fresh();
  if (g.chance(80)) e.branch(r.pick(COMPARISONS), reg, g.imm(), head, g.chance(80));
  else {
    const end = e.label();
    e.branch(r.pick(COMPARISONS), reg, g.imm(), end);
    e.jump(head);
    e.bind(end);
  }
}

/** Sums over bytes of the stack. */
function walkStack(g: Generator): void {
  const { e, r } = g;
  const counter = g.scratch(true);
  const sum = g.savedNumber();
  const bytes = r.pick([4, 8, 16]);
  for (let off = -bytes; off < 0; off += 8) if (off % 8 === 0) e.storeImm(8, FP, off, g.imm());
  const head = e.label();
  e.mov(counter, 0);
  e.bind(head);
  const at = g.scratch();
  e.copy(at, FP);
  e.aluX(ALU.ADD, at, counter);
  const byte = g.scratch();
  e.load(1, byte, at, -bytes);
  e.aluX(ALU.ADD, sum, byte);
  g.release(at, byte);
  if (g.chance(40)) body(g, bytes);
  e.add(counter, 1);
  e.branch(JMP.JLT, counter, g.oops() ? bytes + 1 : bytes, head);
  g.release(counter);
}

export const loops: readonly Fragment[] = [
  { name: 'count up', weight: 5, topic: 'loop', fits, write: countUp },
  { name: 'count down', weight: 2, topic: 'loop', fits, write: countDown },
  { name: 'while', weight: 3, topic: 'loop', fits, write: whileLoop },
  { name: 'unknown bound', weight: 2, topic: 'loop', fits, write: unknownBound },
  { name: 'counter on the stack', weight: 2, topic: 'loop', fits, write: stackCounter },
  { name: 'walk the stack', weight: 1, topic: 'loop', fits, write: walkStack },
  { name: 'may_goto', weight: 1, topic: 'loop', fits, write: mayGoto },
  { name: 'endless', weight: 1, topic: 'loop', fits: (g) => fits(g) && g.chance(30), write: endless },
];
