/**
 * Which jumps around moves are worth a select. A branch that is predicted makes nobody wait for what it compares; a select
 * makes its result wait. Outside of loops that may cost a few cycles. In a loop whose rounds hand on what is selected (a binary
 * search, a sum modulo something) each round may come to wait for the round before: there a select is only taken where the
 * processor would be busy with the instructions of a round for longer than that, or where they wait for each other anyway.
 */
import { ALU, CLASS } from '../../isa/index.ts';
import { REGISTER_WORDS } from '../executable.ts';
import { headOfBlocks, width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import { REGISTERS } from './function-writer.ts';
import type { Program } from './function-writer.ts';
import { isCall, readBits, written } from './registers.ts';
import type { Select } from './select.ts';

/** Cycles until a result can be used; what is not named takes one. */
const LATENCY = { load: 5, multiply: 3, divide: 20, call: 20 };
/** Instructions that a processor begins in a cycle. */
const WIDTH = 4;
/** Cycles that a run outside of loops may wait: a quarter of what one wrong prediction costs. */
const GRACE = 4;
/** Rounds until a loop runs as it goes on, and rounds that are looked at then. */
const ROUNDS = 4;
/** Loops with more selects are judged as a whole. */
const MOST_SINGLE = 16;

/** By the block that they end. */
type Selects = ReadonlyMap<number, Select>;

/** @returns those that are worth it */
export function chooseSelects(program: Program, graph: FlowGraph, found: Selects): Selects {
  if (found.size === 0) return found;
  const chosen = new Map<number, Select>();
  for (const region of regions(program, graph, found))
    for (const [block, select] of region.choose()) chosen.set(block, select);
  return chosen;
}

/** The regions in which selects were found. */
function regions(program: Program, graph: FlowGraph, found: Selects): Iterable<Region> {
  const { blocks, isLoop } = graph;
  const heads = headOfBlocks(blocks, isLoop);
  const made = new Map<number, Region>();
  for (const [block, select] of found) {
    const head = heads[block];
    const region = made.get(head) ?? new Region(program, graph, head);
    made.set(head, region);
    region.found.set(block, select);
  }
  blocks.forEach(({ successors }, block) => {
    made.get(heads[block])?.blocks.push(block);
    for (const to of successors) {
      const region = made.get(heads[to]);
      const comesBack = heads[block] !== heads[to] && (to !== heads[to] || block >= to);
      if (comesBack && region !== undefined) region.hasInner = true;
    }
  });
  return made.values();
}

/** A loop without its inner loops, or what lies outside of loops. */
class Region {
  readonly #program: Program;
  readonly #graph: FlowGraph;
  readonly #head: number;
  /** In reverse postorder. */
  readonly blocks: number[] = [];
  readonly found = new Map<number, Select>();
  /** Whether a loop lies in it. */
  hasInner = false;

  constructor(program: Program, graph: FlowGraph, head: number) {
    this.#program = program;
    this.#graph = graph;
    this.#head = head;
  }

  /** Whether rounds follow each other at once; where an inner loop lies between, each is a run of its own. */
  get #repeats(): boolean {
    return this.#graph.isLoop[this.#head] === 1 && !this.hasInner;
  }

  /** The selects that are worth it. */
  choose(): Selects {
    const { found } = this;
    const limit = Math.max(this.#cycles(new Map()), this.#instructions() / WIDTH) + (this.#repeats ? 0 : GRACE);
    if (this.#cycles(found) <= limit) return found;
    const kept = new Map<number, Select>();
    if (found.size > MOST_SINGLE) return kept;
    for (const [block, select] of found) {
      kept.set(block, select);
      if (this.#cycles(kept) > limit) kept.delete(block);
    }
    return kept;
  }

  /** Instructions of the longest way; moves cost nothing. */
  #instructions(): number {
    const { op } = this.#program;
    const before = new Map<number, number>();
    let most = 0;
    for (const block of this.blocks) {
      const { start, last, successors } = this.#graph.blocks[block];
      let count = before.get(block) ?? 0;
      for (let at = start; at <= last; at += width(op[at])) if (!isMove(op[at])) count++;
      for (const to of successors) if (to > block) before.set(to, Math.max(count, before.get(to) ?? 0));
      most = Math.max(most, count);
    }
    return most;
  }

  /** How long a round takes, or by how much each ends later than the one before, where nothing else is waited for. */
  #cycles(selects: Selects): number {
    if (!this.#repeats) return Math.max(...this.#round(new Float64Array(REGISTERS), selects));
    const rounds: Float64Array[] = [new Float64Array(REGISTERS)];
    for (let i = 0; i < 2 * ROUNDS; i++) rounds.push(this.#round(rounds[i], selects));
    const late = rounds[2 * ROUNDS].map((ready, n) => ready - rounds[ROUNDS][n]);
    return Math.max(...late) / ROUNDS;
  }

  /** When each register is ready at the end of a round. */
  #round(start: Float64Array, selects: Selects): Float64Array {
    const { blocks } = this.#graph;
    const ready = new Map([[this.#head, Float64Array.from(start)]]);
    /** When the moves of an arm know whether they are done. */
    const known = new Map<number, number>();
    const end = new Float64Array(REGISTERS);
    for (const block of this.blocks) {
      const now = ready.get(block) ?? new Float64Array(REGISTERS);
      this.#runThrough(block, now, known.get(block));
      const { last, successors } = blocks[block];
      const select = selects.get(block);
      for (const arm of select?.arms ?? []) known.set(arm, latest(now, readBits(this.#program, last)) + 1);
      if (!this.#repeats) later(end, now);
      for (const to of successors) {
        const into = to === this.#head ? end : (ready.get(to) ?? new Float64Array(REGISTERS));
        later(into, now);
        ready.set(to, into);
      }
    }
    return end;
  }

  #runThrough(block: number, ready: Float64Array, condition: number | undefined): void {
    const program = this.#program;
    const { start, last } = this.#graph.blocks[block];
    for (let at = start; at < last; at += width(program.op[at])) {
      const from = latest(ready, readBits(program, at));
      const chosen = (n: number): number => Math.max(from, ready[n], condition as number) + 1;
      for (const n of written(program, at))
        ready[n] = condition === undefined ? from + latencyOf(program, at) : chosen(n);
    }
  }
}

/** What is ready on both ways. */
function later(into: Float64Array, other: Float64Array): void {
  other.forEach((at, n) => (into[n] = Math.max(into[n], at)));
}

/** When all of the registers with these bits are ready. */
function latest(ready: Float64Array, bits: number): number {
  let at = 0;
  for (let n = 0; bits >> n !== 0; n++) if ((bits >> n) & 1) at = Math.max(at, ready[n]);
  return at;
}

function isMove(op: number): boolean {
  return ((op & 7) === CLASS.ALU || (op & 7) === CLASS.ALU64) && (op & 0xf0) === ALU.MOV;
}

function latencyOf({ op, src }: Program, at: number): number {
  const code = op[at];
  const cls = code & 7;
  if (isMove(code)) return 0;
  if (cls === CLASS.LDX || cls === CLASS.STX) return LATENCY.load;
  if (cls !== CLASS.ALU && cls !== CLASS.ALU64) return isCall(code) ? LATENCY.call : 1;
  switch (code & 0xf0) {
    case ALU.MUL:
      return LATENCY.multiply;
    case ALU.DIV:
    case ALU.MOD:
      return src[at] < REGISTER_WORDS ? LATENCY.divide : LATENCY.multiply + 1;
    default:
      return 1;
  }
}
