/**
 * Helpers that compiled programs do without JavaScript: in place, or as calls of the helper core's functions, WebAssembly calling
 * WebAssembly. Most functions do the plain case of their helper only; where one answers ASK it has changed nothing, and the helper
 * is called after all. Modes `verified` and `hardened`; the latter only where no address of the program is touched.
 */
import { ACCESS, OP } from '../../wasm/index.ts';
import type { FunctionWriter, Program } from './function-writer.ts';
import { width } from './flow-graph.ts';
import { AREA } from './imports.ts';
import { CALL_HELPER } from './known-opcodes.ts';
import type { JitOptions } from './options.ts';
import { writeRedirect } from './redirect.ts';

/** The functions of the helper core, over the same memory. */
export interface HelperFunctions {
  readonly functions: Readonly<Record<string, (...args: number[]) => number | void>>;
  /** Address of HELPER_STATE. */
  readonly state: number;
}

/** What is handed to a function: an argument of the helper as a word, or a number. */
type Word = Argument | number;

interface Argument {
  readonly register: number;
  /** What does not fit a word becomes 2^32 - 1. */
  readonly wide?: boolean;
}

interface CoreCall {
  readonly name: string;
  /** The address of HELPER_STATE goes before them. */
  readonly state: boolean;
  readonly words: readonly Word[];
  readonly result: 'unsigned' | 'signed' | '0 or ASK';
  /** Whether it touches memory that the program names. */
  readonly pointers?: boolean;
}

/** Leaves the result on the stack as a word. */
type InPlace = (f: FunctionWriter) => void;

const low = (register: number): Argument => ({ register });
const wide = (register: number): Argument => ({ register, wide: true });
const onState = (name: string, ...words: Word[]): CoreCall => ({ name, state: true, words, result: '0 or ASK' });
const withMemory = (name: string, ...words: Word[]): CoreCall => ({ ...onState(name, ...words), pointers: true });

const zero: InPlace = (f) => f.code.i32(0);
const LOAD_BYTES = withMemory('load_bytes', low(2), low(3), low(4));

/** By the helper's number. */
const QUICK: Readonly<Record<number, CoreCall | InPlace>> = {
  7: { ...onState('get_prandom_u32'), result: 'unsigned' },
  /** get_smp_processor_id */
  8: (f) => {
    f.code.i32(f.options.area);
    f.code.access(ACCESS.i32_load, AREA.CPU);
  },
  /** skb_store_bytes */
  9: withMemory('store_bytes', low(2), low(3), low(4), wide(5)),
  /** l3_csum_replace, l4_csum_replace */
  10: onState('csum_replace', low(2), wide(3), low(4), wide(5), 0xf),
  11: onState('csum_replace', low(2), wide(3), low(4), wide(5), 0xff),
  /** skb_load_bytes */
  26: LOAD_BYTES,
  28: {
    name: 'csum_diff',
    state: false,
    words: [low(1), low(2), low(3), low(4), low(5)],
    result: 'unsigned',
    pointers: true,
  },
  39: onState('skb_pull_data', low(2)),
  /** get_numa_node_id: there is one. */
  42: zero,
  44: onState('xdp_adjust_head', low(2)),
  54: onState('xdp_adjust_meta', low(2)),
  65: onState('xdp_adjust_tail', low(2)),
  /** spin_lock, spin_unlock: one CPU runs, a lock is always free. */
  93: zero,
  94: zero,
  182: { name: 'strncmp', state: false, words: [low(1), low(2), low(3)], result: 'signed', pointers: true },
  188: { ...onState('xdp_get_buff_len'), result: 'unsigned' },
  189: LOAD_BYTES,
  190: withMemory('store_bytes', low(2), low(3), low(4), 0),
};

/** How the call at `at` is done; undefined: by the helper. */
function quickAt({ op, imm, helpers }: Program, at: number, options: JitOptions): CoreCall | InPlace | undefined {
  const { mode, quick } = options;
  if (op[at] !== CALL_HELPER || helpers[at] === undefined || mode === 'checked' || quick === undefined)
    return undefined;
  const call = QUICK[imm[at]];
  if (call === undefined || typeof call === 'function') return call;
  if (mode === 'hardened' && call.pointers) return undefined;
  return quick.functions[call.name] === undefined ? undefined : call;
}

/** Functions of the helper core that a program calls, by name, with how many words they take. */
export function quickImports(program: Program, options: JitOptions): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (let slot = 0; slot < program.length; slot += width(program.op[slot])) {
    const call = quickAt(program, slot, options);
    if (typeof call === 'object') found.set(call.name, call.words.length + Number(call.state));
  }
  return found;
}

/**
 * Write the call at `at` without its helper.
 * @param ask writes the call of the helper
 * @returns false: it is not one that is known here
 */
export function writeHelperCall(f: FunctionWriter, at: number, ask: () => void): boolean {
  if (writeRedirect(f, at, ask)) return true;
  const call = quickAt(f.program, at, f.options);
  if (call === undefined) return false;
  if (typeof call === 'function') {
    call(f);
    setWord(f, true);
    return true;
  }
  const { code } = f;
  if (call.state) code.i32(f.options.quick?.state ?? 0);
  for (const word of call.words) writeWord(f, word);
  code.call(f.parts.imports.quick(call.name));
  if (call.result !== '0 or ASK') {
    setWord(f, call.result === 'unsigned');
    return true;
  }
  code.if();
  ask();
  code.else();
  code.i64(0, 0);
  f.setRegister(0);
  code.end();
  return true;
}

/** r0 from the word on the stack. */
function setWord(f: FunctionWriter, unsigned: boolean): void {
  f.op(unsigned ? OP.i64_extend_i32_u : OP.i64_extend_i32_s);
  f.setRegister(0);
}

function writeWord(f: FunctionWriter, word: Word): void {
  if (typeof word === 'number') return f.code.i32(word);
  const { register, wide } = word;
  f.getRegister(register);
  f.op(OP.i32_wrap_i64);
  if (!wide) return;
  f.code.i32(-1);
  f.getRegister(register);
  f.code.i64(32, 0);
  f.op(OP.i64_shr_u);
  f.op(OP.i64_eqz);
  f.op(OP.select);
}
