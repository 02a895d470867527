/** All fragments of the generator. */
import { acquired } from './fragments/acquired.ts';
import { atomics } from './fragments/atomics.ts';
import { calls } from './fragments/calls.ts';
import { context } from './fragments/context.ts';
import { control } from './fragments/control.ts';
import { dynptrs } from './fragments/dynptrs.ts';
import { helpers } from './fragments/helpers.ts';
import { loops } from './fragments/loops.ts';
import { maps } from './fragments/maps.ts';
import { numbers } from './fragments/numbers.ts';
import { objects } from './fragments/objects.ts';
import { packet } from './fragments/packet.ts';
import { stack } from './fragments/stack.ts';
import type { Fragment } from './generator.ts';

export const FRAGMENTS: readonly Fragment[] = [
  ...numbers,
  ...stack,
  ...control,
  ...loops,
  ...maps,
  ...packet,
  ...objects,
  ...context,
  ...helpers,
  ...atomics,
  ...calls,
  ...acquired,
  ...dynptrs,
];
