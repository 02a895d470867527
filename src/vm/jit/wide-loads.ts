/**
 * Numbers that a verified program puts together from bytes, as compilers do where a struct may lie unaligned: loads of pieces side
 * by side, shifted and joined by `|`, `+` or `^`, become one load, with its bytes swapped where the first byte is the highest.
 * That is proven within one basic block: the pieces hang on one value of one register, nothing writes memory between them, and
 * nobody reads what is on the way. Every piece is loaded on this path anyway, so that the wide load touches no other byte.
 */
import { ALU, CLASS, MODE, accessSize } from '../../isa/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import { REGISTER_WORDS } from '../executable.ts';
import { swap32, swap64 } from './byte-order.ts';
import { width } from './flow-graph.ts';
import type { Block, FlowGraph } from './flow-graph.ts';
import type { FunctionWriter, Program } from './function-writer.ts';
import { liveAtBlocks, readBits, written } from './registers.ts';

/** A number that one load gives. */
interface WideLoad {
  readonly base: number;
  readonly off: number;
  readonly size: 2 | 4 | 8;
  readonly swapped: boolean;
  /** Where the first piece is loaded, which is where the load goes, and where the number is complete. */
  readonly first: number;
  readonly root: number;
  /** All instructions that it takes the place of, the root included. */
  readonly slots: readonly number[];
}

/** By slot: what is written in place of the instruction; undefined: nothing. */
export type WideLoads = ReadonlyMap<number, WideLoad | undefined>;

/** Bytes of memory, and where in a register they are. */
interface Piece {
  readonly off: number;
  readonly size: number;
  readonly shift: number;
}

/** A register that holds pieces and else 0. */
interface Pieces {
  readonly base: number;
  /** Which of the block's values of the base. */
  readonly version: number;
  readonly pieces: readonly Piece[];
  readonly slots: readonly number[];
}

/** Eight loads, as many shifts and joins, and some more. */
const MOST_SLOTS = 32;
const JOINS: ReadonlySet<number> = new Set([ALU.OR, ALU.ADD, ALU.XOR]);
/** A reader behind the block. */
const BEHIND = -1;

/** @param isPlainLoad whether the load at a slot takes its bytes from where its address says */
export function wideLoads(program: Program, graph: FlowGraph, isPlainLoad: (at: number) => boolean): WideLoads {
  const found = new Map<number, WideLoad | undefined>();
  let live: Uint16Array | undefined;
  for (const block of graph.blocks) {
    const candidates = new BlockPieces(program, isPlainLoad).candidates(block);
    if (candidates.length === 0) continue;
    live ??= liveAtBlocks(program, graph);
    let liveBehind = 0;
    for (const to of block.successors) liveBehind |= live[to];
    const readers = readersIn(program, block, liveBehind);
    // Larger numbers come later, and hold smaller ones.
    for (const load of candidates.toReversed()) {
      if (load.slots.some((slot) => found.has(slot)) || !isPrivate(load, readers)) continue;
      for (const slot of load.slots) found.set(slot, slot === load.first || slot === load.root ? load : undefined);
    }
  }
  return found;
}

/** Whether only the root's result is read by others. */
function isPrivate({ slots, root }: WideLoad, readers: ReadonlyMap<number, readonly number[]>): boolean {
  return slots.every((slot) => slot === root || (readers.get(slot) ?? []).every((reader) => slots.includes(reader)));
}

/** Slots that read what a slot of the block writes, BEHIND for other blocks. */
function readersIn(program: Program, { start, last, end }: Block, liveBehind: number): Map<number, number[]> {
  const readers = new Map<number, number[]>();
  const writer = new Map<number, number>();
  const read = (bits: number, reader: number): void => {
    for (const [register, slot] of writer) if (bits & (1 << register)) readers.get(slot)?.push(reader);
  };
  for (let at = start; at < last; at += width(program.op[at])) {
    read(readBits(program, at), at);
    readers.set(at, []);
    for (const register of written(program, at)) writer.set(register, at);
  }
  if (end === 'if') read(readBits(program, last), BEHIND);
  read(end === 'exit' ? 1 : liveBehind, BEHIND);
  return readers;
}

/** A walk through one block. */
class BlockPieces {
  readonly #program: Program;
  readonly #isPlainLoad: (at: number) => boolean;
  readonly #held = new Map<number, Pieces>();
  readonly #versions = new Map<number, number>();
  readonly #candidates: WideLoad[] = [];

  constructor(program: Program, isPlainLoad: (at: number) => boolean) {
    this.#program = program;
    this.#isPlainLoad = isPlainLoad;
  }

  candidates({ start, last }: Block): readonly WideLoad[] {
    for (let at = start; at < last; at += width(this.#program.op[at])) this.#instruction(at);
    return this.#candidates;
  }

  #instruction(at: number): void {
    const { op, dst } = this.#program;
    const result = this.#result(at);
    const isLoad = (op[at] & 7) === CLASS.LDX;
    const isArithmetic = (op[at] & 7) === CLASS.ALU || (op[at] & 7) === CLASS.ALU64;
    // Stores, calls: what was loaded before is not what lies there now.
    if (!isLoad && !isArithmetic) this.#held.clear();
    for (const register of written(this.#program, at)) {
      this.#held.delete(register);
      this.#versions.set(register, (this.#versions.get(register) ?? 0) + 1);
    }
    if (result === undefined) return;
    this.#held.set(dst[at] >> 1, result);
    const load = result.pieces.length > 1 ? wideLoad(result, at) : undefined;
    if (load !== undefined) this.#candidates.push(load);
  }

  /** The pieces that the destination holds behind an instruction. */
  #result(at: number): Pieces | undefined {
    const { op, dst, src, off, file } = this.#program;
    const code = op[at];
    const source = src[at] >> 1;
    if ((code & 7) === CLASS.LDX) {
      const size = accessSize(code);
      if ((code & 0xe0) !== MODE.MEM || size === 8 || !this.#isPlainLoad(at)) return undefined;
      const version = this.#versions.get(source) ?? 0;
      return { base: source, version, pieces: [{ off: off[at], size, shift: 0 }], slots: [at] };
    }
    const bits = (code & 7) === CLASS.ALU64 ? 64 : (code & 7) === CLASS.ALU ? 32 : 0;
    const held = this.#held.get(dst[at] >> 1);
    if (held === undefined || bits === 0) return undefined;
    const isConstant = src[at] >= REGISTER_WORDS;
    if ((code & 0xf0) === ALU.LSH && isConstant) {
      return within(bits, {
        ...held,
        pieces: shifted(held.pieces, file[src[at]] & (bits - 1)),
        slots: [...held.slots, at],
      });
    }
    const other = isConstant ? undefined : this.#held.get(source);
    if (!JOINS.has(code & 0xf0) || other === undefined || other === held) return undefined;
    if (other.base !== held.base || other.version !== held.version || overlap(held.pieces, other.pieces))
      return undefined;
    const pieces = [...held.pieces, ...other.pieces].sort((a, b) => a.off - b.off);
    return within(bits, { ...held, pieces, slots: [...held.slots, ...other.slots, at] });
  }
}

function shifted(pieces: readonly Piece[], by: number): Piece[] {
  return pieces.map((piece) => ({ ...piece, shift: piece.shift + by }));
}

/** Undefined where bits are lost, or where too many instructions make a number. */
function within(bits: number, held: Pieces): Pieces | undefined {
  if (held.slots.length > MOST_SLOTS) return undefined;
  return held.pieces.every(({ shift, size }) => shift + 8 * size <= bits) ? held : undefined;
}

/** Whether two of the pieces share bits of the register. */
function overlap(some: readonly Piece[], others: readonly Piece[]): boolean {
  return some.some((a) => others.some((b) => a.shift < b.shift + 8 * b.size && b.shift < a.shift + 8 * a.size));
}

/** The one load that gives these pieces, which are in order. */
function wideLoad({ base, pieces, slots }: Pieces, root: number): WideLoad | undefined {
  const [{ off }] = pieces;
  const last = pieces[pieces.length - 1];
  const size = last.off + last.size - off;
  if (size !== 2 && size !== 4 && size !== 8) return undefined;
  if (!pieces.every((piece, i) => i === 0 || piece.off === pieces[i - 1].off + pieces[i - 1].size)) return undefined;
  const plain = pieces.every((piece) => piece.shift === 8 * (piece.off - off));
  // Two loads, a shift and an `or` are no more than one load and a swap of two bytes.
  const swapped =
    size > 2 && pieces.every((piece) => piece.size === 1 && piece.shift === 8 * (size - 1 - (piece.off - off)));
  if (!plain && !swapped) return undefined;
  return { base, off, size, swapped, first: Math.min(...slots), root, slots };
}

const LOAD = { 2: ACCESS.i64_load16_u, 4: ACCESS.i64_load32_u, 8: ACCESS.i64_load } as const;

/** Write what stands in place of the instruction at `at`. @returns false: the instruction stays */
export function writeWide(f: FunctionWriter, at: number, locals: Map<WideLoad, Index>): boolean {
  const wide = f.facts?.wide;
  if (wide?.has(at) !== true) return false;
  const load = wide.get(at);
  if (load === undefined) return true;
  const { code } = f;
  if (at === load.first) {
    const local = code.local(TYPE.I64);
    locals.set(load, local);
    f.getRegister(load.base);
    f.op(OP.i32_wrap_i64);
    if (load.off < 0) {
      code.i32(load.off);
      f.op(OP.i32_add);
    }
    code.access(LOAD[load.size], Math.max(0, load.off));
    code.set(local);
    return true;
  }
  code.get(locals.get(load) as Index);
  if (load.swapped && load.size === 4) {
    f.op(OP.i32_wrap_i64);
    swap32(f);
    f.op(OP.i64_extend_i32_u);
  } else if (load.swapped) {
    swap64(f);
  }
  f.setDst64(at);
  return true;
}
