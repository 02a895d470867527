/**
 * A conformance program compiled to WebAssembly, every access checked: results and traps are the interpreter's, which also
 * runs what is not compiled yet.
 */
import type { Instruction } from '../isa/index.ts';
import { JitMachine } from '../vm/index.ts';
import { BUDGET, env, execute, interpret } from './exec-interp.ts';
import type { Outcome } from './exec-interp.ts';

const machine = new JitMachine(env);

/** Run a program on memory, which it may change. */
export function execJit(insns: readonly Instruction[], mem: Uint8Array | undefined): Outcome {
  return execute(insns, mem, (executable, r1, r2) => {
    const program = machine.compile(executable, { mode: 'checked', budget: true });
    if (!program.ok) return interpret(executable, r1, r2);
    machine.run(program, r1, r2, BUDGET);
    return machine.result;
  });
}
