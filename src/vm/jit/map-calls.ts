/**
 * Helpers on maps as direct calls of the map core's functions: WebAssembly calls WebAssembly. Where the JIT knows which map it
 * is, that of the map's type; else one that looks at the type in the map's header. Mode `verified` only: nothing is checked
 * here, and a map that was tampered with is the core's business.
 */
import { MAP_TYPE } from '../../uapi/index.ts';
import { ACCESS, OP } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import { CANONICAL } from '../compile.ts';
import { arrayUpdate } from './array-update.ts';
import { bloomPeek } from './bloom-peek.ts';
import type { FunctionWriter, ModuleParts, Program } from './function-writer.ts';
import { width } from './flow-graph.ts';
import { hashReplace } from './hash-replace.ts';
import { AREA, CORE_WITHOUT_RESULT } from './imports.ts';
import { CALL_HELPER } from './known-opcodes.ts';
import type { JitOptions, MapShape } from './options.ts';

/** The functions of the map core, and what a machine must know of its state. */
export interface MapFunctions {
  readonly functions: Readonly<Record<string, (...args: number[]) => number | void>>;
  /** Address of the word that is not 0 while elements wait until no program runs; `reclaim` gives them back. */
  readonly pending: number;
}

/** What a machine asks about maps. */
export interface MapWorld {
  core(): MapFunctions;
  /** Number of the CPU. */
  cpu(): number;
}

/** What is handed to a function, as a word. */
interface Arg {
  /** A register; absent: the number of the CPU. */
  readonly register?: number;
  /** What does not fit a word becomes 2^32 - 1, which is no flag and no size either. */
  readonly wide?: boolean;
}

const MAP: Arg = { register: 1 };
const KEY: Arg = { register: 2 };
const VALUE: Arg = { register: 3 };
const CPU: Arg = {};
const word = (register: number): Arg => ({ register });
const wide = (register: number): Arg => ({ register, wide: true });
const FLAGS = wide(4);

/** One function of the core. */
interface CoreFunction {
  readonly name: string;
  readonly args: readonly Arg[];
}

interface MapHelper {
  /** Whether r0 is an address or another unsigned word, and not 0 or -errno. */
  readonly address: boolean;
  /** Where the map is unknown; absent: the helper does it. */
  readonly any?: CoreFunction;
  /** By the map's type; types that are missing are left to the helper. */
  readonly types: Readonly<Record<number, CoreFunction>>;
}

const {
  QUEUE,
  STACK,
  LPM_TRIE,
  BLOOM_FILTER,
  RINGBUF,
  HASH,
  ARRAY,
  PERCPU_HASH,
  PERCPU_ARRAY,
  LRU_HASH,
  LRU_PERCPU_HASH,
  ARRAY_OF_MAPS,
  HASH_OF_MAPS,
} = MAP_TYPE;
const fn = (name: string, ...args: Arg[]): CoreFunction => ({ name, args });

const LOOKUP = fn('map_lookup', MAP, KEY, CPU);
const PERCPU_LOOKUP = fn('map_lookup_percpu', MAP, KEY, word(3));
const DELETE = fn('hash_delete', MAP, KEY);
const LRU_DELETE = fn('lru_hash_delete', MAP, KEY);

/** Helpers whose second argument is a value. */
function onQueues(callee: CoreFunction, onFilter?: CoreFunction): MapHelper {
  const types = { [QUEUE]: callee, [STACK]: callee };
  return { address: false, types: onFilter === undefined ? types : { ...types, [BLOOM_FILTER]: onFilter } };
}

/** Helpers that work on rings only. */
function onRings(address: boolean, callee: CoreFunction): MapHelper {
  return { address, any: callee, types: { [RINGBUF]: callee } };
}

/** By the helper's number. */
const HELPERS: Readonly<Record<number, MapHelper>> = {
  1: {
    address: true,
    any: LOOKUP,
    types: {
      [HASH]: fn('hash_lookup', MAP, KEY),
      [ARRAY]: fn('array_lookup', MAP, KEY),
      [PERCPU_HASH]: fn('percpu_hash_lookup', MAP, KEY, CPU),
      [PERCPU_ARRAY]: fn('percpu_array_lookup', MAP, KEY, CPU),
      [LRU_HASH]: fn('lru_hash_lookup', MAP, KEY),
      [LRU_PERCPU_HASH]: fn('lru_percpu_hash_lookup', MAP, KEY, CPU),
      [LPM_TRIE]: fn('lpm_lookup', MAP, KEY),
      [ARRAY_OF_MAPS]: LOOKUP,
      [HASH_OF_MAPS]: LOOKUP,
    },
  },
  2: {
    address: false,
    any: fn('map_update', MAP, KEY, VALUE, FLAGS, CPU),
    types: {
      [HASH]: fn('hash_update', MAP, KEY, VALUE, FLAGS),
      [ARRAY]: fn('array_update', MAP, KEY, VALUE, FLAGS),
      [PERCPU_HASH]: fn('percpu_hash_update', MAP, KEY, VALUE, FLAGS, CPU),
      [PERCPU_ARRAY]: fn('percpu_array_update', MAP, KEY, VALUE, FLAGS, CPU),
      [LRU_HASH]: fn('lru_hash_update', MAP, KEY, VALUE, FLAGS, CPU),
      [LRU_PERCPU_HASH]: fn('lru_percpu_hash_update', MAP, KEY, VALUE, FLAGS, CPU),
      [LPM_TRIE]: fn('lpm_update', MAP, KEY, VALUE, FLAGS),
    },
  },
  3: {
    address: false,
    any: fn('map_delete', MAP, KEY),
    types: {
      [HASH]: DELETE,
      [PERCPU_HASH]: DELETE,
      [LRU_HASH]: LRU_DELETE,
      [LRU_PERCPU_HASH]: LRU_DELETE,
      [LPM_TRIE]: fn('lpm_delete', MAP, KEY),
    },
  },
  87: onQueues(fn('queue_push', MAP, KEY, wide(3)), fn('bloom_push', MAP, KEY, wide(3))),
  88: onQueues(fn('queue_pop', MAP, KEY)),
  89: onQueues(fn('queue_peek', MAP, KEY), fn('bloom_peek', MAP, KEY)),
  130: onRings(false, fn('ringbuf_output', MAP, word(2), word(3), wide(4))),
  131: onRings(true, fn('ringbuf_reserve', MAP, wide(2), wide(3))),
  132: onRings(false, fn('ringbuf_submit', word(1), wide(2))),
  133: onRings(false, fn('ringbuf_discard', word(1), wide(2))),
  134: onRings(true, fn('ringbuf_query', MAP, wide(2))),
  195: {
    address: true,
    any: PERCPU_LOOKUP,
    types: { [PERCPU_HASH]: PERCPU_LOOKUP, [PERCPU_ARRAY]: PERCPU_LOOKUP, [LRU_PERCPU_HASH]: PERCPU_LOOKUP },
  },
};

/** Functions of the core that are made for a map that is known, without their first argument; see there for which maps. */
const MADE: Readonly<Record<string, (parts: ModuleParts, shape: MapShape) => Index | undefined>> = {
  hash_update: hashReplace,
  array_update: arrayUpdate,
  percpu_array_update: arrayUpdate,
  bloom_peek: bloomPeek,
};

export const RECLAIM = 'reclaim';
/** Takes a word and gives nothing. */
export const ENLIST = 'enlist';

/** Functions of the core that the calls of a program may need, by name, with how many words they take. */
export function coreImports(program: Program, { mode, core }: JitOptions): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  if (mode !== 'verified' || core === undefined) return found;
  for (let slot = 0; slot < program.length; slot += width(program.op[slot])) {
    // Other programs may leave elements behind.
    if (program.op[slot] === CANONICAL.TAIL_CALL) found.set(RECLAIM, 0);
    const helper = program.op[slot] === CALL_HELPER ? HELPERS[program.imm[slot]] : undefined;
    if (helper === undefined) continue;
    for (const { name, args } of [...(helper.any ? [helper.any] : []), ...Object.values(helper.types)])
      found.set(name, args.length);
    if (!helper.address) found.set(RECLAIM, 0).set(ENLIST, 1);
  }
  return found;
}

/** Write the call at `at` as a call of the core. @returns false: it is not one that is known here */
export function writeMapCall(f: FunctionWriter, at: number): boolean {
  const helper = HELPERS[f.program.imm[at]];
  if (helper === undefined || f.options.mode !== 'verified' || f.options.core === undefined) return false;
  const address = f.facts?.maps.get(at);
  const shape = address === undefined ? undefined : f.options.maps(address);
  const outer = f.facts?.outerMaps.get(at);
  const known = shape ?? (outer === undefined ? undefined : f.options.maps(outer).inner);
  const callee = known === undefined ? helper.any : helper.types[known.type];
  if (callee === undefined || (known?.hasFields && !helper.address)) return false;
  const made = shape === undefined ? undefined : MADE[callee.name]?.(f.parts, shape);
  for (const arg of callee.args) if (made === undefined || arg !== MAP) writeArgument(f, arg, address);
  f.code.call(made ?? f.parts.imports.core(callee.name));
  if (CORE_WITHOUT_RESULT.has(callee.name)) f.code.i64(0, 0);
  else f.op(helper.address ? OP.i64_extend_i32_u : OP.i64_extend_i32_s);
  f.setRegister(0);
  return true;
}

function writeArgument(f: FunctionWriter, arg: Arg, map: number | undefined): void {
  const { code } = f;
  if (arg === MAP && map !== undefined) return code.i32(map);
  const { register } = arg;
  if (register === undefined) {
    code.i32(f.options.area);
    return code.access(ACCESS.i32_load, AREA.CPU);
  }
  f.getRegister(register);
  f.op(OP.i32_wrap_i64);
  if (!arg.wide) return;
  code.i32(-1);
  f.getRegister(register);
  code.i64(32, 0);
  f.op(OP.i64_shr_u);
  f.op(OP.i64_eqz);
  f.op(OP.select);
}
