/**
 * The control flow of one function of a program: basic blocks that can be reached, in reverse postorder, with what
 * rebuilding structured control flow needs: immediate dominators (Cooper, Harvey and Kennedy, "A Simple, Fast Dominance
 * Algorithm", 2001), loop headers, merge nodes, and whether the graph is reducible. Nothing here recurses: a program may have
 * a million instructions.
 */
import { CLASS, JMP, LD_IMM64 } from '../../isa/index.ts';
import { CANONICAL } from '../compile.ts';
import type { Select } from './select.ts';

/** The part of an executable that says where control goes. */
export interface Slots {
  readonly op: Uint8Array;
  readonly off: Int32Array;
}

/** How a block ends. */
export type BlockEnd =
  /** The next block starts here. */
  | 'fall'
  | 'goto'
  /** A conditional jump: successors are where it falls through to, and where it jumps. */
  | 'if'
  /** A conditional jump around moves: see src/vm/jit/select.ts. */
  | 'select'
  | 'exit'
  /** An instruction that cannot run. */
  | 'trap';

export interface Block {
  /** First slot. */
  readonly start: number;
  /** Slot of the instruction that ends it, or where the next block starts. */
  readonly last: number;
  readonly end: BlockEnd;
  /** Numbers of blocks. */
  readonly successors: readonly number[];
  readonly select?: Select;
}

export interface FlowGraph {
  /** In reverse postorder; block 0 is the entry. A branch to a block that is not behind is a back edge. */
  readonly blocks: readonly Block[];
  /** Immediate dominator of each block; the entry's is itself. */
  readonly idom: Int32Array;
  /** 1: some back edge goes there. */
  readonly isLoop: Uint8Array;
  /** 1: more than one forward edge goes there. */
  readonly isMerge: Uint8Array;
  /** Whether every loop has one entry. */
  readonly reducible: boolean;
}

/** Slots of an instruction. */
export function width(op: number): 1 | 2 {
  return op === LD_IMM64 ? 2 : 1;
}

function endOf(op: number): BlockEnd | undefined {
  if (op === CANONICAL.INVALID || op === CANONICAL.NEVER) return 'trap';
  const cls = op & 7;
  if (cls !== CLASS.JMP && cls !== CLASS.JMP32) return undefined;
  switch (op & 0xf0) {
    case JMP.CALL: // of a helper
      return undefined;
    case JMP.EXIT:
      return op === CANONICAL.TAIL_CALL ? undefined : 'exit';
    case JMP.JA:
      return 'goto';
    default:
      return op === CANONICAL.CALL_LOCAL ? undefined : 'if';
  }
}

interface RawBlock {
  readonly start: number;
  readonly last: number;
  readonly end: BlockEnd;
  /** Slots. */
  readonly targets: readonly number[];
}

/** The graph of the function that starts at slot `entry`. */
export function flowGraph(slots: Slots, entry: number): FlowGraph {
  const raw = [...cutBlocks(slots, entry).values()];
  const number = new Map(raw.map(({ start }, i) => [start, i]));
  const numberOf = (slot: number): number => number.get(slot) as number;
  return connect(
    raw.map(({ start, last, end, targets }) => ({ start, last, end, successors: targets.map(numberOf) })),
    numberOf(entry),
  );
}

/** The graph of blocks whose successors are their places in the list; those that cannot be reached are left out. */
export function connect(blocks: readonly Block[], entry = 0): FlowGraph {
  const order = reversePostorder(blocks, entry);
  const number = new Map(order.map((block, i) => [block, i]));
  const numberOf = (block: number): number => number.get(block) as number;
  return analyse(order.map((block) => ({ ...blocks[block], successors: blocks[block].successors.map(numberOf) })));
}

/** Blocks by their first slot. */
function cutBlocks(slots: Slots, entry: number): Map<number, RawBlock> {
  const leaders = findLeaders(slots, entry);
  const blocks = new Map<number, RawBlock>();
  for (const start of leaders) {
    let last = start;
    let end = endOf(slots.op[last]);
    while (end === undefined) {
      last += width(slots.op[last]);
      end = leaders.has(last) ? 'fall' : endOf(slots.op[last]);
    }
    blocks.set(start, { start, last, end, targets: targetsOf(slots, last, end) });
  }
  return blocks;
}

function targetsOf(slots: Slots, slot: number, end: BlockEnd): number[] {
  if (end === 'fall') return [slot];
  if (end === 'goto') return [slots.off[slot]];
  return end === 'if' ? [slot + 1, slots.off[slot]] : [];
}

/** Slots where blocks start, of all that can be reached. */
function findLeaders({ op, off }: Slots, entry: number): Set<number> {
  const leaders = new Set([entry]);
  const seen = new Uint8Array(op.length);
  const work = [entry];
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    let end: BlockEnd | undefined;
    for (; seen[slot] === 0; slot += width(op[slot])) {
      seen[slot] = 1;
      end = endOf(op[slot]);
      if (end !== undefined) break;
    }
    if (end === undefined) continue; // came to where another walk was: a leader, or one will be found before it
    for (const target of targetsOf({ op, off }, slot, end)) {
      if (leaders.has(target)) continue;
      leaders.add(target);
      work.push(target);
    }
  }
  return leaders;
}

/** First slots of the blocks. Where a jump falls through comes before where it goes. */
function reversePostorder(blocks: readonly Block[], entry: number): number[] {
  const order: number[] = [];
  const seen = new Set([entry]);
  const path = [{ block: entry, next: 0 }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const { successors } = blocks[top.block];
    if (top.next === successors.length) {
      order.push(top.block);
      path.pop();
      continue;
    }
    const to = successors[successors.length - ++top.next];
    if (seen.has(to)) continue;
    seen.add(to);
    path.push({ block: to, next: 0 });
  }
  return order.reverse();
}

function analyse(blocks: readonly Block[]): FlowGraph {
  const predecessors: number[][] = blocks.map(() => []);
  blocks.forEach(({ successors }, from) => {
    for (const to of successors) predecessors[to].push(from);
  });
  const idom = dominators(predecessors);
  const isLoop = new Uint8Array(blocks.length);
  const isMerge = new Uint8Array(blocks.length);
  let reducible = true;
  predecessors.forEach((from, to) => {
    const back = from.filter((block) => block >= to);
    isLoop[to] = back.length > 0 ? 1 : 0;
    isMerge[to] = from.length - back.length > 1 ? 1 : 0;
    reducible &&= back.every((block) => dominates(idom, to, block));
  });
  return { blocks, idom, isLoop, isMerge, reducible };
}

function dominators(predecessors: readonly (readonly number[])[]): Int32Array {
  const idom = new Int32Array(predecessors.length).fill(-1);
  idom[0] = 0;
  const common = (a: number, b: number): number => {
    while (a !== b) {
      while (a > b) a = idom[a];
      while (b > a) b = idom[b];
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (let block = 1; block < predecessors.length; block++) {
      let found = -1;
      for (const from of predecessors[block]) if (idom[from] >= 0) found = found < 0 ? from : common(from, found);
      if (idom[block] === found) continue;
      idom[block] = found;
      changed = true;
    }
  }
  return idom;
}

function dominates(idom: Int32Array, a: number, b: number): boolean {
  while (b > a) b = idom[b];
  return a === b;
}

/** Head of the innermost loop around each block, its own where it is one; outside of loops the entry. */
export function headOfBlocks(blocks: readonly Block[], isLoop: Uint8Array): Int32Array {
  const predecessors: number[][] = blocks.map(() => []);
  blocks.forEach(({ successors }, from) => {
    for (const to of successors) predecessors[to].push(from);
  });
  const heads = new Int32Array(blocks.length).fill(-1);
  // The head of what is known of a block's loops: a walk goes from an inner loop to its head at once.
  const outermost = Int32Array.from(blocks, (_, block) => block);
  const find = (block: number): number => {
    while (outermost[block] !== block) block = outermost[block] = outermost[outermost[block]];
    return block;
  };
  for (let head = blocks.length - 1; head >= 0; head--) {
    if (!isLoop[head]) continue;
    const work = predecessors[head].filter((from) => from >= head).map(find);
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (block === head || find(block) !== block) continue;
      outermost[block] = head;
      if (heads[block] < 0) heads[block] = head;
      work.push(...predecessors[block].map(find));
    }
    heads[head] = head;
  }
  return heads.map((head) => Math.max(0, head));
}
