/**
 * Helpers that call functions of the program. `bpf_loop` and, in elements.ts, `bpf_for_each_map_elem` are loops that call the
 * function directly; for the others the machine says before each call which registers it gets. A function's address is
 * its first slot.
 */
import { ERRNO } from '../../errors/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import { CALLING_HELPERS, FOR_EACH_MAP_ELEM, LOOP, MAX_LOOPS } from '../callbacks.ts';
import { callFunction } from './call-function.ts';
import { poison } from './calls.ts';
import { writeElements } from './elements.ts';
import type { FunctionWriter } from './function-writer.ts';
import { AREA, MAX_ARGUMENTS } from './imports.ts';

export function isCallingHelper(id: number): boolean {
  return CALLING_HELPERS.has(id);
}

/** The call at `at` of a helper that calls. */
export function writeCallingHelper(f: FunctionWriter, at: number): void {
  if (f.program.imm[at] === LOOP && f.options.mode !== 'checked') return writeLoop(f, at);
  if (f.program.imm[at] === FOR_EACH_MAP_ELEM && writeElements(f, at)) return;
  const { code } = f;
  const target = code.local(TYPE.I32);
  code.i32(at);
  code.i32(f.program.imm[at]);
  for (let n = 1; n <= MAX_ARGUMENTS; n++) f.words(n);
  code.call(f.parts.imports.of('firstCall'));
  code.set(target);
  const done = code.block();
  const again = code.loop();
  code.get(target);
  f.op(OP.i32_eqz);
  code.brIf(done);
  const returned = code.local(TYPE.I64);
  callFunction(
    f,
    at,
    () => code.get(target),
    (n) => {
      code.i32(f.options.area);
      code.access(ACCESS.i64_load, AREA.REGISTERS + 8 * n);
    },
    returned,
  );
  code.get(returned);
  f.op(OP.i32_wrap_i64);
  code.call(f.parts.imports.of('nextCall'));
  code.set(target);
  code.br(again);
  code.end();
  code.end();
  code.i32(f.options.area);
  code.access(ACCESS.i64_load, AREA.REGISTERS);
  f.setRegister(0);
  poison(f);
}

/** `bpf_loop(nr, function, ctx, flags)`: r0 is how many rounds there were, or -errno. */
function writeLoop(f: FunctionWriter, at: number): void {
  const { code } = f;
  const [round, end] = [code.local(TYPE.I64), code.local(TYPE.I64)];
  const returned = code.local(TYPE.I64);
  const done = code.block();
  code.i64(-ERRNO.EINVAL, -1);
  f.setRegister(0);
  f.getRegister(4);
  code.i64(0, 0);
  f.op(OP.i64_ne);
  code.brIf(done);
  // A loop of Linux's own takes all of r1, and has the error in the lower half only.
  const inlined = f.program.inlinedLoops.has(at);
  code.i64(-ERRNO.E2BIG, inlined ? 0 : -1);
  f.setRegister(0);
  f.getRegister(1);
  if (!inlined) {
    f.op(OP.i32_wrap_i64);
    f.op(OP.i64_extend_i32_u);
  }
  code.tee(end);
  code.i64(MAX_LOOPS, 0);
  f.op(OP.i64_gt_u);
  code.brIf(done);
  const ended = code.block();
  code.i64(0, 0);
  code.set(round);
  const again = code.loop();
  code.get(round);
  code.get(end);
  f.op(OP.i64_ge_u);
  code.brIf(ended);
  const argument = (n: number): void => {
    if (n === 1) code.get(round);
    else if (n === 2) f.getRegister(3);
    else code.i64(0, 0);
  };
  const known = f.facts?.callbacks.get(at);
  const target = (): void => {
    f.getRegister(2);
    f.op(OP.i32_wrap_i64);
  };
  callFunction(f, at, target, argument, returned, known);
  code.get(round);
  code.i64(1, 0);
  f.op(OP.i64_add);
  code.set(round);
  code.get(returned);
  f.op(OP.i64_eqz);
  code.brIf(again);
  code.end();
  code.end();
  code.get(round);
  f.setRegister(0);
  code.end();
}
