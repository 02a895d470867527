/**
 * `bpf_map_peek_elem` of a bloom filter that is known, in WebAssembly made for its values: the same bits as
 * src/maps/core/assembly/bloom.ts looks at, one after the other, and the second hash only when the first bit is set.
 */
import { ERRNO } from '../../errors/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index, Code } from '../../wasm/index.ts';
import type { ModuleParts } from './function-writer.ts';
import { MAX_KEY, hashKey } from './hash-lookup.ts';
import { madeFunction } from './made-function.ts';
import type { MapShape } from './options.ts';

const VALUE = 0;

/** The function that takes a value's address and gives 0 or -ENOENT; undefined: not for such a filter. */
export function bloomPeek(parts: ModuleParts, shape: MapShape): Index | undefined {
  if (shape.valueSize > MAX_KEY || shape.hashes > MAX_HASHES) return undefined;
  return madeFunction(parts, `peek ${shape.address}`, 1, (code) => writePeek(code, shape));
}

/** Most hash functions: beyond them the core says what is wrong. */
const MAX_HASHES = 15;

function writePeek(code: Code, { valueSize, hashes, seed, bucketMask, buckets }: MapShape): void {
  const [bit, step] = [code.local(TYPE.I32), code.local(TYPE.I32)];
  const isMissing = code.block();
  hashKey(code, VALUE, valueSize, () => code.i32(seed), bit);
  for (let i = 0; i < hashes; i++) {
    if (i === 1) hashKey(code, VALUE, valueSize, () => code.i32(~seed), step);
    if (i > 0) {
      if (i > 1) add(code, step, () => code.i32(i - 1));
      add(code, bit, () => code.get(step));
    }
    code.get(bit);
    code.i32(bucketMask);
    code.op(OP.i32_and);
    code.i32(3);
    code.op(OP.i32_shr_u);
    code.access(ACCESS.i32_load8_u, buckets);
    code.get(bit);
    code.i32(7);
    code.op(OP.i32_and);
    code.op(OP.i32_shr_u);
    code.i32(1);
    code.op(OP.i32_and);
    code.op(OP.i32_eqz);
    code.brIf(isMissing);
  }
  code.i32(0);
  code.op(OP.return);
  code.end();
  code.i32(-ERRNO.ENOENT);
}

function add(code: Code, to: Index, what: () => void): void {
  code.get(to);
  what();
  code.op(OP.i32_add);
  code.set(to);
}
