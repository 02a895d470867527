/** Calls of a program's functions by their address, from the loops that helpers are. */
import { OP } from '../../wasm/index.ts';
import { convention } from './calls.ts';
import { loadFuel, saveFuel } from './fuel.ts';
import { FRAME_POINTER } from './function-writer.ts';
import type { FunctionWriter } from './function-writer.ts';
import { inlineCall } from './inline.ts';
import { FRAME_STRIDE, MAX_ARGUMENTS } from './imports.ts';

/**
 * Call the function whose first slot `target` leaves, with the registers that `argument` leaves, and r0 into a local.
 * @param known its first slot, where that is known before the run
 */
export function callFunction(
  f: FunctionWriter,
  at: number,
  target: () => void,
  argument: (n: number) => void,
  returned: number,
  known?: number,
): void {
  const { code, parts } = f;
  const { params, results } = convention(f.options.mode);
  const call = (entry: number): void => {
    const result = inlineCall(f, at, entry, argument);
    if (result !== undefined) {
      code.get(result);
      return code.set(returned);
    }
    for (const n of params) {
      if (n === FRAME_POINTER) continue;
      if (n >= 1 && n <= MAX_ARGUMENTS) argument(n);
      else f.getRegister(n);
    }
    calleeFrame(f, at);
    saveFuel(f);
    code.call(parts.functions.get(entry) as number);
    loadFuel(f);
    // r0 lies deepest, all others are lost.
    for (let n = results.length; n > 1; n--) f.op(OP.drop);
    code.set(returned);
  };
  if (known !== undefined) return call(known);
  const done = code.block();
  for (const entry of parts.callbacks) {
    target();
    code.i32(entry);
    f.op(OP.i32_eq);
    code.if();
    call(entry);
    code.br(done);
    code.end();
  }
  code.i32(at);
  code.call(parts.imports.of('invalid'));
  code.unreachable();
  code.end();
}

/** Top of the callee's frame. */
function calleeFrame(f: FunctionWriter, at: number): void {
  if (f.options.mode === 'checked') {
    f.code.i32(at);
    f.code.call(f.parts.imports.of('enter'));
    f.op(OP.i64_extend_i32_u);
  } else {
    f.getRegister(FRAME_POINTER);
    f.code.i64(FRAME_STRIDE, 0);
    f.op(OP.i64_add);
  }
}
