/** Branches: one-sided, two-sided, ladders, on numbers and on pointers. */
import { JMP } from '../../../../src/isa/index.ts';
import type { Label } from '../emitter.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';
import { COMPARISONS } from './numbers.ts';

function condition(g: Generator, to: Label): void {
  const { e, r } = g;
  const dst = g.number();
  const wide = g.chance(65);
  const op = r.pick(COMPARISONS);
  if (g.chance(60)) e.branch(op, dst, g.imm(), to, wide);
  else e.branchX(op, dst, g.chance(3) ? dst : g.number(), to, wide);
}

const shallow = (g: Generator): boolean => g.depth < 5;

function oneSided(g: Generator): void {
  const end = g.e.label();
  condition(g, end);
  g.skippable(end, () => g.block(1 + g.r.below(3)));
}

function twoSided(g: Generator): void {
  const { e } = g;
  const otherwise = e.label();
  const end = e.label();
  condition(g, otherwise);
  const before = g.live;
  g.block(1 + g.r.below(3));
  const after = g.live;
  e.jump(end, g.chance(10));
  e.bind(otherwise);
  g.live = before;
  g.block(1 + g.r.below(3));
  e.bind(end);
  g.live &= after;
}

/** One number compared with several constants. */
function ladder(g: Generator): void {
  const { e, r } = g;
  const reg = g.number();
  const end = e.label();
  g.skippable(end, () => {
    for (let i = 1 + r.below(4); i > 0; i--) {
      const next = e.label();
      e.branch(r.pick([JMP.JNE, JMP.JNE, JMP.JEQ, JMP.JGT, JMP.JLT]), reg, r.below(6), next, g.chance(80));
      g.skippable(next, () => {
        g.block(1);
        if (g.chance(70)) e.jump(end);
      });
    }
  });
}

/** Leave early, with a number in r0. */
function leave(g: Generator): void {
  const { e, r } = g;
  const end = e.label();
  condition(g, end);
  g.skippable(end, () => {
    if (!g.oops()) e.mov(0, r.below(3));
    e.exit();
  });
}

/** Pointers compared with 0 and with each other. */
function pointers(g: Generator): void {
  const { e, r } = g;
  const end = e.label();
  const pointer = g.hasCtx && g.chance(50) ? 6 : FP;
  const op = r.pick([JMP.JEQ, JMP.JNE, ...COMPARISONS]);
  if (g.chance(60)) e.branch(op, pointer, r.pick([0, 0, 0, 1]), end, g.chance(85));
  else e.branchX(op, pointer, r.pick([6, FP, g.number()]), end, g.chance(85));
  g.skippable(end, () => g.block(1));
}

/** Code that nothing can reach, as seen by the numbers. */
function impossible(g: Generator): void {
  const { e, r } = g;
  const end = e.label();
  const reg = g.fresh();
  const max = r.pick([7, 15, 255]);
  g.bound(reg, max);
  e.branch(r.pick([JMP.JLE, JMP.JLT]), reg, max + 1, end, g.chance(70));
  g.skippable(end, () => {
    if (g.chance(30)) e.load(8, r.below(10), r.below(10), 0);
    g.block(1);
  });
}

export const control: readonly Fragment[] = [
  { name: 'if', weight: 12, topic: 'branch', fits: shallow, write: oneSided },
  { name: 'if else', weight: 5, topic: 'branch', fits: shallow, write: twoSided },
  { name: 'ladder', weight: 3, topic: 'branch', fits: shallow, write: ladder },
  { name: 'leave', weight: 3, topic: 'branch', write: leave },
  { name: 'compare pointers', weight: 2, topic: 'branch', fits: shallow, write: pointers },
  { name: 'impossible', weight: 2, topic: 'branch', fits: shallow, write: impossible },
];
