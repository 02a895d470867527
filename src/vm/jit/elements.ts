/**
 * `bpf_for_each_map_elem` as a loop that calls the function directly, over arrays and hashes that the JIT knows, with all
 * their kinds: the same elements in the same order as src/maps/elements.ts. The function gets its key in a place of the
 * machine's, one for each frame, that helpers may read and nobody writes. Other maps are gone through by the machine.
 */
import { ERRNO } from '../../errors/index.ts';
import { HASH_ELEM } from '../../memory/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index, Label } from '../../wasm/index.ts';
import { FOR_EACH_MAP_ELEM } from '../callbacks.ts';
import { callFunction } from './call-function.ts';
import { width } from './flow-graph.ts';
import { FRAME_POINTER } from './function-writer.ts';
import type { FunctionWriter, Program } from './function-writer.ts';
import { copyBytes } from './hash-replace.ts';
import { AREA, FRAME_STRIDE, KEY_PLACE } from './imports.ts';
import { CALL_HELPER } from './known-opcodes.ts';
import type { JitOptions, MapShape } from './options.ts';

const ARRAYS: ReadonlySet<number> = new Set([MAP_TYPE.ARRAY, MAP_TYPE.PERCPU_ARRAY]);
const HASHES: ReadonlySet<number> = new Set([
  MAP_TYPE.HASH,
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
]);

/** Locals of a walk under way, and what is called with each element. */
interface Walk {
  /** Calls so far: i32, as what follows. */
  readonly count: Index;
  /** Address of the key's place. */
  readonly key: Index;
  readonly value: Index;
  /** Call the function with the element, count it, and leave whether it wants another one. */
  readonly call: () => void;
}

/** Whether a program has calls of the helper: it needs places for keys then. */
export function callsWithElements({ length, op, imm }: Pick<Program, 'length' | 'op' | 'imm'>): boolean {
  for (let slot = 0; slot < length; slot += width(op[slot]))
    if (op[slot] === CALL_HELPER && imm[slot] === FOR_EACH_MAP_ELEM) return true;
  return false;
}

/** Whether the elements of the map at an address are gone through in WebAssembly. */
export function isCompiledWalk({ mode, core, keys, maps }: JitOptions, address: number): boolean {
  if (mode !== 'verified' || core === undefined || keys === 0) return false;
  const { type, keySize } = maps(address);
  return (ARRAYS.has(type) || HASHES.has(type)) && keySize <= KEY_PLACE;
}

/** `(map, function, ctx, flags)`: r0 is how many calls there were, or -EINVAL. @returns false: it is the machine's */
export function writeElements(f: FunctionWriter, at: number): boolean {
  const { code, options } = f;
  const address = f.facts?.maps.get(at);
  if (address === undefined || !isCompiledWalk(options, address)) return false;
  const shape = options.maps(address);
  const refused = code.block();
  code.i64(-ERRNO.EINVAL, -1);
  f.setRegister(0);
  f.getRegister(4);
  code.i64(0, 0);
  f.op(OP.i64_ne);
  code.brIf(refused);
  const walk = startWalk(f, at, shape);
  if (ARRAYS.has(shape.type)) everyIndex(f, shape, walk);
  else everyChain(f, shape, walk);
  code.get(walk.count);
  f.op(OP.i64_extend_i32_u);
  f.setRegister(0);
  code.end();
  return true;
}

function startWalk(f: FunctionWriter, at: number, { address }: MapShape): Walk {
  const { code, options } = f;
  const [count, key, value] = [code.local(TYPE.I32), code.local(TYPE.I32), code.local(TYPE.I32)];
  const returned = code.local(TYPE.I64);
  code.i32(0);
  code.set(count);
  // Frames are FRAME_STRIDE bytes apart, and places KEY_PLACE.
  f.getRegister(FRAME_POINTER);
  f.op(OP.i32_wrap_i64);
  code.i32(options.frameTop);
  f.op(OP.i32_sub);
  code.i32(Math.log2(FRAME_STRIDE / KEY_PLACE));
  f.op(OP.i32_shr_u);
  code.i32(options.keys);
  f.op(OP.i32_add);
  code.set(key);
  const argument = (n: number): void => {
    if (n === 1) return code.i64(address, 0);
    if (n === 4) return f.getRegister(3);
    if (n > 4) return code.i64(0, 0);
    code.get(n === 2 ? key : value);
    f.op(OP.i64_extend_i32_u);
  };
  const target = (): void => {
    f.getRegister(2);
    f.op(OP.i32_wrap_i64);
  };
  const call = (): void => {
    callFunction(f, at, target, argument, returned, f.facts?.callbacks.get(at));
    code.get(count);
    code.i32(1);
    f.op(OP.i32_add);
    code.set(count);
    code.get(returned);
    f.op(OP.i64_eqz);
  };
  return { count, key, value, call };
}

/** The values of an array, which has one at least. */
function everyIndex(f: FunctionWriter, shape: MapShape, { count, key, value, call }: Walk): void {
  const { code } = f;
  pushCpuOffset(f, shape);
  code.i32(shape.values);
  f.op(OP.i32_add);
  code.set(value);
  const again = code.loop();
  code.get(key);
  code.get(count);
  code.access(ACCESS.i32_store, 0);
  call();
  code.get(value);
  code.i32(shape.elemSize);
  f.op(OP.i32_add);
  code.set(value);
  code.get(count);
  code.i32(shape.maxEntries);
  f.op(OP.i32_lt_u);
  f.op(OP.i32_and);
  code.brIf(again);
  code.end();
}

/** The elements of a hash, chain by chain. One that was reached keeps its link, whatever becomes of it meanwhile. */
function everyChain(f: FunctionWriter, shape: MapShape, { key, value, call }: Walk): void {
  const { code } = f;
  const [elem, bucket, left] = [code.local(TYPE.I32), code.local(TYPE.I32), code.local(TYPE.I32)];
  const toValue = code.local(TYPE.I32);
  pushCpuOffset(f, shape);
  code.i32(shape.valueOffset);
  f.op(OP.i32_add);
  code.set(toValue);
  for (const local of [elem, bucket]) {
    code.i32(0);
    code.set(local);
  }
  const ended = code.block();
  const again = code.loop();
  findElement(f, shape, { elem, bucket, left }, ended);
  copyBytes(code, key, 0, elem, shape.keySize, HASH_ELEM.KEY);
  code.get(elem);
  code.get(toValue);
  f.op(OP.i32_add);
  code.set(value);
  call();
  code.get(elem);
  code.access(ACCESS.i32_load, HASH_ELEM.NEXT);
  code.set(elem);
  code.brIf(again);
  code.end();
  code.end();
}

/**
 * Where `elem` is none, the first of the next chain. Elements that are added meanwhile come to the front of their chain: no
 * chain has more than `left` that are still to come.
 */
function findElement(
  f: FunctionWriter,
  { address, maxEntries, bucketMask, buckets }: MapShape,
  { elem, bucket, left }: Readonly<Record<'elem' | 'bucket' | 'left', Index>>,
  ended: Label,
): void {
  const { code } = f;
  const found = code.block();
  const scan = code.loop();
  code.get(elem);
  code.brIf(found);
  code.get(bucket);
  code.i32(bucketMask);
  f.op(OP.i32_gt_u);
  code.brIf(ended);
  code.get(bucket);
  code.i32(2);
  f.op(OP.i32_shl);
  code.access(ACCESS.i32_load, buckets);
  code.set(elem);
  code.get(bucket);
  code.i32(1);
  f.op(OP.i32_add);
  code.set(bucket);
  code.i32(2 * maxEntries + 2);
  code.set(left);
  code.br(scan);
  code.end();
  code.end();
  code.get(left);
  code.i32(1);
  f.op(OP.i32_sub);
  code.tee(left);
  f.op(OP.i32_eqz);
  code.if();
  code.i32(address);
  code.call(f.parts.imports.of('endlessChain'));
  code.end();
}

/** Bytes from CPU 0's value to that of the CPU that runs. */
function pushCpuOffset({ code, options }: FunctionWriter, { cpuStride }: MapShape): void {
  if (cpuStride === 0) return code.i32(0);
  code.i32(options.area);
  code.access(ACCESS.i32_load, AREA.CPU);
  code.i32(cpuStride);
  code.op(OP.i32_mul);
}
