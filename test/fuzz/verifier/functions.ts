/** Source lines of generated programs, and what parameters their functions may have. */
import type { FunctionBtf } from '../../function-btf.ts';
import type { Random } from '../../../src/util/index.ts';
import type { Item } from './code.ts';

/** Bytes behind a `mem` parameter. */
export const MEM_PARAM_SIZE = 16;

const TEXTS = [
  'int x = ctx->len;',
  '\tif (x > 7)',
  '  return 0;',
  'for (i = 0; i < 4; i++)',
  '',
  'sum += data[i]; /* % */',
];

/** Source lines at the beginning of each function and here and there behind. */
export function addLines(btf: FunctionBtf, items: readonly Item[], random: Random): void {
  let line = 10;
  for (const one of items) {
    if (one.func === undefined && !random.oneIn(3)) continue;
    line += random.below(3);
    const file = btf.types.string(random.pick(['prog.c', 'prog.c', '/src/lib/helpers.h']));
    one.line = [file, btf.types.string(random.pick(TEXTS)), (line << 10) | (1 + random.below(20))];
  }
}
