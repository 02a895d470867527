/**
 * `bpf_tail_call`: the program in a slot of a prog array takes over the frame. In mode `verified` the slot's number is an
 * index into the function table that all programs of a CPU share, and the call is a WebAssembly tail call, or, where the
 * engine has none, a call whose result is returned: there are 33 at most. In mode `checked` the machine runs the other program.
 */
import { MAP_HEADER } from '../../memory/index.ts';
import { ACCESS, CONTROL, Code, ModuleWriter, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import { MAX_TAIL_CALLS } from '../interpreter.ts';
import { convention, poison, registerTypes, writeExit } from './calls.ts';
import { loadFuel, saveFuel } from './fuel.ts';
import { FRAME_POINTER } from './function-writer.ts';
import type { FunctionWriter } from './function-writer.ts';
import { AREA, ENTRY, MEMORY, MODULE } from './imports.ts';

/** Whether the engine has the tail-call instruction: it accepts `(func return_call 0)`. */
const HAS_TAIL_CALLS = WebAssembly.validate(
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 6, 1, 4, 0, 0x12, 0, CONTROL.end),
);

/** Parameters and result of the programs in the table. */
export function entryType(module: ModuleWriter): Index {
  const { params, results } = convention('verified');
  return module.type(registerTypes(params), registerTypes(results));
}

/** The call at `at`: goes on behind it where there is no program. */
export function writeTailCall(f: FunctionWriter, at: number): void {
  if (f.options.mode === 'checked') return callMachine(f, at);
  const { code } = f;
  const { area } = f.options;
  const [index, number] = [code.local(TYPE.I32), code.local(TYPE.I32)];
  const missed = code.block();
  f.getRegister(3);
  f.op(OP.i32_wrap_i64);
  code.tee(index);
  mapField(f, at, MAP_HEADER.MAX_ENTRIES);
  f.op(OP.i32_ge_u);
  code.brIf(missed);
  mapField(f, at, MAP_HEADER.VALUES);
  code.get(index);
  code.i32(2);
  f.op(OP.i32_shl);
  f.op(OP.i32_add);
  code.access(ACCESS.i32_load, 0);
  code.tee(number);
  f.op(OP.i32_eqz);
  code.brIf(missed);
  code.i32(area);
  code.access(ACCESS.i32_load, AREA.TAIL_CALLS);
  code.i32(MAX_TAIL_CALLS);
  f.op(OP.i32_ge_u);
  code.brIf(missed);
  code.i32(area);
  code.i32(area);
  code.access(ACCESS.i32_load, AREA.TAIL_CALLS);
  code.i32(1);
  f.op(OP.i32_add);
  code.access(ACCESS.i32_store, AREA.TAIL_CALLS);
  saveFuel(f);
  f.getRegister(1);
  for (let n = 2; n <= 5; n++) code.i64(0, 0);
  f.getRegister(FRAME_POINTER);
  code.get(number);
  enter(f);
  code.end();
}

/** The program of that number on the stack, instead of this one. */
function enter(f: FunctionWriter): void {
  const type = entryType(f.parts.module);
  if (!f.isMain && HAS_TAIL_CALLS) return f.code.returnCallIndirect(type);
  f.code.callIndirect(type);
  f.setRegister(0);
  loadFuel(f);
  writeExit(f);
}

/** A field of the header of the map in r2, which is known before the run where r2 is. */
function mapField(
  f: FunctionWriter,
  at: number,
  field: typeof MAP_HEADER.MAX_ENTRIES | typeof MAP_HEADER.VALUES,
): void {
  const address = f.facts?.tables.get(at);
  if (address !== undefined) {
    const shape = f.options.maps(address);
    return f.code.i32(field === MAP_HEADER.VALUES ? shape.values : shape.maxEntries);
  }
  f.getRegister(2);
  f.op(OP.i32_wrap_i64);
  f.code.access(ACCESS.i32_load, field);
}

function callMachine(f: FunctionWriter, at: number): void {
  const { code } = f;
  code.i32(at);
  for (const n of [1, 2, 3]) f.words(n);
  code.call(f.parts.imports.of('tailCall'));
  poison(f);
  code.if();
  code.i32(f.options.area);
  code.access(ACCESS.i64_load, AREA.RESULT);
  f.setRegister(0);
  writeExit(f);
  code.end();
}

/** The import of `stubModule`: low and high word of r1, top of the frame. */
export const STUB = 'program';

/** A module whose `ENTRY` lets JavaScript run the program, for numbers whose program is not compiled. */
export function stubModule(area: number): Uint8Array<ArrayBuffer> {
  const module = new ModuleWriter();
  module.importMemory(MODULE, MEMORY, 1);
  const run = module.importFunction(MODULE, STUB, module.type([TYPE.I32, TYPE.I32, TYPE.I32], []));
  const entry = module.function(entryType(module));
  const { params } = convention('verified');
  const code = new Code(params.length);
  const r1 = params.indexOf(1);
  code.get(r1);
  code.op(OP.i32_wrap_i64);
  code.get(r1);
  code.i64(32, 0);
  code.op(OP.i64_shr_u);
  code.op(OP.i32_wrap_i64);
  code.get(params.indexOf(FRAME_POINTER));
  code.op(OP.i32_wrap_i64);
  code.call(run);
  code.i32(area);
  code.access(ACCESS.i64_load, AREA.RESULT);
  module.body(entry, code);
  module.exportFunction(ENTRY, entry);
  return module.encode();
}
