/**
 * Functions that are written where they are called, because V8 does not do that: those that are called from one place, and
 * short ones that call no function themselves. Mode `verified` only. A function written there has registers, slots and a
 * frame of its own, as if it were called.
 */
import { CLASS, JMP } from '../../isa/index.ts';
import { OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import { CALLING_HELPERS } from '../callbacks.ts';
import { CANONICAL } from '../compile.ts';
import { width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import { FRAME_POINTER, REGISTERS } from './function-writer.ts';
import type { Program, FunctionWriter } from './function-writer.ts';
import { FRAME_STRIDE, MAX_ARGUMENTS } from './imports.ts';
import { CALL_HELPER } from './known-opcodes.ts';

/** Slots of a function that is written in its only place at most, and of one that is written in several. */
const MAX_ONCE = 512;
const MAX_SHORT = 32;

/** Bytes of a function, behind which it calls: V8 compiles none that is much longer. */
const MAX_HOST = 1_000_000;

/**
 * What may be written where it is called, by first slots.
 * @param graphs all functions that can be reached
 */
export function inlinedFunctions(
  program: Program,
  main: FlowGraph,
  graphs: ReadonlyMap<number, FlowGraph>,
): ReadonlyMap<number, FlowGraph> {
  const { op, off, src, file, functionLoads } = program;
  if (graphs.size === 0) return graphs;
  const places = new Map<number, number>();
  for (const graph of new Set([main, ...graphs.values()]))
    for (const at of instructions(program, graph)) {
      const entry = functionLoads.has(at) ? file[src[at]] : op[at] === CANONICAL.CALL_LOCAL ? off[at] : -1;
      places.set(entry, (places.get(entry) ?? 0) + 1);
    }
  const may = ([entry, graph]: readonly [number, FlowGraph]): boolean => {
    const slots = [...instructions(program, graph)];
    // What takes over the frame, or keeps a token for it, is called.
    if (entry === 0 || slots.some((at) => op[at] === CANONICAL.TAIL_CALL || op[at] === (CLASS.JMP | JMP.JCOND)))
      return false;
    if (places.get(entry) === 1) return slots.length <= MAX_ONCE;
    return slots.length <= MAX_SHORT && !slots.some((at) => callsFunctions(program, at));
  };
  return new Map([...graphs].filter(may));
}

function* instructions({ op }: Program, { blocks }: FlowGraph): Generator<number> {
  for (const { start, last } of blocks) {
    for (let at = start; at < last; at += width(op[at])) yield at;
    yield last;
  }
}

function callsFunctions({ op, imm }: Program, at: number): boolean {
  return op[at] === CANONICAL.CALL_LOCAL || (op[at] === CALL_HELPER && CALLING_HELPERS.has(imm[at]));
}

/**
 * Write the function at slot `entry` instead of the call at `at`.
 * @param argument leaves register `n` of the function
 * @returns the local that holds its r0; undefined, and nothing was written: it is to be called
 */
export function inlineCall(
  f: FunctionWriter,
  at: number,
  entry: number,
  argument: (n: number) => void,
): Index | undefined {
  const { code, parts } = f;
  const graph = parts.inlined.get(entry);
  const callers = f.facts?.through.get(at);
  const mayInline = callers !== undefined || (f.inlining.left > 0 && code.length <= MAX_HOST);
  if (graph === undefined || !mayInline) return undefined;
  f.inlining.left--;
  const registers = Array.from({ length: REGISTERS }, () => code.local(TYPE.I64));
  for (let n = 1; n <= MAX_ARGUMENTS; n++) {
    argument(n);
    code.set(registers[n]);
  }
  f.getRegister(FRAME_POINTER);
  code.i64(FRAME_STRIDE, 0);
  f.op(OP.i64_add);
  code.set(registers[FRAME_POINTER]);
  const end = code.block();
  parts.writeInlined({ caller: f, end, callers: callers ?? new Map() }, registers, graph);
  code.end();
  return registers[0];
}
