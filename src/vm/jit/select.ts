/**
 * Choices without branches: compilers of BPF write `a ? b : c` as a jump over a move, since BPF has no conditional move.
 * A jump around nothing but moves of registers and constants becomes `select` again, on which a processor cannot mispredict,
 * unless a loop would wait for it (src/vm/jit/critical-path.ts).
 */
import { ALU, CLASS, JMP } from '../../isa/index.ts';
import { OP, TYPE } from '../../wasm/index.ts';
import { writeCondition } from './condition.ts';
import { chooseSelects } from './critical-path.ts';
import { connect, width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import type { FunctionWriter, Program } from './function-writer.ts';
import { written } from './registers.ts';

/** A conditional jump around moves. */
export interface Select {
  /** Slots of the moves that are done where the jump is taken, and where it is not. */
  readonly taken: readonly number[];
  readonly passed: readonly number[];
  /** Blocks of these moves. */
  readonly arms: readonly number[];
  /** The block behind them. */
  readonly to: number;
}

/** More moves than this are quicker with a branch around them. */
const MOST_MOVES = 2;
const MOVES: ReadonlySet<number> = new Set([CLASS.ALU | ALU.MOV, CLASS.ALU64 | ALU.MOV]);

/** The graph with jumps around moves as blocks that end with a select. */
export function withSelects(program: Program, graph: FlowGraph): FlowGraph {
  if (!graph.reducible) return graph;
  const found = new Map<number, Select>();
  graph.blocks.forEach((_, block) => {
    const select = selectAt(program, graph, block);
    if (select !== undefined) found.set(block, select);
  });
  const chosen = chooseSelects(program, graph, found);
  if (chosen.size === 0) return graph;
  return connect(
    graph.blocks.map((block, i) => {
      const select = chosen.get(i);
      return select === undefined ? block : { ...block, end: 'select', successors: [select.to], select };
    }),
  );
}

function selectAt({ op }: Program, graph: FlowGraph, block: number): Select | undefined {
  const { end, last, successors } = graph.blocks[block];
  if (end !== 'if' || (op[last] & 0xf0) === JMP.JCOND) return undefined;
  const [next, target] = successors;
  const passed = movesOf(op, graph, next);
  const taken = movesOf(op, graph, target);
  const [behindPassed] = passed === undefined ? [] : graph.blocks[next].successors;
  const [behindTaken] = taken === undefined ? [] : graph.blocks[target].successors;
  if (passed !== undefined && behindPassed === target) return { passed, taken: [], arms: [next], to: target };
  if (taken !== undefined && behindTaken === next) return { passed: [], taken, arms: [target], to: next };
  if (passed === undefined || taken === undefined || behindPassed !== behindTaken) return undefined;
  if (passed.length + taken.length > MOST_MOVES) return undefined;
  return { passed, taken, arms: [next, target], to: behindTaken };
}

/** The moves of a block that has one way in, one way out, and does nothing else. */
function movesOf(op: Uint8Array, { blocks, isLoop, isMerge }: FlowGraph, block: number): readonly number[] | undefined {
  const { start, last, end } = blocks[block];
  if (block === 0 || isLoop[block] || isMerge[block]) return undefined;
  if ((end !== 'fall' && end !== 'goto') || last - start > MOST_MOVES) return undefined;
  const moves = Array.from({ length: last - start }, (_, i) => start + i);
  return moves.every((at) => MOVES.has(op[at])) ? moves : undefined;
}

/**
 * Do the moves of the way that the jump at `at` goes.
 * @param start where its block starts
 */
export function writeSelect(f: FunctionWriter, start: number, at: number, { taken, passed }: Select): void {
  const { code, program } = f;
  const { dst } = program;
  const [first] = taken;
  const [other] = passed;
  if (taken.length === 1 && passed.length === 1 && dst[first] === dst[other]) {
    moved(f, first);
    moved(f, other);
    writeCondition(f, at);
    f.op(OP.select);
    return f.setDst64(first);
  }
  // The first of several moves may change what is compared.
  const condition = taken.length + passed.length > 1 ? code.local(TYPE.I32) : undefined;
  if (condition !== undefined) {
    writeCondition(f, at);
    code.set(condition);
  }
  const select = (move: number, isTaken: boolean): void => {
    if (condition === undefined && writeTruth(f, at, start, move, isTaken)) return;
    if (isTaken) moved(f, move);
    f.dst64(move);
    if (!isTaken) moved(f, move);
    if (condition === undefined) writeCondition(f, at);
    else code.get(condition);
    f.op(OP.select);
    f.setDst64(move);
  };
  for (const move of taken) select(move, true);
  for (const move of passed) select(move, false);
}

/** 1 where the other way has 0 is the condition itself. @returns whether it was so */
function writeTruth(f: FunctionWriter, at: number, start: number, move: number, isTaken: boolean): boolean {
  const [there, here] = [wordMovedTo(f, start, at, f.program.dst[move]), wordOf(f, move)];
  if (!((there === 0 && here === 1) || (there === 1 && here === 0))) return false;
  writeCondition(f, at);
  f.op(OP.i32_eqz);
  if ((here === 1) === isTaken) f.op(OP.i32_eqz);
  f.setDst32(move);
  return true;
}

/** The constant that a register holds at `end` since it was moved there in the same block. */
function wordMovedTo(f: FunctionWriter, start: number, end: number, register: number): number | undefined {
  const { program } = f;
  let found: number | undefined;
  for (let at = start; at < end; at += width(program.op[at]))
    if (written(program, at).includes(register >> 1)) found = wordOf(f, at);
  return found;
}

function wordOf(f: FunctionWriter, at: number): number | undefined {
  return MOVES.has(f.program.op[at]) ? f.constant(at)?.low : undefined;
}

/** What a move moves, as an i64. */
function moved(f: FunctionWriter, at: number): void {
  if ((f.program.op[at] & 7) === CLASS.ALU64) return f.src64(at);
  const constant = f.constant(at);
  if (constant !== undefined) return f.code.i64(constant.low, 0);
  f.src32(at);
  f.op(OP.i64_extend_i32_u);
}
