/** Arithmetic on numbers: every operation, width and source; copies, extensions and numbers that are linked. */
import { ALU, JMP } from '../../../../src/isa/index.ts';
import type { Fragment, Generator } from '../generator.ts';

const BINARY = [ALU.ADD, ALU.SUB, ALU.MUL, ALU.OR, ALU.AND, ALU.XOR, ALU.AND, ALU.ADD];
const SHIFTS = [ALU.LSH, ALU.RSH, ALU.ARSH];
export const COMPARISONS = [
  JMP.JEQ,
  JMP.JNE,
  JMP.JGT,
  JMP.JGE,
  JMP.JLT,
  JMP.JLE,
  JMP.JSGT,
  JMP.JSGE,
  JMP.JSLT,
  JMP.JSLE,
  JMP.JSET,
];

function arithmetic(g: Generator): void {
  const { e, r } = g;
  const dst = g.number();
  const wide = g.chance(60);
  if (g.chance(45)) e.aluX(r.pick(BINARY), dst, g.number(), wide);
  else e.alu(r.pick(BINARY), dst, g.imm(), wide);
  g.isNumber(dst);
}

function shift(g: Generator): void {
  const { e, r } = g;
  const wide = g.chance(60);
  const bits = wide ? 64 : 32;
  if (g.chance(25)) e.aluX(r.pick(SHIFTS), g.number(), g.number(), wide);
  else e.alu(r.pick(SHIFTS), g.number(), g.oops() ? bits : r.below(bits), wide);
}

function divide(g: Generator): void {
  const { e, r } = g;
  const op = r.pick([ALU.DIV, ALU.MOD]);
  const off = r.below(2);
  const wide = g.chance(60);
  if (g.chance(50)) e.aluX(op, g.number(), g.number(), wide, off);
  else e.alu(op, g.number(), g.oops() ? 0 : g.imm() || 3, wide, off);
}

function unary(g: Generator): void {
  const { e, r } = g;
  const dst = g.number();
  if (g.chance(50)) e.alu(ALU.NEG, dst, 0, g.chance(50));
  else if (g.chance(50)) e.alu(ALU.END, dst, r.pick([16, 32, 64]), false);
  else if (g.chance(50)) e.alu(ALU.END | 8, dst, r.pick([16, 32, 64]), false);
  else e.alu(ALU.END, dst, r.pick([16, 32, 64]), true);
}

function move(g: Generator): void {
  const { e, r } = g;
  const src = g.number();
  const dst = g.target();
  const kind = r.below(10);
  if (kind < 4) e.copy(dst, src);
  else if (kind < 6) e.aluX(ALU.MOV, dst, src, false);
  else if (kind < 8) e.aluX(ALU.MOV, dst, src, true, r.pick([8, 16, 32]));
  else e.aluX(ALU.MOV, dst, src, false, r.pick([8, 16]));
  g.isNumber(dst);
}

/** Copies, one of them moved by a constant; a comparison of one teaches the others. */
function linked(g: Generator): void {
  const { e, r } = g;
  const src = g.number();
  const twin = g.target();
  if (g.chance(80)) e.copy(twin, src);
  else e.aluX(ALU.MOV, twin, src, false);
  g.isNumber(twin);
  for (let i = r.below(3); i > 0; i--) {
    const op = r.pick([ALU.ADD, ALU.ADD, ALU.SUB]);
    e.alu(op, r.pick([twin, src]), g.chance(80) ? r.below(64) : g.imm(), g.chance(80));
  }
  const third = g.target();
  if (g.chance(40)) e.copy(third, twin);
  if (g.chance(40)) g.isNumber(third);
  const end = e.label();
  const probe = r.pick([src, twin]);
  if (g.chance(70)) e.branch(r.pick(COMPARISONS), probe, g.imm(), end, g.chance(70));
  else e.branchX(r.pick(COMPARISONS), probe, g.number(), end, g.chance(70));
  g.skippable(end, () => {
    if (g.chance(40)) g.block(1);
    const other = probe === src ? twin : src;
    e.branch(r.pick(COMPARISONS), other, g.imm(), end, g.chance(70));
    g.block(1);
  });
}

/** A number of known bits: masks, shifted and joined. */
function bits(g: Generator): void {
  const { e, r } = g;
  const reg = g.number();
  e.alu(ALU.AND, reg, g.imm(), g.chance(70));
  if (g.chance(50)) e.alu(ALU.LSH, reg, r.below(32), g.chance(70));
  if (g.chance(50)) e.alu(ALU.OR, reg, g.imm(), g.chance(70));
  if (g.chance(30)) e.alu(ALU.XOR, reg, g.imm(), g.chance(70));
}

export const numbers: readonly Fragment[] = [
  { name: 'arithmetic', weight: 14, write: arithmetic },
  { name: 'shift', weight: 6, write: shift },
  { name: 'divide', weight: 3, write: divide },
  { name: 'unary', weight: 3, write: unary },
  { name: 'move', weight: 8, write: move },
  { name: 'bits', weight: 4, write: bits },
  { name: 'linked', weight: 5, topic: 'linked', write: linked },
  { name: 'number', weight: 6, write: (g) => void g.fresh() },
];
