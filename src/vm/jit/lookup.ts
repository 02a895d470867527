/**
 * `bpf_map_lookup_elem` in WebAssembly, where the JIT knows which map it is: an array's value is computed, a hash has a
 * function of its own, made for its key size, and so have their per-CPU and LRU kinds. All read memory as
 * src/memory/layout.ts says. Other maps are looked up by the core, and a hash whose chain has more elements than the map
 * may by the helper, which says what is wrong.
 */
import { HASH_ELEM, HASH_FACTOR, HASH_SHIFT, LRU_NODE } from '../../memory/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import { ACCESS, Code, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import type { FunctionWriter, ModuleParts, Program } from './function-writer.ts';
import { AREA } from './imports.ts';
import type { MapShape, MapShapes } from './options.ts';

export const CALL_HELPER = 0x85;
const MAP_LOOKUP_ELEM = 1;
/** Bytes of an array's key. */
export const ARRAY_KEY = 4;
/** Longest key that a hash's own function is made for. */
export const MAX_KEY = 64;

/** Whether the call at `at` is compiled as a look-up in an array. */
export function isArrayLookup({ op, imm }: Program, at: number, map: number, maps: MapShapes): boolean {
  return op[at] === CALL_HELPER && imm[at] === MAP_LOOKUP_ELEM && maps(map).type === MAP_TYPE.ARRAY;
}

/** Write the call at `at` as a look-up. @returns false: it is not one that is known here */
export function writeLookup(f: FunctionWriter, at: number): boolean {
  const address = f.facts?.maps.get(at);
  if (address === undefined || f.program.imm[at] !== MAP_LOOKUP_ELEM) return false;
  const shape = f.options.maps(address);
  if (shape.type === MAP_TYPE.ARRAY || (shape.type === MAP_TYPE.PERCPU_ARRAY && f.options.core !== undefined)) {
    lookupArray(f, at, shape);
    return true;
  }
  const isHash = shape.type === MAP_TYPE.HASH || (OTHER_HASHES.has(shape.type) && f.options.core !== undefined);
  if (!isHash || shape.keySize > MAX_KEY) return false;
  f.getRegister(2);
  f.op(OP.i32_wrap_i64);
  f.code.call(hashLookup(f.parts, shape));
  if (shape.type !== MAP_TYPE.HASH) finishHash(f, shape);
  f.op(OP.i64_extend_i32_u);
  f.setRegister(0);
  return true;
}

/** Hashes whose look-up goes on behind `hashLookup`; who runs on another CPU says so to a machine that knows the map core. */
const OTHER_HASHES: ReadonlySet<number> = new Set([MAP_TYPE.PERCPU_HASH, MAP_TYPE.LRU_HASH, MAP_TYPE.LRU_PERCPU_HASH]);

/** The value on the stack, of CPU 0: what its element was used, and the value of the CPU that runs. 0 stays 0. */
function finishHash(f: FunctionWriter, { cpuStride, valueOffset, nodeOffset }: MapShape): void {
  const { code } = f;
  const value = f.scratch(TYPE.I32);
  code.tee(value);
  code.if(TYPE.I32);
  if (nodeOffset !== 0) {
    code.get(value);
    code.i32(1);
    code.access(ACCESS.i32_store, nodeOffset - valueOffset + LRU_NODE.USED);
  }
  code.get(value);
  addCpu(f, cpuStride);
  code.else();
  code.i32(0);
  code.end();
}

/** An address on the stack of CPU 0 becomes that of the CPU that runs. */
function addCpu(f: FunctionWriter, cpuStride: number): void {
  const { code } = f;
  if (cpuStride === 0) return;
  code.i32(f.options.area);
  code.access(ACCESS.i32_load, AREA.CPU);
  code.i32(cpuStride);
  f.op(OP.i32_mul);
  f.op(OP.i32_add);
}

/** r0 = index below the end ? address of the value : 0 */
function lookupArray(f: FunctionWriter, at: number, { maxEntries, elemSize, values, cpuStride }: MapShape): void {
  const { code } = f;
  const index = f.scratch(TYPE.I32);
  const key = f.promoted(at);
  if (key === undefined) {
    f.getRegister(2);
    f.op(OP.i32_wrap_i64);
    code.access(ACCESS.i32_load, 0);
  } else {
    code.get(key);
    f.op(OP.i32_wrap_i64);
  }
  code.tee(index);
  code.i32(maxEntries);
  f.op(OP.i32_lt_u);
  code.if(TYPE.I32);
  code.get(index);
  code.i32(elemSize);
  f.op(OP.i32_mul);
  code.i32(values);
  f.op(OP.i32_add);
  addCpu(f, cpuStride);
  code.else();
  code.i32(0);
  code.end();
  f.op(OP.i64_extend_i32_u);
  f.setRegister(0);
}

/** The function that takes a key's address and gives the value's, or 0. */
function hashLookup(parts: ModuleParts, shape: MapShape): Index {
  const known = parts.lookups.get(shape.address);
  if (known !== undefined) return known;
  const { module, imports } = parts;
  const fn = module.function(module.type([TYPE.I32], [TYPE.I32]));
  parts.lookups.set(shape.address, fn);
  const key = 0;
  const code = new Code(1);
  const [hash, elem, steps] = [code.local(TYPE.I32), code.local(TYPE.I32), code.local(TYPE.I32)];
  hashKey(code, key, shape, hash);
  code.get(hash);
  code.i32(shape.bucketMask);
  code.op(OP.i32_and);
  code.i32(2);
  code.op(OP.i32_shl);
  code.access(ACCESS.i32_load, shape.buckets);
  code.set(elem);
  code.i32(shape.maxEntries + 1);
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
  compareKeys(code, key, elem, shape.keySize, () => code.brIf(differs));
  code.get(elem);
  code.i32(shape.valueOffset);
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
  for (const word of [0, shape.address, 0]) code.i32(word);
  code.get(key);
  code.i32(0);
  code.call(imports.helper(MAP_LOOKUP_ELEM));
  module.body(fn, code);
  return fn;
}

/** Low word of the key's hash, as the map core computes it: see HASH_FACTOR. */
export function hashKey(
  code: Code,
  key: Index,
  { keySize, seed }: Pick<MapShape, 'keySize' | 'seed'>,
  hash: Index,
): void {
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
  code.i64(seed | 0, 0);
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
