/** The body of a function of a program: its registers, its frame, its blocks, and which file writes which instruction. */
import { CLASS, LD_IMM64, MODE } from '../../isa/index.ts';
import { MAX_BPF_STACK } from '../../uapi/index.ts';
import { ACCESS, Code, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import { CANONICAL } from '../compile.ts';
import { writeAlu, writeExtension } from './alu.ts';
import { writeSwappedLoad, writeSwappedShift } from './byte-order.ts';
import { isCallingHelper, writeCallingHelper } from './callbacks.ts';
import { callHelper, callLocal, callRegister, convention, loadPacket, writeExit } from './calls.ts';
import { writeCondition } from './condition.ts';
import { width } from './flow-graph.ts';
import type { FlowGraph } from './flow-graph.ts';
import { functionFacts } from './frame.ts';
import type { FunctionFacts } from './frame.ts';
import { fuelOfBlocks, loadFuel, writeBurn } from './fuel.ts';
import { writeFrameGuard } from './guard.ts';
import { FRAME_POINTER, FunctionWriter, REGISTERS } from './function-writer.ts';
import type { InlinedAt, ModuleParts } from './function-writer.ts';
import { AREA } from './imports.ts';
import { CALL_HELPER, CALL_REGISTER } from './known-opcodes.ts';
import { isAccess, writeAtomic, writeLoad, writeStore } from './memory.ts';
import { withSelects, writeSelect } from './select.ts';
import { writeStructured } from './structure.ts';
import type { BlockWriter } from './structure.ts';
import { writeTailCall } from './tail-call.ts';
import { writeWide } from './wide-loads.ts';

/** Two instructions that are written as one: each answers whether it was so. */
const PAIRS = [writeExtension, writeSwappedShift, writeSwappedLoad];
/** Frames of at most so many bytes are zeroed word by word. */
const UNROLLED_ZEROES = 128;

/** @param prepare where it is `CALL`, which takes a context alone: writes what goes before */
export function writeMain(parts: ModuleParts, graph: FlowGraph, prepare?: (code: Code) => void): Code {
  const params = prepare ? [1] : [1, 2];
  const code = new Code(params.length);
  prepare?.(code);
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
  if (parts.options.mode !== 'checked' && parts.tailCalls) {
    code.i32(area);
    code.i32(0);
    code.access(ACCESS.i32_store, AREA.TAIL_CALLS);
  }
  zeroFrame(f);
  loadFuel(f);
  writeBlocks(f, graph);
  return code;
}

export function writeLocal(parts: ModuleParts, graph: FlowGraph): Code {
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
export function writeInlined(at: InlinedAt, registers: readonly Index[], graph: FlowGraph): void {
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
      if (PAIRS.some((write) => write(this.#f, at, last))) at++;
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
