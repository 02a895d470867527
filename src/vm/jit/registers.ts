/**
 * What the JIT proves by itself of the registers of one function of a verified program: where one holds a map's header, or an
 * address in the function's own frame at a known offset; and which are live. Nothing here comes from the verifier, whose
 * facts may hold on one path only.
 */
import { ALU, ATOMIC, CLASS, LD_IMM64, MODE, accessSize } from '../../isa/index.ts';
import { CANONICAL } from '../compile.ts';
import { REGISTER_WORDS } from '../executable.ts';
import { argumentsOf } from './calls.ts';
import { width } from './flow-graph.ts';
import type { Block, FlowGraph } from './flow-graph.ts';
import { FRAME_POINTER, REGISTERS } from './function-writer.ts';
import type { Program } from './function-writer.ts';
import { CALL_HELPER, CALL_REGISTER } from './known-opcodes.ts';
import type { MapOptions } from './options.ts';

/**
 * UNSEEN: no path has come here yet. WORD: a number whose upper 32 bits are 0. INNER: what a look-up in a map of maps gave, the
 * address of a map's header or 0.
 */
export const KIND = { UNSEEN: 0, OTHER: 1, MAP: 2, FRAME: 3, FUNCTION: 4, WORD: 5, INNER: 6 } as const;

/**
 * A map's header address, an offset from r10, a function's first slot, where a map was looked up, or how many bits a WORD has at
 * most; 0 of other kinds.
 */
export interface Known {
  readonly kind: Uint8Array;
  readonly value: Int32Array;
}

const MAP_LOOKUP_ELEM = 1;
/** In canonical form: of a division that it is signed, of a move that it extends a sign. */
const IS_SIGNED = 0x08;

/** What the registers hold where each block starts and where it ends. */
export interface KnownAtBlocks {
  readonly starts: readonly Known[];
  readonly ends: readonly Known[];
}

/** What a function knows of its registers where it starts: the frame that r10 is the top of is its own. */
export function ownFrame(): Known {
  const known = unseen();
  known.kind.fill(KIND.OTHER);
  known.kind[FRAME_POINTER] = KIND.FRAME;
  return known;
}

/** @param entry what is known where the function starts */
export function knownAtBlocks(program: Program, graph: FlowGraph, maps: MapOptions, entry = ownFrame()): KnownAtBlocks {
  const starts = graph.blocks.map(unseen);
  const ends = graph.blocks.map(unseen);
  starts[0].kind.set(entry.kind);
  starts[0].value.set(entry.value);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = 0; i < starts.length; i++) {
      const block = graph.blocks[i];
      runThrough(program, block, starts[i], ends[i], maps);
      for (const to of block.successors) changed = meet(starts[to], ends[i]) || changed;
    }
  }
  return { starts, ends };
}

function unseen(): Known {
  return { kind: new Uint8Array(REGISTERS), value: new Int32Array(REGISTERS) };
}

/** `out` becomes what the registers hold behind a block. */
function runThrough(program: Program, { start, last }: Block, known: Known, out: Known, maps: MapOptions): void {
  out.kind.set(known.kind);
  out.value.set(known.value);
  for (let at = start; at < last; at += width(program.op[at])) step(program, at, out, maps);
}

/** What holds on both ways. @returns whether `into` changed */
function meet(into: Known, from: Known): boolean {
  let changed = false;
  for (let n = 0; n < REGISTERS; n++) {
    const kind = into.kind[n];
    const value = from.value[n];
    const alike = kind === from.kind[n];
    if (kind === KIND.OTHER || (alike && into.value[n] === value)) continue;
    if (alike && kind === KIND.WORD) {
      if (into.value[n] > value) continue;
      into.value[n] = value;
    } else {
      into.kind[n] = kind === KIND.UNSEEN ? from.kind[n] : KIND.OTHER;
      into.value[n] = kind === KIND.UNSEEN ? value : 0;
    }
    changed = true;
  }
  return changed;
}

/** Bring what is known over one instruction. */
export function step(program: Program, at: number, known: Known, maps: MapOptions): void {
  const { op, dst, src, file } = program;
  const { kind, value } = known;
  const d = dst[at] >> 1;
  const constant = src[at] >= REGISTER_WORDS;
  switch (op[at]) {
    case LD_IMM64:
      kind[d] = maps.mapLoads.has(at)
        ? KIND.MAP
        : program.functionLoads.has(at)
          ? KIND.FUNCTION
          : numberKind(isWord(program, at, known));
      value[d] = kind[d] === KIND.WORD ? 32 : kind[d] === KIND.OTHER ? 0 : file[src[at]];
      return;
    case CLASS.ALU64 | ALU.MOV:
      kind[d] = constant ? numberKind(isWord(program, at, known)) : kind[src[at] >> 1];
      value[d] = !constant ? value[src[at] >> 1] : kind[d] === KIND.WORD ? 32 : 0;
      return;
    case CLASS.ALU64 | ALU.ADD:
    case CLASS.ALU64 | ALU.SUB:
      if (constant && kind[d] === KIND.FRAME) {
        value[d] += (op[at] & 0xf0) === ALU.ADD ? file[src[at]] : -file[src[at]];
        return;
      }
  }
  const outer = kind[1] === KIND.MAP && isInnerLookup(program, at, value[1], maps) ? value[1] : 0;
  const result = numberKind(makesWord(program, at, known));
  for (const n of written(program, at)) {
    kind[n] = n === d ? result : KIND.OTHER;
    value[n] = kind[n] === KIND.WORD ? bitsOf(program, at) : 0;
  }
  if (outer === 0) return;
  kind[0] = KIND.INNER;
  value[0] = outer;
}

/** Whether an instruction looks up a map in a map of maps. */
function isInnerLookup({ op, imm }: Program, at: number, map: number, { maps }: MapOptions): boolean {
  return op[at] === CALL_HELPER && imm[at] === MAP_LOOKUP_ELEM && maps(map).inner !== undefined;
}

/** How many bits a WORD has at most behind an instruction. */
function bitsOf({ op, imm }: Program, at: number): number {
  if ((op[at] & 7) === CLASS.LDX) return 8 * accessSize(op[at]);
  return (op[at] & 0xf0) === ALU.END ? Math.min(32, imm[at]) : 32;
}

function numberKind(isWord: boolean): number {
  return isWord ? KIND.WORD : KIND.OTHER;
}

/** Whether the source of an instruction is a WORD: a register that is, or a constant. */
export function isWord({ src, file }: Program, at: number, { kind }: Known): boolean {
  const word = src[at];
  return word < REGISTER_WORDS ? kind[word >> 1] === KIND.WORD : file[word + 1] === 0;
}

/** Whether what an instruction other than a move writes to its destination is a WORD. */
function makesWord(program: Program, at: number, known: Known): boolean {
  const { op, dst, src, file, imm } = program;
  const code = op[at];
  const destination = known.kind[dst[at] >> 1] === KIND.WORD;
  switch (code & 7) {
    case CLASS.LDX:
      return (code & 0xe0) === MODE.MEM && accessSize(code) < 8;
    case CLASS.ALU:
      return (code & 0xf0) !== ALU.END || imm[at] < 64;
    case CLASS.ALU64:
      break;
    default:
      return false;
  }
  if (code & IS_SIGNED) return false;
  switch (code & 0xf0) {
    case ALU.AND:
      return destination || isWord(program, at, known);
    case ALU.OR:
    case ALU.XOR:
      return destination && isWord(program, at, known);
    case ALU.RSH:
      return destination || (src[at] >= REGISTER_WORDS && (file[src[at]] & 63) >= 32);
    case ALU.DIV:
    case ALU.MOD:
      return destination; // also where the divisor is 0
    case ALU.END:
      return imm[at] < 64;
    default:
      return false;
  }
}

const CALLER_SAVED: readonly number[] = [0, 1, 2, 3, 4, 5];
/** Bits of r1-r3. */
const TAIL_CALL_READS = 0b1110;
const ARGUMENTS: readonly number[] = [1, 2, 3, 4, 5];
const NONE: readonly number[] = [];

/** Registers that an instruction changes. */
export function written({ op, dst, src, imm }: Program, at: number): readonly number[] {
  const code = op[at];
  switch (code & 7) {
    case CLASS.ALU:
    case CLASS.ALU64:
    case CLASS.LDX:
      return [dst[at] >> 1];
    case CLASS.STX:
      if ((code & 0xe0) !== MODE.ATOMIC || !(imm[at] & ATOMIC.FETCH)) return NONE;
      return [imm[at] === ATOMIC.CMPXCHG ? 0 : src[at] >> 1];
    case CLASS.LD:
      return code === LD_IMM64 ? [dst[at] >> 1] : CALLER_SAVED;
  }
  if (code === CANONICAL.TAIL_CALL) return ARGUMENTS;
  return isCall(code) ? CALLER_SAVED : NONE;
}

/** Calls that return here. */
export function isCall(op: number): boolean {
  return op === CALL_HELPER || op === CANONICAL.CALL_LOCAL || op === CALL_REGISTER || op === CANONICAL.TAIL_CALL;
}

/** Bit `n`: register `n` is live where each block starts, i.e. may be read before it is written. */
export function liveAtBlocks(program: Program, graph: FlowGraph): Uint16Array {
  const { blocks } = graph;
  const live = new Uint16Array(blocks.length);
  const kept = new Uint16Array(blocks.length);
  blocks.forEach((block, i) => {
    const { read, written } = readAndWritten(program, block);
    live[i] = read;
    kept[i] = ~written;
  });
  for (let changed = true; changed;) {
    changed = false;
    for (let i = blocks.length - 1; i >= 0; i--) {
      let after = 0;
      for (const to of blocks[i].successors) after |= live[to];
      const mask = live[i] | (after & kept[i]);
      changed ||= mask !== live[i];
      live[i] = mask;
    }
  }
  return live;
}

/** Bits of the registers that a block reads before it writes them, and of those that it writes. */
function readAndWritten(program: Program, { start, last, end }: Block): { read: number; written: number } {
  let read = 0;
  let done = 0;
  for (let at = start; at < last; at += width(program.op[at])) {
    read |= readBits(program, at) & ~done;
    for (const n of written(program, at)) done |= 1 << n;
  }
  if (end === 'if') read |= readBits(program, last) & ~done;
  if (end === 'exit') read |= 1 & ~done;
  return { read, written: done };
}

/** Bits of the registers that an instruction or a jump reads; some more than it does. */
export function readBits({ op, dst, src, imm }: Program, at: number): number {
  const code = op[at];
  const bits = (1 << (dst[at] >> 1)) | (src[at] < REGISTER_WORDS ? 1 << (src[at] >> 1) : 0);
  switch (code & 7) {
    case CLASS.LDX:
      return 1 << (src[at] >> 1);
    case CLASS.STX:
      return imm[at] === ATOMIC.CMPXCHG ? bits | 1 : bits;
    case CLASS.LD:
      return code === LD_IMM64 ? 0 : (1 << (src[at] >> 1)) | (1 << 6);
    case CLASS.ALU:
    case CLASS.ALU64:
      if ((code & 0xf0) === ALU.MOV) return bits & ~(src[at] >> 1 === dst[at] >> 1 ? 0 : 1 << (dst[at] >> 1));
      return (code & 0xf0) === ALU.NEG || (code & 0xf0) === ALU.END ? 1 << (dst[at] >> 1) : bits;
  }
  if (!isCall(code)) return bits;
  if (code === CANONICAL.TAIL_CALL) return TAIL_CALL_READS;
  const args = code === CALL_HELPER ? argumentsOf('verified', imm[at]) : 5;
  return ((1 << args) - 1) << 1;
}
