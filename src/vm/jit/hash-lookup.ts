/**
 * A look-up in a hash as a function of its own, made for the size of its keys and, where the map is known, for its constants: the
 * same hash and the same walk through the chain as src/maps/core/assembly/hash.ts has for any hash.
 */
import { HASH_ELEM, HASH_FACTOR, HASH_SHIFT, MAP_HEADER } from '../../memory/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Code, Index } from '../../wasm/index.ts';
import type { ModuleParts } from './function-writer.ts';
import { madeFunction } from './made-function.ts';
import type { MapShape } from './options.ts';

const MAP_LOOKUP_ELEM = 1;
/** Longest key that a function is made for. */
export const MAX_KEY = 64;

/** Fields of a map that may be constants or not. */
export type ShapeField = keyof typeof FIELD_OFFSETS;
/** Where the map's header has them. */
export const FIELD_OFFSETS = {
  maxEntries: MAP_HEADER.MAX_ENTRIES,
  values: MAP_HEADER.VALUES,
  cpuStride: MAP_HEADER.CPU_STRIDE,
  buckets: MAP_HEADER.BUCKETS,
  bucketMask: MAP_HEADER.BUCKET_MASK,
  seed: MAP_HEADER.SEED,
  valueOffset: MAP_HEADER.VALUE_OFFSET,
  nodeOffset: MAP_HEADER.NODE_OFFSET,
  copies: MAP_HEADER.COPIES,
} as const;

/**
 * The function that takes a key's address and gives the value's, or 0. Without `shape` it takes a map's address, too, of a
 * hash that was looked up in the map at `address`.
 */
export function hashLookup(parts: ModuleParts, address: number, keySize: number, shape?: MapShape): Index {
  const [key, map] = [0, 1];
  const name = shape === undefined ? `inner lookup ${address}` : `lookup ${address}`;
  return madeFunction(parts, name, shape === undefined ? 2 : 1, (code) => {
    const field = (name: ShapeField): void => {
      if (shape !== undefined) return code.i32(shape[name]);
      code.get(map);
      code.access(ACCESS.i32_load, FIELD_OFFSETS[name]);
    };
    const [hash, elem, steps] = [code.local(TYPE.I32), code.local(TYPE.I32), code.local(TYPE.I32)];
    hashKey(code, key, keySize, () => field('seed'), hash);
    code.get(hash);
    field('bucketMask');
    code.op(OP.i32_and);
    code.i32(2);
    code.op(OP.i32_shl);
    if (shape === undefined) {
      field('buckets');
      code.op(OP.i32_add);
    }
    code.access(ACCESS.i32_load, shape?.buckets ?? 0);
    code.set(elem);
    field('maxEntries');
    code.i32(1);
    code.op(OP.i32_add);
    code.set(steps);
    const again = code.loop();
    code.get(elem);
    code.op(OP.i32_eqz);
    code.if();
    code.i32(0);
    code.op(OP.return);
    code.end();
    const differs = code.block();
    code.get(elem);
    code.access(ACCESS.i32_load, HASH_ELEM.HASH);
    code.get(hash);
    code.op(OP.i32_ne);
    code.brIf(differs);
    compareKeys(code, key, elem, keySize, () => code.brIf(differs));
    code.get(elem);
    field('valueOffset');
    code.op(OP.i32_add);
    code.op(OP.return);
    code.end();
    code.get(elem);
    code.access(ACCESS.i32_load, HASH_ELEM.NEXT);
    code.set(elem);
    code.get(steps);
    code.i32(1);
    code.op(OP.i32_sub);
    code.tee(steps);
    code.brIf(again);
    code.end();
    code.i32(0);
    if (shape === undefined) code.get(map);
    else code.i32(address);
    code.i32(0);
    code.get(key);
    code.i32(0);
    code.call(parts.imports.helper(MAP_LOOKUP_ELEM));
  });
}

/** Low word of the key's hash, as the map core computes it: see HASH_FACTOR. */
export function hashKey(code: Code, key: Index, keySize: number, seed: () => void, hash: Index): void {
  const word = code.local(TYPE.I64);
  const multiply = (): void => {
    code.i64(HASH_FACTOR.LOW | 0, HASH_FACTOR.HIGH | 0);
    code.op(OP.i64_mul);
  };
  /** The word on the stack, mixed with its own high bits. */
  const fold = (): void => {
    code.tee(word);
    code.get(word);
    code.i64(HASH_SHIFT, 0);
    code.op(OP.i64_shr_u);
    code.op(OP.i64_xor);
  };
  seed();
  code.op(OP.i64_extend_i32_u);
  code.i64(keySize, 0);
  multiply();
  code.op(OP.i64_xor);
  for (let at = 0; at + 8 <= keySize; at += 8) {
    code.get(key);
    code.access(ACCESS.i64_load, at);
    multiply();
    fold();
    multiply();
    code.op(OP.i64_xor);
    multiply();
  }
  if (keySize & 7) {
    loadTail(code, key, keySize);
    code.op(OP.i64_xor);
    multiply();
  }
  fold();
  multiply();
  fold();
  code.op(OP.i32_wrap_i64);
  code.set(hash);
}

/** The last one to seven bytes of a key as a little-endian word. */
function loadTail(code: Code, key: Index, keySize: number): void {
  let shift = 0;
  for (const [size, load] of [
    [4, ACCESS.i64_load32_u],
    [2, ACCESS.i64_load16_u],
    [1, ACCESS.i64_load8_u],
  ] as const) {
    if (!(keySize & size)) continue;
    code.get(key);
    code.access(load, (keySize & ~7) + shift / 8);
    if (shift > 0) {
      code.i64(shift, 0);
      code.op(OP.i64_shl);
      code.op(OP.i64_or);
    }
    shift += 8 * size;
  }
}

/** Compare piece by piece; `leave` is called behind each with whether the pieces differ. */
export function compareKeys(code: Code, key: Index, elem: Index, keySize: number, leave: () => void): void {
  for (let at = 0; at < keySize;) {
    const size = keySize - at >= 8 ? 8 : keySize - at >= 4 ? 4 : keySize - at >= 2 ? 2 : 1;
    const load = { 1: ACCESS.i64_load8_u, 2: ACCESS.i64_load16_u, 4: ACCESS.i64_load32_u, 8: ACCESS.i64_load }[size];
    code.get(key);
    code.access(load, at);
    code.get(elem);
    code.access(load, HASH_ELEM.KEY + at);
    code.op(OP.i64_ne);
    leave();
    at += size;
  }
}
