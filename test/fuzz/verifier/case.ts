/** Case `n` of a campaign: a generated program, as it is, with plausible mistakes, or damaged. */
import type { ProgramObject } from '../../../src/loader/index.ts';
import { Random } from '../../../src/util/index.ts';
import { caseSeed } from '../campaign.ts';
import { generate } from './generator.ts';
import type { Topic } from './generator.ts';
import { damage, mutate } from './mutate.ts';

export type Origin = 'generated' | 'mutated' | 'damaged';

export interface Case {
  readonly object: ProgramObject;
  readonly origin: Origin;
  readonly topics: ReadonlySet<Topic>;
}

/** Depends on nothing but its arguments. `caps`: what the caller holds, undefined: all. */
export function makeCase(seed: number, n: number, caps?: bigint): Case {
  const random = new Random(caseSeed(seed, n));
  const { object: generated, topics } = generate(random.u32(), `${seed}/${n}`);
  const object = caps === undefined ? generated : { ...generated, caps };
  const kind = random.below(100);
  if (kind < 60) return { object, topics, origin: 'generated' };
  if (kind < 90) return { object: mutate(object, random), topics, origin: 'mutated' };
  return { object: damage(object, random), topics, origin: 'damaged' };
}
