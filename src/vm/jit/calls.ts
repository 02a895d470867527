/**
 * Calls of helpers and of sub-programs, loads from the packet, and the end of a function. In mode `checked` registers are
 * handed over as the interpreter does it, whatever an unverified program makes of them: a sub-program sees all of them and
 * gives r0-r5 back, and r1-r5 are POISON after a helper.
 */
import { helperArgCount } from '../../contracts/index.ts';
import { SIZE } from '../../isa/index.ts';
import { HELPER_STATE } from '../../memory/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { ValueType } from '../../wasm/index.ts';
import { POISON } from '../interpreter.ts';
import { swap16, swap32 } from './byte-order.ts';
import { loadFuel, saveFuel } from './fuel.ts';
import { FRAME_POINTER } from './function-writer.ts';
import type { FunctionWriter } from './function-writer.ts';
import { guardLookup } from './guard.ts';
import { AREA, FRAME_STRIDE, MAX_ARGUMENTS } from './imports.ts';
import { writeHelperCall } from './helper-calls.ts';
import { inlineCall } from './inline.ts';
import { writeLookup } from './lookup.ts';
import { writeMapCall } from './map-calls.ts';
import type { JitOptions } from './options.ts';

/** Registers that a sub-program takes, the frame pointer its own, and that it gives back. */
interface Convention {
  readonly params: readonly number[];
  readonly results: readonly number[];
}

const CONVENTIONS: Readonly<Record<JitOptions['mode'], Convention>> = {
  checked: { params: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, FRAME_POINTER], results: [0, 1, 2, 3, 4, 5] },
  verified: { params: [1, 2, 3, 4, 5, FRAME_POINTER], results: [0] },
  hardened: { params: [1, 2, 3, 4, 5, FRAME_POINTER], results: [0] },
};

export function convention(mode: JitOptions['mode']): Convention {
  return CONVENTIONS[mode];
}

/** `n` registers as WebAssembly types. */
export function registerTypes(registers: readonly number[]): ValueType[] {
  return registers.map(() => TYPE.I64);
}

/** Call of the helper that the instruction names. */
export function callHelper(f: FunctionWriter, at: number): void {
  const { helpers, imm } = f.program;
  const { imports } = f.parts;
  if ((f.options.mode !== 'hardened' || guardLookup(f, at)) && writeLookup(f, at)) return;
  if (writeMapCall(f, at)) return;
  if (helpers[at] === undefined) {
    f.code.i32(at);
    f.code.i32(imm[at]);
    f.code.call(imports.of('unknownHelper'));
    return f.code.unreachable();
  }
  if (!writeHelperCall(f, at, () => askHelper(f, at))) askHelper(f, at);
}

/** Call of what is written in JavaScript. */
function askHelper(f: FunctionWriter, at: number): void {
  const { imm } = f.program;
  const { imports } = f.parts;
  f.code.i32(at);
  for (let n = 1; n <= argumentsOf(f.options.mode, imm[at]); n++) f.words(n);
  f.code.call(imports.helper(imm[at]));
  f.setResult(f.options.area + AREA.HELPER_HIGH);
  poison(f);
}

/** bpf_trace_printk: its format says how many arguments it has. */
const TRACE_PRINTK = 6;

/** Arguments that a helper is given: what it takes, or all. */
export function argumentsOf(mode: JitOptions['mode'], id: number): number {
  return mode === 'checked' || id === TRACE_PRINTK ? MAX_ARGUMENTS : helperArgCount(id, 0);
}

/** Call of the helper whose number is in a register. */
export function callRegister(f: FunctionWriter, at: number): void {
  f.code.i32(at);
  f.words(f.program.dst[at] >> 1);
  for (let n = 1; n <= MAX_ARGUMENTS; n++) f.words(n);
  f.code.call(f.parts.imports.of('callRegister'));
  f.setResult(f.options.area + AREA.HELPER_HIGH);
  poison(f);
}

/** r1-r5 after a call, in mode `checked`. */
export function poison(f: FunctionWriter): void {
  if (f.options.mode !== 'checked') return;
  for (let n = 1; n <= MAX_ARGUMENTS; n++) {
    f.code.i64(POISON, POISON);
    f.setRegister(n);
  }
}

/** Call of a sub-program. */
export function callLocal(f: FunctionWriter, at: number): void {
  const { code, parts } = f;
  const result = inlineCall(f, at, f.program.off[at], (n) => f.getRegister(n));
  if (result !== undefined) {
    code.get(result);
    return f.setRegister(0);
  }
  const { params, results } = convention(f.options.mode);
  for (const n of params) if (n !== FRAME_POINTER) f.getRegister(n);
  if (f.options.mode === 'checked') {
    code.i32(at);
    code.call(parts.imports.of('enter'));
    f.op(OP.i64_extend_i32_u);
  } else {
    f.getRegister(FRAME_POINTER);
    code.i64(FRAME_STRIDE, 0);
    f.op(OP.i64_add);
  }
  saveFuel(f);
  code.call(parts.functions.get(f.program.off[at]) as number);
  loadFuel(f);
  for (const n of results.toReversed()) f.setRegister(n);
}

/** `exit`. */
export function writeExit(f: FunctionWriter): void {
  if (f.end !== undefined) return f.code.br(f.end);
  saveFuel(f);
  if (f.isMain) return endProgram(f);
  const { mode } = f.options;
  if (mode === 'checked') f.code.call(f.parts.imports.of('leave'));
  for (const n of convention(mode).results) f.getRegister(n);
  f.op(OP.return);
}

/** End the main program with r0. */
function endProgram(f: FunctionWriter): void {
  f.code.i32(f.options.area);
  f.getRegister(0);
  f.code.access(ACCESS.i64_store, AREA.RESULT);
  f.getRegister(0);
  f.op(OP.i32_wrap_i64);
  f.op(OP.return);
}

/** `LD_ABS`, `LD_IND`: r0 from the packet, big-endian; outside of it the function ends with 0. */
export function loadPacket(f: FunctionWriter, at: number): void {
  const { op, src, imm } = f.program;
  const { code } = f;
  const size = op[at] & 0x18;
  const bytes = size === SIZE.W ? 4 : size === SIZE.H ? 2 : 1;
  const isIndirect = (op[at] & 0x40) !== 0;
  const offset = isIndirect ? f.scratch(TYPE.I32) : undefined;
  if (offset !== undefined) {
    f.getRegister(src[at] >> 1);
    f.op(OP.i32_wrap_i64);
    code.i32(imm[at]);
    f.op(OP.i32_add);
    code.set(offset);
  }
  packetAddress(f, bytes, () => (offset === undefined ? code.i32(imm[at]) : code.get(offset)));
  const address = f.scratch(TYPE.I32);
  code.tee(address);
  f.op(OP.i32_eqz);
  code.if();
  code.i64(0, 0);
  f.setRegister(0);
  writeExit(f);
  code.end();
  code.get(address);
  code.access(size === SIZE.W ? ACCESS.i32_load : size === SIZE.H ? ACCESS.i32_load16_u : ACCESS.i32_load8_u, 0);
  if (size === SIZE.W) swap32(f);
  else if (size === SIZE.H) swap16(f, true);
  f.op(OP.i64_extend_i32_u);
  f.setRegister(0);
  poison(f);
}

/** The address of bytes at an offset in the packet, or 0: the machine is asked where they are not simply inside. */
function packetAddress(f: FunctionWriter, bytes: number, offset: () => void): void {
  const { code, parts, options } = f;
  const ask = (): void => {
    offset();
    code.i32(bytes);
    code.call(parts.imports.of('packet'));
  };
  if (options.mode === 'checked' || options.quick === undefined) return ask();
  const { state } = options.quick;
  offset();
  f.op(OP.i64_extend_i32_u);
  code.i64(bytes, 0);
  f.op(OP.i64_add);
  code.i32(state);
  code.access(ACCESS.i64_load32_u, HELPER_STATE.LENGTH);
  f.op(OP.i64_le_u);
  code.if(TYPE.I32);
  code.i32(state);
  code.access(ACCESS.i32_load, HELPER_STATE.DATA);
  offset();
  f.op(OP.i32_add);
  code.else();
  ask();
  code.end();
}
