/**
 * `bpf_map_update_elem` of an array that is known, or of one CPU's values of it: the value is overwritten in place. Flags but
 * BPF_ANY and BPF_EXIST and what lies beyond the end are left to the map core, which says what is wrong: the same as
 * src/maps/core/assembly/array.ts does for any array.
 */
import { ELEM_FLAG, MAP_TYPE } from '../../uapi/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index, Code } from '../../wasm/index.ts';
import type { ModuleParts } from './function-writer.ts';
import { MAX_VALUE, copyBytes } from './hash-replace.ts';
import { madeFunction } from './made-function.ts';
import type { MapShape } from './options.ts';

const [KEY, VALUE, FLAGS, CPU] = [0, 1, 2, 3];

/**
 * The function that takes addresses of key and value, flags, and of a per-CPU array the CPU, and gives 0 or -errno; undefined: not
 * for such a map.
 */
export function arrayUpdate(parts: ModuleParts, shape: MapShape): Index | undefined {
  if (shape.valueSize > MAX_VALUE) return undefined;
  const percpu = shape.type === MAP_TYPE.PERCPU_ARRAY;
  const params = percpu ? [KEY, VALUE, FLAGS, CPU] : [KEY, VALUE, FLAGS];
  return madeFunction(parts, `update ${shape.address}`, params.length, (code) => {
    writeUpdate(code, shape, percpu);
    code.i32(shape.address);
    for (const param of params) code.get(param);
    code.call(parts.imports.core(percpu ? 'percpu_array_update' : 'array_update'));
  });
}

/** Returns 0 where the value was overwritten; goes on behind where the core must do it. */
function writeUpdate(
  code: Code,
  { maxEntries, elemSize, values, cpuStride, valueSize }: MapShape,
  percpu: boolean,
): void {
  const to = code.local(TYPE.I32);
  const core = code.block();
  code.get(FLAGS);
  code.i32(~ELEM_FLAG.EXIST);
  code.op(OP.i32_and);
  code.brIf(core);
  code.get(KEY);
  code.access(ACCESS.i32_load, 0);
  code.tee(to);
  code.i32(maxEntries);
  code.op(OP.i32_ge_u);
  code.brIf(core);
  code.get(to);
  code.i32(elemSize);
  code.op(OP.i32_mul);
  code.i32(values);
  code.op(OP.i32_add);
  if (percpu) {
    code.get(CPU);
    code.i32(cpuStride);
    code.op(OP.i32_mul);
    code.op(OP.i32_add);
  }
  code.set(to);
  copyBytes(code, to, 0, VALUE, valueSize);
  code.i32(0);
  code.op(OP.return);
  code.end();
}
