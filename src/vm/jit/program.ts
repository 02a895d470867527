/**
 * A whole program as one WebAssembly module: the main program and each sub-program are functions, everything they share
 * is imported from the machine. What is not supported is named; the interpreter runs it then.
 */
import { CLASS, JMP, LD_IMM64, MODE } from '../../isa/index.ts';
import { MAX_BPF_STACK } from '../../uapi/index.ts';
import { ACCESS, Code, ModuleWriter, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import { CANONICAL } from '../compile.ts';
import { writeAlu, writeExtension } from './alu.ts';
import { writeSwappedLoad } from './byte-order.ts';
import { isCallingHelper, writeCallingHelper } from './callbacks.ts';
import {
  argumentsOf,
  callHelper,
  callLocal,
  callRegister,
  convention,
  loadPacket,
  registerTypes,
  writeExit,
} from './calls.ts';
import { writeCondition } from './condition.ts';
import { flowGraph, width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import { functionFacts } from './frame.ts';
import type { FunctionFacts } from './frame.ts';
import { fuelOfBlocks, loadFuel, writeBurn } from './fuel.ts';
import { writeFrameGuard } from './guard.ts';
import { FRAME_POINTER, FunctionWriter, REGISTERS } from './function-writer.ts';
import type { InlinedAt, ModuleParts, Program } from './function-writer.ts';
import { AREA, BATCH, BATCH_ENTRY, CALL, ENTER, ENTRY, Imports, MAIN, REPEAT, callbackExport } from './imports.ts';
import type { FunctionName, HelperImport } from './imports.ts';
import { quickImports } from './helper-calls.ts';
import { inlinedFunctions } from './inline.ts';
import { KNOWN_OPCODES } from './known-opcodes.ts';
import { RECLAIM, coreImports } from './map-calls.ts';
import { isAccess, writeAtomic, writeLoad, writeStore } from './memory.ts';
import type { JitOptions, PacketFields } from './options.ts';
import { withSelects, writeSelect } from './select.ts';
import { writeStructured } from './structure.ts';
import type { BlockWriter } from './structure.ts';
import { writeTailCall } from './tail-call.ts';
import { writeWide } from './wide-loads.ts';

/** Longest function that V8 compiles, in bytes. @source V8's wasm-limits.h, kV8MaxWasmFunctionSize */
const MAX_FUNCTION = 7_654_321;
/** Main programs of at most so many slots are written twice where that saves a call. */
const MAX_TWICE = 256;
/** Frames of at most so many bytes are zeroed word by word. */
const UNROLLED_ZEROES = 128;

export interface Translated {
  readonly ok: true;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly helpers: readonly HelperImport[];
  /** Functions of the map core. */
  readonly core: readonly string[];
  /** Functions of the helper core. */
  readonly quick: readonly string[];
  /** Whether a run may end in another program. */
  readonly mayEnd: boolean;
  /** Whether one run may take more than a verifier's count of instructions says: it calls back in rounds, or calls in loops. */
  readonly mayTakeLong: boolean;
}

export type Translation =
  | Translated
  /** What there is no translation of. */
  | { readonly ok: false; readonly unsupported: string };

export function hasTailCalls(program: Pick<Program, 'length' | 'op'>): boolean {
  return has(program, (op) => op === CANONICAL.TAIL_CALL);
}

/** The module of a program. */
export function translate(program: Program, options: JitOptions): Translation {
  for (let slot = 0; slot < program.length; slot += width(program.op[slot])) {
    const op = program.op[slot];
    if (!KNOWN_OPCODES.has(op)) return { ok: false, unsupported: `operation 0x${op.toString(16)}` };
  }
  const graphs = allFunctions(program, options.entry);
  const module = new ModuleWriter();
  const helpers = helperImports(program, options);
  const core = coreImports(program, options);
  const quick = quickImports(program, options);
  const tailCalls = hasTailCalls(program);
  const imports = new Imports(
    module,
    neededFunctions(program, options),
    helpers,
    core,
    quick,
    tailCalls && options.mode !== 'checked',
  );
  const { params, results } = convention(options.mode);
  const main = module.function(module.type([TYPE.I32, TYPE.I32], [TYPE.I32]));
  const localType = module.type(registerTypes(params), registerTypes(results));
  const functions = new Map<number, Index>();
  for (const entry of graphs.locals.keys()) functions.set(entry, module.function(localType));
  const globals = { budget: module.global(TYPE.I64) };
  const callbacks = [...program.functionLoads].map((slot) => program.file[program.src[slot]]);
  const lookups = new Map<number, Index>();
  const parts: ModuleParts = {
    module,
    program,
    options,
    imports,
    globals,
    functions,
    callbacks: [...new Set(callbacks)].filter((entry) => functions.has(entry)),
    lookups,
    updates: new Map(),
    inlined: options.mode === 'verified' ? inlinedFunctions(program, graphs.main, graphs.locals) : new Map(),
    writeInlined,
  };
  const bodies: [Index, Code][] = [[main, writeMain(parts, graphs.main)]];
  for (const [entry, graph] of graphs.locals) bodies.push([functions.get(entry) as Index, writeLocal(parts, graph)]);
  for (const [fn, code] of bodies) {
    if (code.length > MAX_FUNCTION) return { ok: false, unsupported: `a function of ${code.length} bytes` };
    module.body(fn, code);
  }
  const repeat = module.function(module.type([TYPE.I32, TYPE.I32, TYPE.I32], [TYPE.I32]));
  module.body(repeat, writeRepeat(main, core.has(RECLAIM) ? parts : undefined));
  module.exportFunction(MAIN, main);
  module.exportFunction(REPEAT, repeat);
  if (options.entry) exportEntry(parts);
  if (options.packetFields !== undefined) {
    exportBatch(parts, main, options.packetFields, core.has(RECLAIM));
    exportCall(parts, main, graphs.main, core.has(RECLAIM));
  }
  if (
    options.mode !== 'checked' &&
    has(program, (op, slot) => op === CALL_HELPER && program.imm[slot] === SETS_CALLBACK)
  )
    for (const entry of parts.callbacks) exportCallback(parts, entry);
  const all = [graphs.main, ...graphs.locals.values()];
  const loops = all.some(({ isLoop }) => isLoop.includes(1));
  const mayTakeLong = callbacks.length > 0 || (loops && graphs.locals.size > 0);
  return {
    ok: true,
    bytes: module.encode(),
    helpers,
    core: [...core.keys()],
    quick: [...quick.keys()],
    mayEnd: tailCalls,
    mayTakeLong,
  };
}

interface Graphs {
  readonly main: FlowGraph;
  /** Sub-programs that can be reached, by their first slots. An unverified program may call its main program too. */
  readonly locals: ReadonlyMap<number, FlowGraph>;
}

/** @param entry whether the main program is one of them */
function allFunctions(program: Program, entry: boolean): Graphs {
  const locals = new Map<number, FlowGraph>();
  const main = flowGraph(program, 0);
  const work = calledFrom(program, main);
  if (entry) work.push(0);
  for (let entry = work.pop(); entry !== undefined; entry = work.pop()) {
    if (locals.has(entry)) continue;
    const graph = entry === 0 ? main : flowGraph(program, entry);
    locals.set(entry, graph);
    work.push(...calledFrom(program, graph));
  }
  return { main, locals };
}

/** First slots of the sub-programs that a function calls, or whose address it loads. */
function calledFrom({ op, off, src, file, functionLoads }: Program, graph: FlowGraph): number[] {
  const called = new Set<number>();
  for (const { start, last } of graph.blocks) {
    for (let at = start; at < last; at += width(op[at])) {
      if (op[at] === CANONICAL.CALL_LOCAL) called.add(off[at]);
      if (functionLoads.has(at)) called.add(file[src[at]]);
    }
  }
  return [...called];
}

function has(
  { length, op }: Pick<Program, 'length' | 'op'>,
  predicate: (op: number, slot: number) => boolean,
): boolean {
  for (let slot = 0; slot < length; slot += width(op[slot])) if (predicate(op[slot], slot)) return true;
  return false;
}

const CALL_HELPER = CLASS.JMP | JMP.CALL;
const CALL_REGISTER = 0x8d;
/** bpf_timer_set_callback. */
const SETS_CALLBACK = 170;

function helperImports({ length, op, imm, helpers }: Program, { mode }: JitOptions): HelperImport[] {
  const found = new Map<number, HelperImport>();
  for (let slot = 0; slot < length; slot += width(op[slot])) {
    if (op[slot] !== CALL_HELPER || helpers[slot] === undefined || found.has(imm[slot])) continue;
    if (isCallingHelper(imm[slot])) continue;
    found.set(imm[slot], { id: imm[slot], slot, args: argumentsOf(mode, imm[slot]) });
  }
  return [...found.values()];
}

/** Functions of the machine that the code may call. */
function neededFunctions(program: Program, options: JitOptions): FunctionName[] {
  const names: FunctionName[] = ['invalid'];
  if (options.mode === 'checked') names.push('check', 'enter', 'leave');
  else if (options.mode === 'hardened') names.push('check', 'tooDeep');
  if (options.mode !== 'checked' && options.narrow !== undefined) names.push('narrow');
  if (options.narrow !== undefined) names.push('kept');
  if (options.packetFields !== undefined) names.push('setUp');
  if (options.fuel) names.push('outOfFuel');
  if (options.budget) names.push('outOfBudget');
  if (has(program, isPacketLoad)) names.push('packet');
  if (has(program, (op) => op === (CLASS.JMP | JMP.JCOND))) names.push('mayGoto');
  if (options.mode === 'checked' && hasTailCalls(program)) names.push('tailCall');
  if (has(program, (op, slot) => op === CALL_HELPER && isCallingHelper(program.imm[slot])))
    names.push('firstCall', 'nextCall', 'endlessChain');
  if (has(program, (op) => op === CALL_REGISTER)) names.push('callRegister');
  if (has(program, (op, slot) => op === CALL_HELPER && program.helpers[slot] === undefined))
    names.push('unknownHelper');
  return names;
}

function isPacketLoad(op: number): boolean {
  const mode = op & 0xe0;
  return (op & 7) === CLASS.LD && (mode === MODE.ABS || mode === MODE.IND);
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
  module.body(call, isShort && !reclaims ? writeMain(parts, graph, true) : writeCall(parts, main, reclaims));
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

/** @param asCall as `CALL`: of a context alone, which the machine may have to be asked about first */
function writeMain(parts: ModuleParts, graph: FlowGraph, asCall = false): Code {
  const params = asCall ? [1] : [1, 2];
  const code = new Code(params.length);
  if (asCall) askWhereOthersRan(code, parts, 0);
  const registers = Array.from({ length: REGISTERS }, () => code.local(TYPE.I64));
  const f = new FunctionWriter(code, parts, true, registers, factsOf(parts, graph, parts.options.stackDepth));
  params.forEach((register, param) => {
    code.get(param);
    f.op(OP.i64_extend_i32_u);
    f.setRegister(register);
  });
  const { area, frameTop, budget } = parts.options;
  code.i64(frameTop, 0);
  f.setRegister(FRAME_POINTER);
  if (budget) {
    code.i32(area);
    code.access(ACCESS.i64_load, AREA.BUDGET);
    code.globalSet(parts.globals.budget);
  }
  if (parts.options.mode !== 'checked' && hasTailCalls(parts.program)) {
    code.i32(area);
    code.i32(0);
    code.access(ACCESS.i32_store, AREA.TAIL_CALLS);
  }
  zeroFrame(f);
  loadFuel(f);
  writeBlocks(f, graph);
  return code;
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

function writeLocal(parts: ModuleParts, graph: FlowGraph): Code {
  const { params } = convention(parts.options.mode);
  const code = new Code(params.length);
  const registers = Array.from({ length: REGISTERS }, (_, n) => {
    const param = params.indexOf(n);
    return param >= 0 ? param : code.local(TYPE.I64);
  });
  const f = new FunctionWriter(code, parts, false, registers, factsOf(parts, graph, MAX_BPF_STACK));
  if (parts.options.mode === 'hardened') writeFrameGuard(f, registers[FRAME_POINTER], graph.blocks[0].start);
  zeroFrame(f);
  loadFuel(f);
  writeBlocks(f, graph);
  return code;
}

/** A function in the place of a call, with its registers set. */
function writeInlined(at: InlinedAt, registers: readonly Index[], graph: FlowGraph): void {
  const { code, parts } = at.caller;
  const facts = factsOf(parts, graph, MAX_BPF_STACK, at.callers);
  const f = new FunctionWriter(code, parts, false, registers, facts, at);
  f.clearSlots();
  zeroFrame(f);
  writeBlocks(f, graph);
}

function writeBlocks(f: FunctionWriter, graph: FlowGraph): void {
  // In mode `checked` each block is paid for by itself.
  const written = f.options.mode === 'checked' ? graph : withSelects(f.program, graph);
  writeStructured(f.code, written, new ProgramBlocks(f, written));
}

/** @param callers promoted slots of the caller that the function accesses */
function factsOf(
  { program, options, inlined }: ModuleParts,
  graph: FlowGraph,
  frame: number,
  callers?: ReadonlyMap<number, number>,
): FunctionFacts | undefined {
  return options.mode !== 'checked' ? functionFacts(program, graph, options, frame, inlined, callers) : undefined;
}

/** Zero what the function may use of its frame, in mode `checked` the machine does it. */
function zeroFrame(f: FunctionWriter): void {
  const { code } = f;
  const bytes = Math.min(MAX_BPF_STACK, Math.ceil((f.facts?.frameSize ?? 0) / 8) * 8);
  if (bytes === 0) return;
  const address = f.scratch(TYPE.I32);
  f.getRegister(FRAME_POINTER);
  f.op(OP.i32_wrap_i64);
  code.i32(bytes);
  f.op(OP.i32_sub);
  if (bytes > UNROLLED_ZEROES) {
    code.i32(0);
    code.i32(bytes);
    return code.fill();
  }
  code.set(address);
  for (let at = 0; at < bytes; at += 8) {
    code.get(address);
    code.i64(0, 0);
    code.access(ACCESS.i64_store, at);
  }
}

/** The blocks of one function. */
class ProgramBlocks implements BlockWriter {
  readonly #f: FunctionWriter;
  readonly #graph: FlowGraph;
  readonly #fuel: Int32Array | undefined;
  /** Locals of wide loads. */
  readonly #wideLoads: Parameters<typeof writeWide>[2] = new Map();

  constructor(f: FunctionWriter, graph: FlowGraph) {
    this.#f = f;
    this.#graph = graph;
    this.#fuel = f.options.fuel ? fuelOfBlocks(graph) : undefined;
  }

  body(block: number): void {
    const { start, last, end, select } = this.#graph.blocks[block];
    const { op } = this.#f.program;
    const behind = end === 'fall' ? last : last + 1;
    const cost = this.#fuel?.[block] ?? 0;
    if (cost > 0) writeBurn(this.#f, start, cost);
    let paid = start;
    for (let at = start; at < last; at += width(op[at])) {
      if (at === paid) paid = this.#pay(at, behind);
      if (writeWide(this.#f, at, this.#wideLoads)) continue;
      if (writeExtension(this.#f, at, last) || writeSwappedLoad(this.#f, at, last)) at++;
      else writeInstruction(this.#f, at);
    }
    if (end !== 'fall' && paid === last) this.#pay(last, behind);
    if (select !== undefined) writeSelect(this.#f, start, last, select);
  }

  condition(block: number): void {
    writeCondition(this.#f, this.#graph.blocks[block].last);
  }

  leave(block: number): void {
    const f = this.#f;
    const { end, last } = this.#graph.blocks[block];
    if (end === 'exit') return writeExit(f);
    f.code.i32(last);
    f.code.call(f.parts.imports.of('invalid'));
    f.code.unreachable();
  }

  /**
   * Take the instructions from `at` on from the budget, up to one that may trap: so the budget traps where the
   * interpreter's does, and no sooner than another trap. @returns the slot behind those that were paid
   */
  #pay(at: number, behind: number): number {
    const f = this.#f;
    const { op } = f.program;
    let slot = at;
    let count = 0;
    for (let last = false; slot < behind && !last; slot += width(op[slot]), count++) last = mayTrap(op[slot]);
    if (!f.options.budget) return slot;
    const { code } = f;
    const { budget } = f.parts.globals;
    code.globalGet(budget);
    code.i64(count, 0);
    f.op(OP.i64_sub);
    code.globalSet(budget);
    code.globalGet(budget);
    code.i64(0, 0);
    f.op(OP.i64_lt_s);
    code.if();
    code.i32(at);
    code.globalGet(budget);
    f.op(OP.i32_wrap_i64);
    code.i32(count);
    f.op(OP.i32_add);
    code.call(f.parts.imports.of('outOfBudget'));
    code.end();
    return slot;
  }
}

/** Memory accesses, calls, packet loads, and what cannot run. */
function mayTrap(op: number): boolean {
  const cls = op & 7;
  if (op === CANONICAL.CALL_LOCAL || op === CALL_HELPER || op === CALL_REGISTER) return true;
  if (op === CANONICAL.TAIL_CALL) return true;
  return isAccess(op) || (cls === CLASS.LD && op !== LD_IMM64) || op === CANONICAL.INVALID;
}

/** Everything but jumps. */
function writeInstruction(f: FunctionWriter, at: number): void {
  const op = f.program.op[at];
  switch (op & 7) {
    case CLASS.ALU:
    case CLASS.ALU64:
      return writeAlu(f, at);
    case CLASS.LDX:
      return writeLoad(f, at);
    case CLASS.STX:
      return (op & 0xe0) === MODE.ATOMIC ? writeAtomic(f, at) : writeStore(f, at);
    case CLASS.LD:
      if (op !== LD_IMM64) return loadPacket(f, at);
      f.src64(at);
      return f.setDst64(at);
  }
  if (op === CANONICAL.CALL_LOCAL) return callLocal(f, at);
  if (op === CALL_REGISTER) return callRegister(f, at);
  if (op === CANONICAL.TAIL_CALL) return writeTailCall(f, at);
  if (isCallingHelper(f.program.imm[at]) && f.program.helpers[at] !== undefined) return writeCallingHelper(f, at);
  return callHelper(f, at);
}
