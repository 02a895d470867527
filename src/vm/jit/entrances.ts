/** What is exported beside a program's functions: how the machine, other programs and timers start it. */
import { ACCESS, Code, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import { convention } from './calls.ts';
import type { FlowGraph } from './flow-graph.ts';
import { writeMain } from './function-body.ts';
import { FRAME_POINTER } from './function-writer.ts';
import type { ModuleParts } from './function-writer.ts';
import { AREA, BATCH, BATCH_ENTRY, CALL, ENTER, ENTRY, MAIN, REPEAT, callbackExport } from './imports.ts';
import { RECLAIM } from './map-calls.ts';
import type { PacketFields } from './options.ts';

/** Main programs of at most so many slots are written twice where that saves a call. */
const MAX_TWICE = 256;

/**
 * Export all of them.
 * @param graph of the main program
 * @param timers whether the program sets callbacks of timers
 */
export function exportEntrances(
  parts: ModuleParts,
  main: Index,
  graph: FlowGraph,
  reclaims: boolean,
  timers: boolean,
): void {
  const { module, options } = parts;
  const repeat = module.function(module.type([TYPE.I32, TYPE.I32, TYPE.I32], [TYPE.I32]));
  module.body(repeat, writeRepeat(main, reclaims ? parts : undefined));
  module.exportFunction(MAIN, main);
  module.exportFunction(REPEAT, repeat);
  if (options.entry) exportEntry(parts);
  if (options.packetFields !== undefined) {
    exportBatch(parts, main, options.packetFields, reclaims);
    exportCall(parts, main, graph, reclaims);
  }
  if (timers && options.mode !== 'checked') for (const entry of parts.callbacks) exportCallback(parts, entry);
}

/**
 * Call the main program with r1 and r2 as often as the third argument says, at least once.
 * @param parts where the program may leave elements of maps behind: between two runs nobody points to them
 */
function writeRepeat(main: Index, parts: ModuleParts | undefined): Code {
  const [r1, r2, count] = [0, 1, 2];
  const code = new Code(3);
  const result = code.local(TYPE.I32);
  const again = code.loop();
  code.get(r1);
  code.get(r2);
  code.call(main);
  code.set(result);
  if (parts !== undefined) writeReclaim(code, parts);
  code.get(count);
  code.i32(1);
  code.op(OP.i32_sub);
  code.tee(count);
  code.brIf(again);
  code.end();
  code.get(result);
  return code;
}

/** Give back the elements of maps that a run has left behind: between two runs nobody points to them. */
function writeReclaim(code: Code, { options, imports }: ModuleParts): void {
  if (options.core === undefined) return;
  code.i32(options.core.pending);
  code.access(ACCESS.i32_load, 0);
  code.if();
  code.call(imports.core(RECLAIM));
  code.end();
}

/** Export the loop that runs the program on each packet of a list. */
function exportBatch(parts: ModuleParts, main: Index, fields: PacketFields, reclaims: boolean): void {
  const { module } = parts;
  const [ctx, entry, count] = [0, 1, 2];
  const code = new Code(3);
  const address = code.local(TYPE.I32);
  const field = (at: number, value: () => void): void => {
    code.get(ctx);
    value();
    code.access(ACCESS.i32_store, at);
  };
  const load = (at: number): void => {
    code.get(entry);
    code.access(ACCESS.i32_load, at);
  };
  const again = code.loop();
  load(BATCH_ENTRY.ADDRESS);
  code.set(address);
  for (const at of [fields.data, fields.data_meta]) field(at, () => code.get(address));
  field(fields.data_end, () => {
    code.get(address);
    load(BATCH_ENTRY.LENGTH);
    code.op(OP.i32_add);
  });
  code.get(entry);
  code.get(ctx);
  code.i32(0);
  code.call(main);
  code.access(ACCESS.i32_store, BATCH_ENTRY.VERDICT);
  if (reclaims) writeReclaim(code, parts);
  code.get(entry);
  code.i32(BATCH_ENTRY.SIZE);
  code.op(OP.i32_add);
  code.set(entry);
  code.get(count);
  code.i32(1);
  code.op(OP.i32_sub);
  code.tee(count);
  code.brIf(again);
  code.end();
  const batch = module.function(module.type([TYPE.I32, TYPE.I32, TYPE.I32], []));
  module.body(batch, code);
  module.exportFunction(BATCH, batch);
}

/**
 * Export a run on one packet, for callers in JavaScript that call often: it asks the machine only when others have run. A short
 * program is written there once more, which saves a call.
 */
function exportCall(parts: ModuleParts, main: Index, graph: FlowGraph, reclaims: boolean): void {
  const { module } = parts;
  const call = module.function(module.type([TYPE.I32], [TYPE.I32]));
  const isShort = graph.blocks.reduce((sum, { start, last }) => sum + last - start + 1, 0) <= MAX_TWICE;
  module.body(
    call,
    isShort && !reclaims
      ? writeMain(parts, graph, (code) => askWhereOthersRan(code, parts, 0))
      : writeCall(parts, main, reclaims),
  );
  module.exportFunction(CALL, call);
}

function writeCall(parts: ModuleParts, main: Index, reclaims: boolean): Code {
  const context = 0;
  const code = new Code(1);
  askWhereOthersRan(code, parts, context);
  code.get(context);
  code.i32(0);
  code.call(main);
  if (reclaims) writeReclaim(code, parts);
  return code;
}

function askWhereOthersRan(code: Code, { options, imports }: ModuleParts, context: Index): void {
  code.i32(options.area);
  code.access(ACCESS.i32_load, AREA.READY);
  code.get(context);
  code.op(OP.i32_sub); // not `ne`: see `differs` in condition.ts
  code.if();
  code.get(context);
  code.call(imports.of('setUp'));
  code.end();
}

/** Export the program as what tail calls start. */
function exportEntry({ module, functions, options }: ModuleParts): void {
  const fn = functions.get(0) as Index;
  const { params, results } = convention(options.mode);
  if (options.mode !== 'checked') module.exportFunction(ENTRY, fn);
  const [low, high, top] = [0, 1, 2];
  const code = new Code(3);
  const result = code.local(TYPE.I64);
  for (const n of params) {
    if (n === 1) {
      code.get(low);
      code.op(OP.i64_extend_i32_u);
      code.get(high);
      code.op(OP.i64_extend_i32_u);
      code.i64(32, 0);
      code.op(OP.i64_shl);
      code.op(OP.i64_or);
    } else if (n === FRAME_POINTER) {
      code.get(top);
      code.op(OP.i64_extend_i32_u);
    } else {
      code.i64(0, 0);
    }
  }
  code.call(fn);
  for (let n = results.length; n > 1; n--) code.op(OP.drop);
  code.set(result);
  code.i32(options.area);
  code.get(result);
  code.access(ACCESS.i64_store, AREA.RESULT);
  const enter = module.function(module.type([TYPE.I32, TYPE.I32, TYPE.I32], []));
  module.body(enter, code);
  module.exportFunction(ENTER, enter);
}

/** Export the function at `entry` as what runs by itself. */
function exportCallback({ module, functions, options }: ModuleParts, entry: number): void {
  const words = 3;
  const code = new Code(words);
  const { params, results } = convention(options.mode);
  for (const n of params) {
    if (n === FRAME_POINTER) code.i64(options.frameTop, 0);
    else if (n > words) code.i64(0, 0);
    else {
      code.get(n - 1);
      code.op(OP.i64_extend_i32_u);
    }
  }
  code.call(functions.get(entry) as Index);
  for (const _ of results) code.op(OP.drop);
  const callback = module.function(module.type([TYPE.I32, TYPE.I32, TYPE.I32], []));
  module.body(callback, code);
  module.exportFunction(callbackExport(entry), callback);
}
