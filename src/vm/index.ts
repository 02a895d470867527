/** Engines: the interpreter, and the form of programs that it runs. */
export { checkedAddress } from './access.ts';
export { setNumber, toBigInt } from './arithmetic.ts';
export { CALLING_HELPERS, LOOP, MAX_LOOPS } from './callbacks.ts';
export { compile } from './compile.ts';
export type { CompileOptions } from './compile.ts';
export type { Calls, Executable, HelperFn, HelperRegistry } from './executable.ts';
export { REGISTER_WORDS } from './executable.ts';
export { Interpreter, POISON } from './interpreter.ts';
export type { Context, TailCalls, World } from './interpreter.ts';
export { BATCH_ENTRY, JitMachine, flowGraph } from './jit/index.ts';
export type { HelperFunctions, MapFunctions } from './jit/index.ts';
export type { CompiledProgram, CompileRequest, FlowGraph, NotCompiled, OtherPrograms } from './jit/index.ts';
export { Meter } from './meter.ts';
export type { Budget } from './meter.ts';
export { packetAddress } from './packet.ts';
export type { Packet } from './packet.ts';
