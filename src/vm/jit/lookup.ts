/**
 * `bpf_map_lookup_elem` in WebAssembly, where the JIT knows which map it is, or which map of maps it was looked up in: an
 * array's value is computed, a hash has a function of its own, made for its key size, and so have the per-CPU and LRU kinds
 * and tries that are known. All read memory as src/memory/layout.ts says. Other maps are looked up by the core, and a hash whose
 * chain has more elements than the map may by the helper, which says what is wrong.
 */
import { LRU_NODE, padded } from '../../memory/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import type { FunctionWriter, Program } from './function-writer.ts';
import { FIELD_OFFSETS, MAX_KEY, hashLookup } from './hash-lookup.ts';
import type { ShapeField } from './hash-lookup.ts';
import { AREA } from './imports.ts';
import { CALL_HELPER } from './known-opcodes.ts';
import { lpmLookup } from './lpm-lookup.ts';
import type { InnerShape, JitOptions, MapShape } from './options.ts';

const MAP_LOOKUP_ELEM = 1;
const MAP_LOOKUP_PERCPU_ELEM = 195;
/** Bytes of an array's key. */
export const ARRAY_KEY = 4;

export function isMapOfMaps(type: number): boolean {
  return type === MAP_TYPE.ARRAY_OF_MAPS || type === MAP_TYPE.HASH_OF_MAPS;
}

/** Arrays that are looked up here by a machine that knows the map core. */
const OTHER_ARRAYS: ReadonlySet<number> = new Set([MAP_TYPE.PERCPU_ARRAY, MAP_TYPE.ARRAY_OF_MAPS]);

/**
 * Whether the call at `at` is compiled as a look-up in an array.
 * @param map what is known of the map in r1: all, or what it has in common with the others of a map of maps
 */
export function isArrayLookup(
  { op, imm }: Program,
  at: number,
  map: MapShape | InnerShape | undefined,
  { core }: Pick<JitOptions, 'core'>,
): boolean {
  if (op[at] !== CALL_HELPER || map === undefined) return false;
  if (imm[at] === MAP_LOOKUP_PERCPU_ELEM) return map.type === MAP_TYPE.PERCPU_ARRAY && core !== undefined;
  if (imm[at] !== MAP_LOOKUP_ELEM) return false;
  if (map.type === MAP_TYPE.ARRAY) return 'address' in map || core !== undefined;
  return OTHER_ARRAYS.has(map.type) && core !== undefined;
}

const LOOKUPS: ReadonlySet<number> = new Set([MAP_LOOKUP_ELEM, MAP_LOOKUP_PERCPU_ELEM]);

/** Write the call at `at` as a look-up. @returns false: it is not one that is known here */
export function writeLookup(f: FunctionWriter, at: number): boolean {
  if (!LOOKUPS.has(f.program.imm[at])) return false;
  const address = f.facts?.maps.get(at);
  const outer = f.facts?.outerMaps.get(at);
  if (address !== undefined) return writeKnownLookup(f, at, f.options.maps(address));
  return outer !== undefined && f.options.core !== undefined && writeInnerLookup(f, at, outer);
}

/** A look-up in a map that is known. */
function writeKnownLookup(f: FunctionWriter, at: number, shape: MapShape): boolean {
  if (isArrayLookup(f.program, at, shape, f.options)) {
    lookupArray(f, at, shape.elemSize, (field) => f.code.i32(shape[field]), shape.cpuStride !== 0);
  } else {
    const callee = f.program.imm[at] === MAP_LOOKUP_ELEM ? lookupFunction(f, shape) : undefined;
    if (callee === undefined) return false;
    f.getRegister(2);
    f.op(OP.i32_wrap_i64);
    f.code.call(callee);
    finishHash(f, shape.type, (field) => f.code.i32(shape[field]));
  }
  if (isMapOfMaps(shape.type)) loadInner(f);
  f.op(OP.i64_extend_i32_u);
  f.setRegister(0);
  return true;
}

/** The function that is made for a map, of a key's address. */
function lookupFunction({ parts, options }: FunctionWriter, shape: MapShape): Index | undefined {
  const { type, address, keySize } = shape;
  if (type !== MAP_TYPE.HASH && options.core === undefined) return undefined;
  if (type === MAP_TYPE.LPM_TRIE) return lpmLookup(parts, address, keySize, shape);
  const isHash = type === MAP_TYPE.HASH || OTHER_HASHES.has(type);
  return isHash && keySize <= MAX_KEY ? hashLookup(parts, address, keySize, shape) : undefined;
}

/** The address on the stack of a map's address becomes that; 0 stays 0. */
function loadInner(f: FunctionWriter): void {
  const { code } = f;
  const value = f.scratch(TYPE.I32);
  code.tee(value);
  code.if(TYPE.I32);
  code.get(value);
  code.access(ACCESS.i32_load, 0);
  code.else();
  code.i32(0);
  code.end();
}

/** A look-up in a map of the map of maps at `outer`: what they do not have in common is read from the header at r1. */
function writeInnerLookup(f: FunctionWriter, at: number, outer: number): boolean {
  const { inner } = f.options.maps(outer);
  if (inner === undefined) return false;
  const map = (): void => {
    f.getRegister(1);
    f.op(OP.i32_wrap_i64);
  };
  const load = (field: ShapeField): void => {
    map();
    f.code.access(ACCESS.i32_load, FIELD_OFFSETS[field]);
  };
  if (isArrayLookup(f.program, at, inner, f.options)) {
    lookupArray(f, at, padded(inner.valueSize), load, inner.type === MAP_TYPE.PERCPU_ARRAY);
  } else {
    const callee = f.program.imm[at] === MAP_LOOKUP_ELEM ? innerFunction(f, outer, inner) : undefined;
    if (callee === undefined) return false;
    f.getRegister(2);
    f.op(OP.i32_wrap_i64);
    map();
    f.code.call(callee);
    finishHash(f, inner.type, load);
  }
  f.op(OP.i64_extend_i32_u);
  f.setRegister(0);
  return true;
}

/** The function that is made for the maps of the map of maps at `outer`, of addresses of a key and of a map. */
function innerFunction({ parts }: FunctionWriter, outer: number, { type, keySize }: InnerShape): Index | undefined {
  if (type === MAP_TYPE.LPM_TRIE) return lpmLookup(parts, outer, keySize);
  const isHash = type === MAP_TYPE.HASH || OTHER_HASHES.has(type);
  return isHash && keySize <= MAX_KEY ? hashLookup(parts, outer, keySize) : undefined;
}

/** Hashes whose look-up goes on behind `hashLookup`; who runs on another CPU says so to a machine that knows the map core. */
const OTHER_HASHES: ReadonlySet<number> = new Set([
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.HASH_OF_MAPS,
]);

const LRU_HASHES: ReadonlySet<number> = new Set([MAP_TYPE.LRU_HASH, MAP_TYPE.LRU_PERCPU_HASH]);
const PERCPU_HASHES: ReadonlySet<number> = new Set([MAP_TYPE.PERCPU_HASH, MAP_TYPE.LRU_PERCPU_HASH]);

/** The value on the stack, of CPU 0: what its element was used, and the value of the CPU that runs. 0 stays 0. */
function finishHash(f: FunctionWriter, type: number, field: (name: ShapeField) => void): void {
  if (!LRU_HASHES.has(type) && !PERCPU_HASHES.has(type)) return;
  const { code } = f;
  const value = f.scratch(TYPE.I32);
  code.tee(value);
  code.if(TYPE.I32);
  if (LRU_HASHES.has(type)) {
    code.get(value);
    field('nodeOffset');
    f.op(OP.i32_add);
    field('valueOffset');
    f.op(OP.i32_sub);
    code.i32(1);
    code.access(ACCESS.i32_store, LRU_NODE.USED);
  }
  code.get(value);
  if (PERCPU_HASHES.has(type)) addCpu(f, () => field('cpuStride'));
  code.else();
  code.i32(0);
  code.end();
}

/** An address on the stack of CPU 0 becomes that of the CPU that runs, or of the one in a register. */
function addCpu(f: FunctionWriter, cpuStride: () => void, register?: number): void {
  const { code } = f;
  if (register === undefined) {
    code.i32(f.options.area);
    code.access(ACCESS.i32_load, AREA.CPU);
  } else {
    f.getRegister(register);
    f.op(OP.i32_wrap_i64);
  }
  cpuStride();
  f.op(OP.i32_mul);
  f.op(OP.i32_add);
}

/** The register of `bpf_map_lookup_percpu_elem` that says which CPU. */
const CPU_ARGUMENT = 3;

/** On the stack: index below the end ? address of the value : 0 */
function lookupArray(
  f: FunctionWriter,
  at: number,
  elemSize: number,
  field: (name: ShapeField) => void,
  perCpu: boolean,
): void {
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
  field('maxEntries');
  f.op(OP.i32_lt_u);
  const cpu = f.program.imm[at] === MAP_LOOKUP_PERCPU_ELEM ? CPU_ARGUMENT : undefined;
  if (cpu !== undefined) {
    f.getRegister(cpu);
    f.op(OP.i32_wrap_i64);
    field('copies');
    f.op(OP.i32_lt_u);
    f.op(OP.i32_and);
  }
  code.if(TYPE.I32);
  code.get(index);
  code.i32(elemSize);
  f.op(OP.i32_mul);
  field('values');
  f.op(OP.i32_add);
  if (perCpu) addCpu(f, () => field('cpuStride'), cpu);
  code.else();
  code.i32(0);
  code.end();
}
