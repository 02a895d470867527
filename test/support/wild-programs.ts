/**
 * Random programs that nobody would accept: jumps anywhere, loops with several entries, sub-programs that call each other,
 * accesses that go wrong, unknown helpers, invalid instructions. They compile, and two engines must agree on what becomes of
 * them under a budget.
 */
import { CLASS, JMP, LD_IMM64, MODE, SIZE, SRC, type Instruction } from '../../src/isa/index.ts';
import type { Random } from '../../src/util/index.ts';
import { arithmetic, atomic, insn, number64 } from './random-programs.ts';

/** An instruction whose target is known when all are laid out. */
interface Item {
  readonly insn: Instruction;
  /** High word of an ld_imm64. */
  readonly high?: number;
  /** Number of an item of the same function that it jumps to. */
  readonly jump?: number;
  /** Number of a function that it calls. */
  readonly call?: number;
}

const FRAME = 10;
/** Holds the memory's address, which arithmetic leaves alone. */
const MEMORY = 9;
const SIZES = [SIZE.B, SIZE.H, SIZE.W, SIZE.DW] as const;
const CONDITIONS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];

/** @param memory bytes that r1 points to; @param helpers numbers that may be called */
export function wildProgram(r: Random, memory: number, helpers: readonly number[]): Instruction[] {
  const count = 1 + r.below(3);
  const functions = Array.from({ length: count }, (_, i) => wildFunction(r, i === 0, count, memory, helpers));
  const starts: number[] = [];
  let end = 0;
  const positions = functions.map((items) => {
    starts.push(end);
    return items.map(({ high }) => {
      const at = end;
      end += high === undefined ? 1 : 2;
      return at;
    });
  });
  return functions.flatMap((items, fn) =>
    items.flatMap(({ insn: it, high, jump, call }, i) => {
      const next = positions[fn][i] + 1;
      if (call !== undefined) return [{ ...it, imm: starts[call] - next }];
      if (jump === undefined) return high === undefined ? [it] : [it, insn(0, 0, 0, 0, high)];
      const distance = positions[fn][jump] - next;
      return [it.opcode === (CLASS.JMP32 | JMP.JA) ? { ...it, imm: distance } : { ...it, off: distance }];
    }),
  );
}

function wildFunction(r: Random, main: boolean, functions: number, memory: number, helpers: readonly number[]): Item[] {
  const length = 3 + r.below(30);
  const items: Item[] = main ? [{ insn: insn(0xbf, MEMORY, 1) }] : [];
  while (items.length < length) items.push(wildItem(r, length, functions, memory, helpers));
  items.push({ insn: insn(CLASS.JMP | JMP.EXIT) });
  return items;
}

function wildItem(r: Random, length: number, functions: number, memory: number, helpers: readonly number[]): Item {
  const kind = r.below(100);
  const jump = r.below(length + 1);
  if (kind < 40) return { insn: arithmetic(r) };
  if (kind < 55) return { insn: access(r, memory) };
  if (kind < 58) return { insn: packetLoad(r, memory) };
  if (kind < 80) {
    const cls = r.pick([CLASS.JMP, CLASS.JMP32]);
    const code = cls | r.pick(CONDITIONS);
    const imm = r.below(3) === 0 ? r.below(5) : Number(BigInt.asIntN(32, number64(r)));
    return {
      insn: r.below(2) ? insn(code | SRC.X, r.below(11), r.below(11)) : insn(code, r.below(11), 0, 0, imm),
      jump,
    };
  }
  if (kind < 84) return { insn: insn(r.pick([CLASS.JMP, CLASS.JMP32]) | JMP.JA), jump };
  if (kind < 85) return { insn: insn(CLASS.JMP | JMP.JCOND), jump };
  if (kind < 89) {
    const value = number64(r);
    return {
      insn: insn(LD_IMM64, r.below(10), 0, 0, Number(BigInt.asIntN(32, value))),
      high: Number(BigInt.asIntN(32, value >> 32n)),
    };
  }
  if (kind < 93) return { insn: insn(0x85, 0, 0, 0, r.pick(helpers)) };
  if (kind < 94) return { insn: insn(0x8d, r.below(10)) };
  if (kind < 97) return { insn: insn(0x85, 0, 1), call: r.below(functions) };
  if (kind < 98) return { insn: insn(0xff) };
  return { insn: insn(CLASS.JMP | JMP.EXIT) };
}

/** Mostly inside the memory or the frame, sometimes beyond, sometimes anywhere. */
function access(r: Random, memory: number): Instruction {
  const onStack = r.below(2) === 0;
  const base = r.below(40) === 0 ? r.below(10) : onStack ? FRAME : MEMORY;
  const size = r.pick(SIZES);
  const bytes = [4, 2, 1, 8][size >> 3];
  const inside = onStack ? -bytes - r.below(64) : r.below(memory - bytes + 1);
  const off = r.below(30) === 0 ? inside + (onStack ? 16 : memory) : inside;
  const register = r.below(10);
  switch (r.below(5)) {
    case 0:
      return insn(CLASS.STX | size | MODE.MEM, base, register, off);
    case 1:
      return insn(CLASS.ST | size | MODE.MEM, base, 0, off, Number(BigInt.asIntN(32, number64(r))));
    case 2:
      return atomic(r, base, register === MEMORY ? 0 : register, off);
    case 3:
      if (size !== SIZE.DW) return insn(CLASS.LDX | size | MODE.MEMSX, register === MEMORY ? 0 : register, base, off);
  }
  return insn(CLASS.LDX | size | MODE.MEM, register === MEMORY ? 0 : register, base, off);
}

function packetLoad(r: Random, memory: number): Instruction {
  const size = r.pick([SIZE.B, SIZE.H, SIZE.W]);
  const imm = r.below(20) === 0 ? r.pick([-1, memory, -0x100000 + 2, -0x200000, 0x7fffffff]) : r.below(memory - 4);
  if (r.below(2)) return insn(CLASS.LD | size | MODE.ABS, 0, 0, 0, imm);
  return insn(CLASS.LD | size | MODE.IND, 0, r.below(10), 0, imm);
}
