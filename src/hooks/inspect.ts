/** What engines make of a program, for people who want to look at it. */
import { flowGraph } from '../vm/index.ts';
import type { FlowGraph } from '../vm/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { contextOf } from './context.ts';
import { compiledBy } from './run.ts';

export interface ProgramInspection {
  /** The control flow of each function, by its first slot; blocks that are never reached are left out. */
  readonly functions: ReadonlyMap<number, FlowGraph>;
  /** The WebAssembly module; undefined: `notCompiled` says why. */
  readonly module: Uint8Array | undefined;
  readonly notCompiled: string | undefined;
}

export function inspectProgram(cpu: Cpu, image: ProgramImage): ProgramInspection {
  const { executable } = image;
  const entries = [...executable.functions].sort((a, b) => a - b);
  const functions = new Map(entries.map((entry) => [entry, flowGraph(executable, entry)]));
  const compiled = compiledBy(cpu, image, contextOf(cpu, image), {});
  if (compiled?.ok) return { functions, module: compiled.bytes, notCompiled: undefined };
  return { functions, module: undefined, notCompiled: compiled?.unsupported ?? 'engine jit is not in use' };
}
