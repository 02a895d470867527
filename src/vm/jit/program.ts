/**
 * A whole program as one WebAssembly module: the main program and each sub-program are functions, everything they share
 * is imported from the machine. What is not supported is named; the interpreter runs it then.
 */
import { CLASS, JMP, MODE } from '../../isa/index.ts';
import { ModuleWriter, TYPE } from '../../wasm/index.ts';
import type { Code, Index } from '../../wasm/index.ts';
import { CANONICAL } from '../compile.ts';
import { isCallingHelper } from './callbacks.ts';
import { argumentsOf, convention, registerTypes } from './calls.ts';
import { exportEntrances } from './entrances.ts';
import { flowGraph, width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import { writeInlined, writeLocal, writeMain } from './function-body.ts';
import type { ModuleParts, Program } from './function-writer.ts';
import { quickImports } from './helper-calls.ts';
import { Imports } from './imports.ts';
import type { FunctionName, HelperImport } from './imports.ts';
import { inlinedFunctions } from './inline.ts';
import { CALL_HELPER, CALL_REGISTER, KNOWN_OPCODES } from './known-opcodes.ts';
import { RECLAIM, coreImports } from './map-calls.ts';
import type { JitOptions } from './options.ts';

/** Longest function that V8 compiles, in bytes. @source V8's wasm-limits.h, kV8MaxWasmFunctionSize */
const MAX_FUNCTION = 7_654_321;

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
  const parts: ModuleParts = {
    module,
    program,
    options,
    imports,
    globals,
    functions,
    tailCalls,
    callbacks: [...new Set(callbacks)].filter((entry) => functions.has(entry)),
    made: new Map(),
    inlined: options.mode === 'verified' ? inlinedFunctions(program, graphs.main, graphs.locals) : new Map(),
    writeInlined,
  };
  const bodies: [Index, Code][] = [[main, writeMain(parts, graphs.main)]];
  for (const [entry, graph] of graphs.locals) bodies.push([functions.get(entry) as Index, writeLocal(parts, graph)]);
  for (const [fn, code] of bodies) {
    if (code.length > MAX_FUNCTION) return { ok: false, unsupported: `a function of ${code.length} bytes` };
    module.body(fn, code);
  }
  const timers = has(program, (op, slot) => op === CALL_HELPER && program.imm[slot] === SETS_CALLBACK);
  exportEntrances(parts, main, graphs.main, core.has(RECLAIM), timers);
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
