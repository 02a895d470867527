/**
 * Strongly connected components of the flow inside functions (Tarjan's algorithm): `aux.scc` numbers those that hold a
 * cycle from 1 in the order in which they are completed, and is 0 for instructions outside of any loop. Calls are no
 * edges here: a loop around a call does not contain the callee. Rejects nothing.
 */
import { LD_IMM64 } from '../isa/index.ts';
import { flowOf } from './cfg.ts';
import type { Context } from './context.ts';

/** The pass. The search keeps its own stack: a path through a program may be a million instructions long. */
export function computeScc(ctx: Context): number {
  const { insns } = ctx;
  const { scc, arena } = ctx.aux;
  const flow = flowOf(ctx);
  /** Order of discovery from 1, 0 = not yet. */
  const order = arena.int32(insns.length);
  /** Earliest instruction still open that can be reached from here. */
  const low = arena.int32(insns.length);
  const edge = arena.uint8(insns.length);
  const closed = arena.uint8(insns.length);
  const open: number[] = [];
  const path: number[] = [];
  let discovered = 0;
  let components = 0;

  const enter = (at: number): void => {
    order[at] = low[at] = ++discovered;
    open.push(at);
    path.push(at);
  };

  const close = (root: number): void => {
    const cyclic = open[open.length - 1] !== root || leadsTo(root);
    if (cyclic) components++;
    let at: number;
    do {
      at = open.pop()!;
      closed[at] = 1;
      if (cyclic) scc[at] = components;
    } while (at !== root);
  };

  /** Whether an instruction is its own successor. */
  const leadsTo = (at: number): boolean => flow[2 * at] === at || flow[2 * at + 1] === at;

  for (let start = 0; start < insns.length; start++) {
    if (order[start] === 0) enter(start);
    while (path.length) {
      const at = path[path.length - 1];
      const to = edge[at] < 2 ? flow[2 * at + edge[at]++] : -1;
      if (to >= 0) {
        if (order[to] === 0) enter(to);
        else if (!closed[to]) low[at] = Math.min(low[at], order[to]);
        continue;
      }
      path.pop();
      if (path.length) low[path[path.length - 1]] = Math.min(low[path[path.length - 1]], low[at]);
      if (low[at] === order[at]) close(at);
    }
    if (insns[start].opcode === LD_IMM64) start++;
  }
  return 0;
}
