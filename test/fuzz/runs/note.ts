/** Stores of what a program has computed into a map that is read after the run. */
import type { Generator, MapJson } from '../verifier/generator.ts';

export const RESULTS = {
  type: 'array',
  key_size: 4,
  value_size: 160,
  max_entries: 1,
  name: 'results',
} satisfies MapJson;
/** Words of the results map that fragments write; behind them is one for each register. */
export const RESULTS_WORDS = 10;

const resultsOf = (g: Generator): number =>
  g.map(
    ({ name }) => name === RESULTS.name,
    () => ({ ...RESULTS }),
  );

/** Put a number where it is seen. */
export function note(g: Generator, reg: number, word = g.r.below(RESULTS_WORDS)): void {
  const { e } = g;
  const held = (g.busy >> reg) & 1;
  g.busy |= 1 << reg;
  const pointer = g.scratch();
  e.map(pointer, resultsOf(g), 8 * word);
  if (g.chance(85)) e.store(8, pointer, 0, reg);
  else e.atomic(8, 0, pointer, 0, reg);
  g.release(pointer);
  if (!held) g.busy &= ~(1 << reg);
}

/** All numbers that registers hold at the end. */
export function noteAll(g: Generator): void {
  for (let reg = 0; reg < 10; reg++) if ((g.live >> reg) & 1) note(g, reg, RESULTS_WORDS + reg);
}
