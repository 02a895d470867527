/**
 * Stack slots of a verified function that become locals: bytes of the frame that are only ever loaded and stored whole, at an
 * offset from r10 that the JIT knows, and that nobody else can see. An address of the frame escapes where it is stored,
 * handed to a helper (which may touch what lies from there up to r10) or to a sub-program that is called, or where its offset is
 * lost. One that is written in the place of the call is looked through.
 */
import { ALU, CLASS, MODE, accessSize } from '../../isa/index.ts';
import { MAX_BPF_STACK } from '../../uapi/index.ts';
import { REGISTER_WORDS } from '../executable.ts';
import { CALLING_HELPERS, FOR_EACH_MAP_ELEM, LOOP } from '../callbacks.ts';
import { CANONICAL } from '../compile.ts';
import { argumentsOf } from './calls.ts';
import { plainAccesses } from './context-pointers.ts';
import { isCompiledWalk } from './elements.ts';
import { width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import { REGISTERS } from './function-writer.ts';
import type { Program } from './function-writer.ts';
import { CALL_HELPER } from './known-opcodes.ts';
import { ARRAY_KEY, isArrayLookup } from './lookup.ts';
import { lowWordOperations } from './low-words.ts';
import type { JitOptions } from './options.ts';
import { KIND, isCall, isWord, knownAtBlocks, liveAtBlocks, step } from './registers.ts';
import type { Known, KnownAtBlocks } from './registers.ts';
import { wideLoads } from './wide-loads.ts';
import type { WideLoads } from './wide-loads.ts';

/** What the JIT knows of a function. */
export interface FunctionFacts {
  /** Number of the promoted slot that a load, a store or an inlined look-up accesses, by its program slot. */
  readonly promoted: ReadonlyMap<number, number>;
  /** How many promoted slots there are. */
  readonly slots: number;
  /** Header address of the map in r1, by the slot of a helper's call. */
  readonly maps: ReadonlyMap<number, number>;
  /** Header address of the map of maps that the map in r1 was looked up in, by the slot of a helper's call. */
  readonly outerMaps: ReadonlyMap<number, number>;
  /** Header address of the map in r2, by the slot of a tail call. */
  readonly tables: ReadonlyMap<number, number>;
  /** First slot of the function in r2, by the slot of a call of a helper that calls it. */
  readonly callbacks: ReadonlyMap<number, number>;
  /** Jumps that compare two numbers whose upper 32 bits are 0, by slot. */
  readonly words: ReadonlySet<number>;
  /** Byte swaps of 16 bits where there are no others, by slot. */
  readonly halves: ReadonlySet<number>;
  /** 64-bit operations of which only the low word is looked at, by slot. */
  readonly lowWords: ReadonlySet<number>;
  /** Calls that are inlined because the function touches promoted slots: which, by the slot of the call and its own. */
  readonly through: ReadonlyMap<number, ReadonlyMap<number, number>>;
  /** Loads of bytes that one load takes the place of. */
  readonly wide: WideLoads;
  /** Loads and stores that touch no narrow field of the context, by slot. */
  readonly plain: ReadonlySet<number>;
  /** Loads and stores of the function's own frame that stay memory. */
  readonly inFrame: ReadonlySet<number>;
  /** Bytes below r10 that memory must hold. */
  readonly frameSize: number;
}

/**
 * @param frame bytes of the frame that the function may use at most
 * @param inlined functions that may be written where they are called
 * @param callers promoted slots of its caller that it accesses
 */
export function functionFacts(
  program: Program,
  graph: FlowGraph,
  options: JitOptions,
  frame: number,
  inlined: ReadonlyMap<number, FlowGraph>,
  callers?: ReadonlyMap<number, number>,
): FunctionFacts {
  const known = knownAtBlocks(program, graph, options);
  const now = { kind: new Uint8Array(REGISTERS), value: new Int32Array(REGISTERS) };
  const use = new FrameUse(program, options, frame);
  const maps = new Map<number, number>();
  const outerMaps = new Map<number, number>();
  const tables = new Map<number, number>();
  const callbacks = new Map<number, number>();
  const words = new Set<number>();
  const halves = new Set<number>();
  const promoted = new Map<number, number>();
  const through = new Map<number, ReadonlyMap<number, number>>();
  graph.blocks.forEach((block, i) => {
    now.kind.set(known.starts[i].kind);
    now.value.set(known.starts[i].value);
    for (let at = block.start; at < block.last; at += width(program.op[at])) {
      const call = through.size < MAX_THROUGH ? frameGiven(program, at, now, options, inlined) : undefined;
      if (call === undefined) use.instruction(at, now, promoted);
      else through.set(at, lookThrough(program, call, options, use));
      if (isCall(program.op[at])) {
        if (now.kind[1] === KIND.MAP) maps.set(at, now.value[1]);
        if (now.kind[1] === KIND.INNER) outerMaps.set(at, now.value[1]);
        if (now.kind[2] === KIND.MAP) tables.set(at, now.value[2]);
        if (now.kind[2] === KIND.FUNCTION) callbacks.set(at, now.value[2]);
      }
      if (isHalf(program, at, now)) halves.add(at);
      step(program, at, now, options);
    }
    const { end, last } = block;
    if (end === 'if' && now.kind[program.dst[last] >> 1] === KIND.WORD && isWord(program, last, now)) words.add(last);
  });
  if (losesFrame(program, graph, known)) use.escape(-MAX_BPF_STACK);
  const frameUse = use.promote(promoted);
  const { narrow } = options;
  const plain = narrow === undefined ? new Set<number>() : plainAccesses(program, graph, narrow);
  const isPlainLoad = (at: number): boolean =>
    !promoted.has(at) && callers?.has(at) !== true && (narrow === undefined || plain.has(at));
  const wide: WideLoads = options.mode === 'verified' ? wideLoads(program, graph, isPlainLoad) : new Map();
  const lowWords = lowWordOperations(program, graph, words);
  return { ...frameUse, promoted, through, maps, outerMaps, tables, callbacks, words, halves, lowWords, wide, plain };
}

/** Calls that one function inlines at most because of its frame. */
const MAX_THROUGH = 16;

interface FrameGiven {
  readonly graph: FlowGraph;
  /** What it knows of its arguments: where they are addresses of the caller's frame. */
  readonly entry: Known;
}

/** The function that is called at `at`, where it may be inlined and is given an address of the frame. */
function frameGiven(
  program: Program,
  at: number,
  now: Known,
  options: JitOptions,
  inlined: ReadonlyMap<number, FlowGraph>,
): FrameGiven | undefined {
  const call = callAt(program, at, now, options);
  const graph = call && inlined.get(call.entry);
  if (graph === undefined) return undefined;
  const entry: Known = { kind: new Uint8Array(REGISTERS).fill(KIND.OTHER), value: new Int32Array(REGISTERS) };
  for (const [own, callers] of call?.passes ?? []) {
    if (now.kind[callers] !== KIND.FRAME) continue;
    entry.kind[own] = KIND.FRAME;
    entry.value[own] = now.value[callers];
  }
  return entry.kind.includes(KIND.FRAME) ? { graph, entry } : undefined;
}

/** Registers of a function and those of its caller that they are copies of. */
type Passes = readonly (readonly [own: number, callers: number])[];
const ARGUMENTS: Passes = [1, 2, 3, 4, 5].map((n) => [n, n]);

/** The function that is called at `at` where there is one, and it is known. */
function callAt(
  { op, off, imm }: Program,
  at: number,
  { kind, value }: Known,
  options: JitOptions,
): { readonly entry: number; readonly passes: Passes } | undefined {
  if (op[at] === CANONICAL.CALL_LOCAL) return { entry: off[at], passes: ARGUMENTS };
  if (op[at] !== CALL_HELPER || kind[2] !== KIND.FUNCTION) return undefined;
  if (imm[at] === LOOP) return { entry: value[2], passes: [[2, 3]] };
  const walks = imm[at] === FOR_EACH_MAP_ELEM && kind[1] === KIND.MAP && isCompiledWalk(options, value[1]);
  return walks ? { entry: value[2], passes: [[4, 3]] } : undefined;
}

/** What a function does with the frame of its caller. @returns what will be the promoted slots that it accesses */
function lookThrough(
  program: Program,
  { graph, entry }: FrameGiven,
  options: JitOptions,
  use: FrameUse,
): ReadonlyMap<number, number> {
  const promoted = new Map<number, number>();
  const known = knownAtBlocks(program, graph, options, entry);
  const now = { kind: new Uint8Array(REGISTERS), value: new Int32Array(REGISTERS) };
  graph.blocks.forEach(({ start, last, end }, i) => {
    now.kind.set(known.starts[i].kind);
    now.value.set(known.starts[i].value);
    for (let at = start; at < last; at += width(program.op[at])) {
      use.instruction(at, now, promoted);
      step(program, at, now, options);
    }
    if (end === 'exit' && now.kind[0] === KIND.FRAME) use.escape(-MAX_BPF_STACK);
  });
  if (losesFrame(program, graph, known)) use.escape(-MAX_BPF_STACK);
  return promoted;
}

/** Whether an instruction changes the byte order of a number that has 16 bits, or moves it up, too. */
function isHalf({ op, dst, imm }: Program, at: number, { kind, value }: Known): boolean {
  const isArithmetic = (op[at] & 7) === CLASS.ALU || (op[at] & 7) === CLASS.ALU64;
  const register = dst[at] >> 1;
  return (
    isArithmetic &&
    (op[at] & 0xf0) === ALU.END &&
    imm[at] !== 32 &&
    kind[register] === KIND.WORD &&
    value[register] <= 16
  );
}

/** Whether a live register holds an address of the frame at the end of a block, and the next does not know which. */
function losesFrame(program: Program, graph: FlowGraph, { starts, ends }: KnownAtBlocks): boolean {
  let live: Uint16Array | undefined;
  return graph.blocks.some(({ successors }, i) =>
    successors.some((to) => {
      let lost = 0;
      for (let n = 0; n < REGISTERS; n++)
        if (ends[i].kind[n] === KIND.FRAME && starts[to].kind[n] !== KIND.FRAME) lost |= 1 << n;
      if (lost === 0) return false;
      live ??= liveAtBlocks(program, graph);
      return (live[to] & lost) !== 0;
    }),
  );
}

interface Access {
  /** Promoted slots of the function that it is in. */
  readonly promoted: Map<number, number>;
  readonly at: number;
  readonly off: number;
  readonly size: number;
  /** Whether it may become an access of a local. */
  readonly plain: boolean;
}

class FrameUse {
  readonly #program: Program;
  readonly #options: JitOptions;
  readonly #frame: number;
  readonly #accesses: Access[] = [];
  /** Everything from here up to r10 may be touched by others. */
  #escaped = 0;

  constructor(program: Program, options: JitOptions, frame: number) {
    this.#program = program;
    this.#options = options;
    this.#frame = frame;
  }

  escape(off: number): void {
    this.#escaped = Math.min(this.#escaped, off);
  }

  /** @param promoted slots of the function that it is in, for `promote` */
  instruction(at: number, { kind, value }: Known, promoted: Map<number, number>): void {
    const { op, dst, src, off, imm } = this.#program;
    const code = op[at];
    const [d, s] = [dst[at] >> 1, src[at] < REGISTER_WORDS ? src[at] >> 1 : -1];
    const atomic = (code & 0xe0) === MODE.ATOMIC;
    switch (code & 7) {
      case CLASS.LDX:
        if (kind[s] === KIND.FRAME) this.#access(promoted, at, value[s] + off[at], true);
        return;
      case CLASS.STX:
        if (kind[d] === KIND.FRAME) this.#access(promoted, at, value[d] + off[at], !atomic);
        if (s >= 0 && kind[s] === KIND.FRAME) this.escape(-MAX_BPF_STACK);
        return;
      case CLASS.ALU:
      case CLASS.ALU64:
        if (this.#keepsOffset(code, s < 0)) return;
        if ((code & 0xf0) !== ALU.MOV && kind[d] === KIND.FRAME) this.escape(-MAX_BPF_STACK);
        if (s >= 0 && kind[s] === KIND.FRAME) this.escape(-MAX_BPF_STACK);
        return;
    }
    if (!isCall(code) || code === CANONICAL.TAIL_CALL) return;
    if (kind[2] === KIND.FRAME && this.#isIndexed(at, kind[1], value[1]))
      return this.#access(promoted, at, value[2], true, ARRAY_KEY);
    const local = code === CANONICAL.CALL_LOCAL || CALLING_HELPERS.has(imm[at]);
    const args = code === CALL_HELPER ? argumentsOf('verified', imm[at]) : 5;
    for (let n = 1; n <= args; n++) if (kind[n] === KIND.FRAME) this.escape(local ? -MAX_BPF_STACK : value[n]);
  }

  /** Whether the call at `at`, with r1 as it is known, is compiled as a look-up by an index that a local may hold. */
  #isIndexed(at: number, kind: number, value: number): boolean {
    const map = kind === KIND.MAP || kind === KIND.INNER ? this.#options.maps(value) : undefined;
    return isArrayLookup(this.#program, at, kind === KIND.INNER ? map?.inner : map, this.#options);
  }

  /** Whether what is known of an address of the frame follows it through an instruction. */
  #keepsOffset(code: number, constant: boolean): boolean {
    if (code === (CLASS.ALU64 | ALU.MOV)) return true;
    return constant && (code === (CLASS.ALU64 | ALU.ADD) || code === (CLASS.ALU64 | ALU.SUB));
  }

  #access(
    promoted: Map<number, number>,
    at: number,
    off: number,
    plain: boolean,
    size: number = accessSize(this.#program.op[at]),
  ): void {
    this.#accesses.push({ promoted, at, off, size, plain });
  }

  /** @param own promoted slots of the function whose frame it is */
  promote(own: Map<number, number>): Pick<FunctionFacts, 'slots' | 'frameSize' | 'inFrame'> {
    // One entry for each byte below r10: the access that owns it; null where accesses differ.
    const owner: (Access | null | undefined)[] = [];
    for (const access of this.#accesses) {
      const { off, size, plain } = access;
      for (let byte = off; byte < off + size; byte++) {
        const other = owner[-byte];
        const alike = other === undefined || (other?.off === off && other.size === size);
        owner[-byte] = plain && alike && byte < this.#escaped && byte < 0 ? (other ?? access) : null;
      }
    }
    const slotOf = new Map<number, number>();
    const inFrame = new Set<number>();
    let frameSize = this.#escaped === -MAX_BPF_STACK ? this.#frame : -this.#escaped;
    for (const { promoted, at, off, size } of this.#accesses) {
      let whole = true;
      for (let byte = off; byte < off + size; byte++) whole &&= owner[-byte] !== null;
      if (!whole) {
        frameSize = Math.max(frameSize, -off);
        if (off >= -MAX_BPF_STACK && off + size <= 0 && promoted === own) inFrame.add(at);
        continue;
      }
      const slot = slotOf.get(off) ?? slotOf.size;
      slotOf.set(off, slot);
      promoted.set(at, slot);
    }
    return { slots: slotOf.size, frameSize, inFrame };
  }
}
