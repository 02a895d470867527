/**
 * Generated programs that user space and the kernel accept, run on random packets and contexts on the interpreter, on
 * both modes of the JIT and on the kernel: results, packets, contexts, maps and records must be the same everywhere.
 * docs/parity/results.md says what is left out. `--type NAME+NAME…` has more of these fragments.
 */
import type { Campaign } from './campaign.ts';
import { makeCase, muchOf } from './runs/cases.ts';
import type { Ingredients } from './runs/cases.ts';
import { resultsCampaign } from './runs/results.ts';

let ingredients: Ingredients | undefined;

export const campaign: Campaign = resultsCampaign(
  {
    name: 'runs',
    summary: 'accepted programs run: interpreter, JIT, hardened JIT and the kernel give the same results',
    defaultCount: 100_000,
    choose: (name) => void (ingredients = muchOf(name)),
  },
  (seed, n) => makeCase(seed, n, ingredients),
);
