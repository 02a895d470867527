/**
 * Counting what a compiled program takes: at the head of a loop the instructions of one round, inner loops left out, and at
 * the start of a function those outside of loops. A loop of several entries counts each block.
 */
import { ACCESS, OP } from '../../wasm/index.ts';
import type { FlowGraph } from './flow-graph.ts';
import type { FunctionWriter } from './function-writer.ts';
import { AREA } from './imports.ts';

/** What the start of each block takes; 0: nothing. */
export function fuelOfBlocks({ blocks, isLoop, reducible }: FlowGraph): Int32Array {
  const lengths = Int32Array.from(blocks, ({ start, last }) => last - start + 1);
  if (!reducible) return lengths;
  const heads = headOfBlocks(blocks, isLoop);
  const costs = new Int32Array(blocks.length);
  lengths.forEach((length, block) => (costs[heads[block]] += length));
  return costs;
}

/** Head of the innermost loop around each block, its own where it is one; outside of loops the entry. */
function headOfBlocks(blocks: FlowGraph['blocks'], isLoop: Uint8Array): Int32Array {
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

/** Take `cost` at `slot`. */
export function writeBurn(f: FunctionWriter, slot: number, cost: number): void {
  const { code, fuel } = f;
  if (fuel === undefined) return;
  code.get(fuel);
  code.i64(cost, 0);
  f.op(OP.i64_sub);
  code.tee(fuel);
  code.i64(0, 0);
  f.op(OP.i64_lt_s);
  code.if();
  saveFuel(f);
  code.i32(slot);
  code.call(f.parts.imports.of('outOfFuel'));
  loadFuel(f);
  code.end();
}

/** Before others run, and where the function ends: what is left goes to the memory. */
export function saveFuel({ code, options, fuel }: FunctionWriter): void {
  if (fuel === undefined) return;
  code.i32(options.area);
  code.get(fuel);
  code.access(ACCESS.i64_store, AREA.FUEL);
}

/** At the start of a function, and when others have run. */
export function loadFuel({ code, options, fuel }: FunctionWriter): void {
  if (fuel === undefined) return;
  code.i32(options.area);
  code.access(ACCESS.i64_load, AREA.FUEL);
  code.set(fuel);
}
