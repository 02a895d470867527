/**
 * `bpf_redirect`, and `bpf_redirect_map` of arrays of devices or CPUs that are known, in WebAssembly: what the program gets is
 * the verdict, as src/helpers/redirect.ts has it, which does all that is not plain.
 */
import { MAP_TYPE } from '../../uapi/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { FunctionWriter } from './function-writer.ts';

const REDIRECT = 23;
const REDIRECT_MAP = 51;
const [XDP_REDIRECT, TC_REDIRECT] = [4, 7];
/** Flags that are the verdict where there is no target. */
const FALLBACK = 3;
const TARGETS: ReadonlySet<number> = new Set([MAP_TYPE.DEVMAP, MAP_TYPE.CPUMAP]);

/** @param ask writes the call of the helper. @returns false: the call at `at` is another one */
export function writeRedirect(f: FunctionWriter, at: number, ask: () => void): boolean {
  const { program, options } = f;
  if (options.mode !== 'verified') return false;
  if (program.imm[at] === REDIRECT) redirect(f, ask);
  else if (program.imm[at] === REDIRECT_MAP) return redirectMap(f, at, ask);
  else return false;
  return true;
}

/** `(device, flags)` */
function redirect(f: FunctionWriter, ask: () => void): void {
  const isXdp = f.options.packetFields !== undefined;
  plainFlags(f, 2, 0, ask, () => {
    f.code.i64(isXdp ? XDP_REDIRECT : TC_REDIRECT, 0);
    f.setRegister(0);
  });
}

/** `(map, index, flags)` */
function redirectMap(f: FunctionWriter, at: number, ask: () => void): boolean {
  const address = f.facts?.maps.get(at);
  const map = address === undefined ? undefined : f.options.maps(address);
  if (map === undefined || !TARGETS.has(map.type)) return false;
  const { code } = f;
  const index = (): void => {
    f.getRegister(2);
    f.op(OP.i32_wrap_i64);
  };
  plainFlags(f, 3, FALLBACK, ask, () => {
    code.i64(XDP_REDIRECT, 0);
    f.getRegister(3);
    index();
    code.i32(map.maxEntries);
    f.op(OP.i32_lt_u);
    code.if(TYPE.I32);
    index();
    code.i32(map.elemSize);
    f.op(OP.i32_mul);
    code.access(ACCESS.i32_load, map.values);
    code.else();
    code.i32(0);
    code.end();
    f.op(OP.select);
    f.setRegister(0);
  });
  return true;
}

/** Write `plain` where the flags in a register are none beyond `most`. */
function plainFlags(f: FunctionWriter, register: number, most: number, ask: () => void, plain: () => void): void {
  f.getRegister(register);
  f.code.i64(most, 0);
  f.op(OP.i64_le_u);
  f.code.if();
  plain();
  f.code.else();
  ask();
  f.code.end();
}
