/** Writer and printer of WebAssembly modules. It knows nothing of BPF and validates nothing. */
export { ByteWriter } from './bytes.ts';
export { Code } from './code.ts';
export type { Index, Label } from './code.ts';
export { ModuleWriter } from './module.ts';
export { ACCESS, CONTROL, OP, TYPE, VECTOR } from './opcodes.ts';
export type { AccessOp, Op, ValueType } from './opcodes.ts';
export { printModule } from './print.ts';
