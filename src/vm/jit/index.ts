/** The JIT: programs to WebAssembly. */
export { flowGraph } from './flow-graph.ts';
export type { FlowGraph } from './flow-graph.ts';
export { BATCH_ENTRY } from './imports.ts';
export { JitMachine } from './machine.ts';
export type { HelperFunctions } from './helper-calls.ts';
export type { MapFunctions } from './map-calls.ts';
export type { CompiledProgram, CompileRequest, NotCompiled } from './compiled.ts';
export type { JitOptions, NarrowContextRange } from './options.ts';
export type { OtherPrograms } from './other-programs.ts';
