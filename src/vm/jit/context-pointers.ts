/**
 * Which loads and stores of a function touch no narrow field of the context (src/hooks/narrow-fields.ts): those whose address
 * does not come from the context, and those of other fields. Everything is followed here; nothing comes from the verifier.
 */
import { ALU, CLASS, MODE, accessSize } from '../../isa/index.ts';
import { CANONICAL } from '../compile.ts';
import { REGISTER_WORDS } from '../executable.ts';
import { width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import type { Program } from './function-writer.ts';
import { CALL_HELPER } from './known-opcodes.ts';
import { isAccess } from './memory.ts';
import type { NarrowContextRange } from './options.ts';
import { isCall, written } from './registers.ts';

/** Bit `n` is register `n`. */
interface Registers {
  /** Those that may hold an address in the context. */
  may: number;
  /** Those that hold the address of its first byte, whatever way was gone. */
  sure: number;
}

const R0 = 1 << 0;
const R1 = 1 << 1;
/** r1 to r5. */
const ARGUMENTS = 0b111110;

/** Slots of the loads, stores and atomic operations that are plain memory. */
export function plainAccesses(program: Program, graph: FlowGraph, narrow: NarrowContextRange): ReadonlySet<number> {
  // What a function finds on its stack, another one may have put there.
  const isAlone = graph.blocks[0].start === 0 && !callsFunctions(program);
  if (isAlone) {
    const plain = collect(program, graph, narrow, false);
    if (plain !== undefined) return plain;
  }
  return collect(program, graph, narrow, true) ?? new Set();
}

/** Whether an access of `bytes` bytes, at an offset in the struct, touches a narrow field. */
function touches({ cells, region }: NarrowContextRange, offset: number, bytes: number): boolean {
  if (offset < 0 || offset + bytes > region.size) return true;
  for (let cell = offset >> 2; cell <= (offset + bytes - 1) >> 2; cell++)
    if ((cells[cell >> 5] >> (cell & 31)) & 1) return true;
  return false;
}

function callsFunctions({ length, op, functionLoads }: Program): boolean {
  if (functionLoads.size > 0) return true;
  for (let slot = 0; slot < length; slot += width(op[slot])) if (op[slot] === CANONICAL.CALL_LOCAL) return true;
  return false;
}

/**
 * @param loaded whether memory may hold addresses in the context
 * @returns undefined where it may, though it was said not to
 */
function collect(
  program: Program,
  graph: FlowGraph,
  narrow: NarrowContextRange,
  loaded: boolean,
): ReadonlySet<number> | undefined {
  const { op, dst, src, off } = program;
  const starts = atBlocks(program, graph, loaded);
  const plain = new Set<number>();
  for (const [i, { start, last }] of graph.blocks.entries()) {
    const now = { ...starts[i] };
    for (let at = start; at < last; at += width(op[at])) {
      if (isAccess(op[at])) {
        const base = 1 << ((op[at] & 7) === CLASS.LDX ? src[at] >> 1 : dst[at] >> 1);
        const isOther = (now.sure & base) !== 0 && !touches(narrow, off[at], accessSize(op[at]));
        if (!(now.may & base) || isOther) plain.add(at);
        if (!loaded && storesWhole(program, at) && now.may & (1 << (src[at] >> 1))) return undefined;
      }
      step(program, at, now, loaded);
    }
  }
  return plain;
}

/** Whether an instruction stores a whole register. */
function storesWhole({ op, src }: Program, at: number): boolean {
  return (op[at] & 7) === CLASS.STX && accessSize(op[at]) === 8 && src[at] < REGISTER_WORDS;
}

/** What the registers hold where each block starts. */
function atBlocks(program: Program, { blocks }: FlowGraph, loaded: boolean): readonly Registers[] {
  const starts = blocks.map((): Registers => ({ may: 0, sure: -1 }));
  starts[0] = blocks[0].start === 0 ? { may: R1, sure: R1 } : { may: ARGUMENTS, sure: 0 };
  for (let changed = true; changed;) {
    changed = false;
    for (const [i, { start, last, successors }] of blocks.entries()) {
      const now = { ...starts[i] };
      for (let at = start; at < last; at += width(program.op[at])) step(program, at, now, loaded);
      for (const to of successors) {
        const into = starts[to];
        const [may, sure] = [into.may | now.may, into.sure & now.sure];
        changed ||= may !== into.may || sure !== into.sure;
        starts[to] = { may, sure };
      }
    }
  }
  return starts;
}

/** Bring what the registers hold over one instruction. */
function step(program: Program, at: number, now: Registers, loaded: boolean): void {
  const { op, dst, src } = program;
  const code = op[at];
  const d = 1 << (dst[at] >> 1);
  const s = src[at] < REGISTER_WORDS ? 1 << (src[at] >> 1) : 0;
  const [fromMay, fromSure] = [now.may & s, now.sure & s];
  if ((code & 7) === CLASS.ALU64 && code !== (CLASS.ALU64 | ALU.MOV)) {
    if (fromMay) now.may |= d;
    now.sure &= ~d;
    return;
  }
  for (const n of written(program, at)) {
    now.may &= ~(1 << n);
    now.sure &= ~(1 << n);
  }
  if (code === (CLASS.ALU64 | ALU.MOV)) {
    if (fromMay) now.may |= d;
    if (fromSure) now.sure |= d;
  } else if (loaded && (code & 7) === CLASS.LDX && (code & 0xe0) === MODE.MEM && accessSize(code) === 8) {
    now.may |= d;
  } else if (isCall(code) && code !== CALL_HELPER) {
    now.may |= R0;
  }
}
