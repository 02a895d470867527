/**
 * Structured control flow from a flow graph: Ramsey, "Beyond Relooper: Recursive Translation of Unstructured Control Flow
 * to Structured Control Flow" (ICFP 2022), with a list of work in place of its recursion. A loop header opens a `loop`,
 * each merge node a `block` around everything that branches to it, and every other block is written where its only
 * predecessor branches. A graph with a loop of several entries becomes one loop around a `br_table`.
 */
import { OP, TYPE } from '../../wasm/index.ts';
import type { Code, Label } from '../../wasm/index.ts';
import type { FlowGraph } from './flow-graph.ts';

/** What stands in the blocks. */
export interface BlockWriter {
  /** Everything of a block but how it ends. */
  body(block: number): void;
  /** Whether an `if` jumps: leaves an i32. */
  condition(block: number): void;
  /** How an `exit` or `trap` ends; nothing that follows is run. */
  leave(block: number): void;
}

/** Write the function. Nothing that follows is run. */
export function writeStructured(code: Code, graph: FlowGraph, writer: BlockWriter): void {
  if (graph.reducible) new Structure(code, graph, writer).write();
  else writeDispatch(code, graph, writer);
  code.unreachable();
}

class Structure {
  readonly #code: Code;
  readonly #graph: FlowGraph;
  readonly #writer: BlockWriter;
  /** Merge nodes by the block that dominates them, in order. */
  readonly #merges: number[][];
  /** Where a branch to a block goes: behind its `block`, or to the start of its `loop`. */
  readonly #forward: Label[] = [];
  readonly #backward: Label[] = [];
  /** What is left to write, the next last. */
  readonly #work: (() => void)[] = [];

  constructor(code: Code, graph: FlowGraph, writer: BlockWriter) {
    this.#code = code;
    this.#graph = graph;
    this.#writer = writer;
    this.#merges = graph.blocks.map(() => []);
    graph.isMerge.forEach((is, block) => {
      if (is) this.#merges[graph.idom[block]].push(block);
    });
  }

  write(): void {
    this.#tree(0);
    for (let next = this.#work.pop(); next !== undefined; next = this.#work.pop()) next();
  }

  /** A block and all that it dominates. */
  #tree(block: number): void {
    const code = this.#code;
    const end = (): void => code.end();
    if (this.#graph.isLoop[block]) {
      this.#backward[block] = code.loop();
      this.#work.push(end);
    }
    for (const merge of this.#merges[block].toReversed()) {
      this.#forward[merge] = code.block();
      this.#work.push(() => this.#tree(merge), end);
    }
    this.#node(block);
  }

  #node(block: number): void {
    const code = this.#code;
    const { end, successors } = this.#graph.blocks[block];
    this.#writer.body(block);
    const [next, target] = successors;
    if (end === 'goto' || end === 'fall' || end === 'select') return this.#branch(block, next);
    if (end !== 'if') return this.#writer.leave(block);
    this.#writer.condition(block);
    const [toNext, toTarget] = [this.#label(block, next), this.#label(block, target)];
    if (toTarget !== undefined) {
      code.brIf(toTarget);
      this.#branch(block, next);
    } else if (toNext !== undefined) {
      code.op(OP.i32_eqz);
      code.brIf(toNext);
      this.#branch(block, target);
    } else {
      // The arm never falls out of the `if`.
      code.if();
      this.#work.push(
        () => this.#tree(next),
        () => code.end(),
        () => this.#tree(target),
      );
    }
  }

  #branch(from: number, to: number): void {
    const label = this.#label(from, to);
    if (label === undefined) this.#work.push(() => this.#tree(to));
    else this.#code.br(label);
  }

  /** Where a branch goes; undefined: the block is written in its place. */
  #label(from: number, to: number): Label | undefined {
    if (to <= from) return this.#backward[to];
    return this.#graph.isMerge[to] ? this.#forward[to] : undefined;
  }
}

function writeDispatch(code: Code, { blocks }: FlowGraph, writer: BlockWriter): void {
  const next = code.local(TYPE.I32);
  const again = code.loop();
  const labels = blocks.map(() => code.block()).reverse();
  code.get(next);
  code.brTable(labels, labels[0]);
  blocks.forEach(({ end, successors }, block) => {
    code.end();
    writer.body(block);
    if (end === 'exit' || end === 'trap') return writer.leave(block);
    if (end === 'if') {
      code.i32(successors[1]);
      code.i32(successors[0]);
      writer.condition(block);
      code.op(OP.select);
    } else {
      code.i32(successors[0]);
    }
    code.set(next);
    code.br(again);
  });
  code.end();
}
