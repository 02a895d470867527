/**
 * Counting what a compiled program takes: at the head of a loop the instructions of one round, inner loops left out, and at
 * the start of a function those outside of loops. A loop of several entries counts each block.
 */
import { ACCESS, OP } from '../../wasm/index.ts';
import { headOfBlocks } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import type { FunctionWriter } from './function-writer.ts';
import { AREA } from './imports.ts';
import type { Select } from './select.ts';

/** What the start of each block takes; 0: nothing. */
export function fuelOfBlocks({ blocks, isLoop, reducible }: FlowGraph): Int32Array {
  const lengths = Int32Array.from(blocks, ({ start, last, select }) => last - start + 1 + movesOf(select));
  if (!reducible) return lengths;
  const heads = headOfBlocks(blocks, isLoop);
  const costs = new Int32Array(blocks.length);
  lengths.forEach((length, block) => (costs[heads[block]] += length));
  return costs;
}

function movesOf(select: Select | undefined): number {
  return select === undefined ? 0 : select.taken.length + select.passed.length;
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
