/** Conditional jumps (RFC 9669 section 4.3) as an i32 that is 1 where the program jumps. */
import { CLASS, JMP } from '../../isa/index.ts';
import { OP, TYPE } from '../../wasm/index.ts';
import type { Op } from '../../wasm/index.ts';
import { MAY_GOTO_ROUNDS } from '../may-goto.ts';
import type { FunctionWriter } from './function-writer.ts';

const COMPARE: Readonly<Record<number, readonly [op32: Op, op64: Op]>> = {
  [JMP.JEQ]: [OP.i32_eq, OP.i64_eq],
  [JMP.JNE]: [OP.i32_ne, OP.i64_ne],
  [JMP.JGT]: [OP.i32_gt_u, OP.i64_gt_u],
  [JMP.JGE]: [OP.i32_ge_u, OP.i64_ge_u],
  [JMP.JLT]: [OP.i32_lt_u, OP.i64_lt_u],
  [JMP.JLE]: [OP.i32_le_u, OP.i64_le_u],
  [JMP.JSGT]: [OP.i32_gt_s, OP.i64_gt_s],
  [JMP.JSGE]: [OP.i32_ge_s, OP.i64_ge_s],
  [JMP.JSLT]: [OP.i32_lt_s, OP.i64_lt_s],
  [JMP.JSLE]: [OP.i32_le_s, OP.i64_le_s],
};

/** Whether the jump at `at` is taken. */
export function writeCondition(f: FunctionWriter, at: number): void {
  const op = f.program.op[at];
  const code = op & 0xf0;
  if (code === JMP.JCOND) return mayGoto(f);
  if ((op & 7) !== CLASS.JMP) return compareWords(f, at, code);
  if (f.facts?.words.has(at)) return compareWords(f, at, UNSIGNED[code] ?? code);
  const constant = f.constant(at);
  // No bit above bit 31 is asked for.
  if (code === JMP.JSET && constant?.high === 0) return compareWords(f, at, code);
  f.dst64(at);
  f.src64(at);
  if (code === JMP.JNE && constant?.low === 0 && constant.high === 0) return f.op(OP.i64_gt_u); // see `differs`
  if (code !== JMP.JSET) return f.op(COMPARE[code][1]);
  f.op(OP.i64_and);
  f.code.i64(0, 0);
  f.op(OP.i64_gt_u);
}

/** Of 64-bit numbers that are not negative: the same comparison without a sign. */
const UNSIGNED: Readonly<Record<number, number>> = {
  [JMP.JSGT]: JMP.JGT,
  [JMP.JSGE]: JMP.JGE,
  [JMP.JSLT]: JMP.JLT,
  [JMP.JSLE]: JMP.JLE,
};

function compareWords(f: FunctionWriter, at: number, code: number): void {
  if (code === JMP.JNE) return differs(f, at);
  f.dst32(at);
  f.src32(at);
  f.op(code === JMP.JSET ? OP.i32_and : COMPARE[code][0]);
}

/**
 * `!=` of 32 bits as a difference that is not 0. V8 turns a branch on `ne` into one on `eq` with its two ways exchanged, and
 * lays out first where `eq` does not hold: then the way that the compiler of the program held for the usual one is jumped to.
 */
function differs(f: FunctionWriter, at: number): void {
  const constant = f.constant(at);
  if (constant?.low === 0) return f.dst32(at);
  // A constant on the right would become an addition, which leaves no flags to branch on.
  f.src32(at);
  f.dst32(at);
  f.op(OP.i32_sub);
}

/** `may_goto` falls through as often as src/vm/may-goto.ts says, in each call of a function by itself. */
function mayGoto(f: FunctionWriter): void {
  const { code } = f;
  const [rounds, token] = f.mayGoto;
  code.get(token);
  code.i32(0);
  f.op(OP.i32_lt_s);
  code.if(TYPE.I32);
  code.i32(1);
  code.else();
  code.get(rounds);
  code.i32(1);
  f.op(OP.i32_add);
  code.tee(rounds);
  code.i32(MAY_GOTO_ROUNDS);
  f.op(OP.i32_eq);
  code.if();
  code.i32(0);
  code.set(rounds);
  code.get(token);
  code.call(f.parts.imports.of('mayGoto'));
  code.set(token);
  code.end();
  code.i32(0);
  code.end();
}
