/**
 * What compiled code imports: the memory, and functions of the machine that runs it. The writer of code and the machine agree
 * through this file alone. All arguments and results are 32-bit numbers; a 64-bit one is two words, low word first.
 */
import { InternalError } from '../../errors/index.ts';
import { TYPE } from '../../wasm/index.ts';
import type { Index, ModuleWriter, ValueType } from '../../wasm/index.ts';

export const MODULE = 'skep';
export const MEMORY = 'memory';
/** Programs by number, for tail calls: functions of `ENTRY`'s type. */
export const TABLE = 'table';
/** The exported main program: words of r1 and r2 (their high words are 0) to the low word of r0. */
export const MAIN = 'main';
/** The exported loop around it: words of r1 and r2, and how many times, at least once. */
export const REPEAT = 'repeat';

/**
 * The exported loop over packets: address of the context, of the list of packets, and how many, at least one; see
 * BATCH_ENTRY.
 */
export const BATCH = 'batch';
/** The exported run on one packet: address of its context. */
export const CALL = 'call';
/** A packet in that list: words at these bytes. */
export const BATCH_ENTRY = { ADDRESS: 0, LENGTH: 4, VERDICT: 8, SIZE: 16 } as const;

/** The exported program as tail calls start it: r1-r5 and the top of its frame to r0, all i64; not in mode `checked`. */
export const ENTRY = 'entry';
/** The same for callers in JavaScript: low and high word of r1, top of its frame; all of r0 in the memory. */
export const ENTER = 'enter program';

/** An exported function that runs by itself: words of r1-r3. */
export const callbackExport = (entry: number): string => `callback ${entry}`;

/** Offsets in the engine's own page of the memory, which no program may touch. */
export const AREA = {
  /** High word of a helper's result. */
  HELPER_HIGH: 0,
  /** All of r0 when the program has ended. */
  RESULT: 8,
  /** Instructions that may run: 64 bits. */
  BUDGET: 16,
  /** Tail calls so far: 32 bits. */
  TAIL_CALLS: 24,
  /** r0 of a helper that calls functions, and r1-r5 of the function that it calls: 64 bits each. */
  REGISTERS: 32,
  /** Instructions that may run before the machine is asked: 64 bits. */
  FUEL: 80,
  /** Number of the CPU: 32 bits. */
  CPU: 88,
  /** The context that `CALL` may run on without asking: 32 bits. */
  READY: 92,
  SIZE: 96,
} as const;

/** Bytes from one stack frame to the next one's: a page for the frame and one that belongs to nobody. */
export const FRAME_STRIDE = 8192;

/** Bytes of the place that each frame has for the key of an element. */
export const KEY_PLACE = 64;

/** Bits of `check`'s argument `access`, above the size in bytes. */
export const ACCESS_WRITE = 0x10;
/** A load that a narrow context field may send elsewhere. */
export const ACCESS_NARROW = 0x20;

/** Functions by name: numbers of parameters, whether there is a result. */
export const FUNCTIONS = {
  /** (low, high, off, access, slot) → address, or a trap. */
  check: [5, true],
  /** (address, size) → address of a load that narrow context fields may send elsewhere. */
  narrow: [2, true],
  /** (address, size): a store happened; narrow context fields keep less. */
  kept: [2, false],
  /** (offset, size) → address in the packet, or 0. */
  packet: [2, true],
  /** (slot) → top of the callee's frame, which is opened, or a trap. */
  enter: [1, true],
  /** (slot) a trap: there is no frame for a function that starts at `slot`. */
  tooDeep: [1, false],
  /** () the callee's frame is closed. */
  leave: [0, false],
  /** (context) the machine is ready for `CALL` on it, or refuses. */
  setUp: [1, false],
  /** (slot) a trap for what cannot run. */
  invalid: [1, false],
  /** (slot, id) a trap for an unknown helper. */
  unknownHelper: [2, false],
  /** (slot, instructions) a trap behind so many instructions from `slot` on: the budget is used up. */
  outOfBudget: [2, false],
  /** (slot) more fuel, or a trap. */
  outOfFuel: [1, false],
  /** () end the whole program with r0 = 0, from inside a sub-program. */
  /** (slot, low and high words of r1-r3) → whether another program has run, with r0 in the memory. */
  tailCall: [7, true],
  /** (token of the frame's last look, 0 at first) → token, or -1: `may_goto` jumps from now on. */
  mayGoto: [1, true],
  /** (slot, id, words of r1-r5) → first slot of the function to call, its registers in the memory; 0: r0 in the memory. */
  firstCall: [12, true],
  /** (r0's low word) → the same for the next call. */
  nextCall: [1, true],
  /** (map's address) an error: it has a chain that does not end. */
  endlessChain: [1, false],
  /** (slot, low and high word of the number, words of r1-r5) → low word of r0: the helper whose number is in a register. */
  callRegister: [13, true],
} as const satisfies Record<string, readonly [number, boolean]>;

export type FunctionName = keyof typeof FUNCTIONS;

/** Arguments that helpers take at most. */
export const MAX_ARGUMENTS = 5;

/** A helper that a program calls. */
export interface HelperImport {
  readonly id: number;
  /** A slot that calls it. */
  readonly slot: number;
  /** Arguments that it gets. */
  readonly args: number;
}

/** Functions of the map core that give nothing. */
export const CORE_WITHOUT_RESULT: ReadonlySet<string> = new Set([
  'reclaim',
  'enlist',
  'ringbuf_submit',
  'ringbuf_discard',
]);

/** The imported functions of one module, declared before its own functions. */
export class Imports {
  readonly #functions = new Map<string, Index>();

  /**
   * @param core functions of the map core, with how many words they take
   * @param quick the same of the helper core
   * @param table whether the code uses the table of programs
   */
  constructor(
    module: ModuleWriter,
    names: readonly FunctionName[],
    helpers: Iterable<HelperImport>,
    core: ReadonlyMap<string, number>,
    quick: ReadonlyMap<string, number>,
    table: boolean,
  ) {
    module.importMemory(MODULE, MEMORY, 1);
    if (table) module.importTable(MODULE, TABLE);
    const declare = (name: string, params: number, result: boolean): void => {
      const words: ValueType[] = new Array<ValueType>(params).fill(TYPE.I32);
      const type = module.type(words, result ? [TYPE.I32] : []);
      this.#functions.set(name, module.importFunction(MODULE, name, type));
    };
    for (const name of names) {
      const [params, result] = FUNCTIONS[name];
      declare(name, params, result);
    }
    for (const { id, args } of helpers) declare(helperImport(id), 1 + 2 * args, true);
    for (const [name, args] of core) declare(coreImport(name), args, !CORE_WITHOUT_RESULT.has(name));
    for (const [name, args] of quick) declare(quickImport(name), args, true);
  }

  of(name: FunctionName): Index {
    return this.#index(name);
  }

  helper(id: number): Index {
    return this.#index(helperImport(id));
  }

  /** A function of the map core. */
  core(name: string): Index {
    return this.#index(coreImport(name));
  }

  /** A function of the helper core. */
  quick(name: string): Index {
    return this.#index(quickImport(name));
  }

  #index(name: string): Index {
    const index = this.#functions.get(name);
    if (index === undefined) throw new InternalError(`compiled code uses ${name} and does not import it`);
    return index;
  }
}

/** Name of the import of a function of the map core. */
export function coreImport(name: string): string {
  return `maps ${name}`;
}

/** Name of the import of a function of the helper core. */
export function quickImport(name: string): string {
  return `helpers ${name}`;
}

/** Name of a helper's import. */
export function helperImport(id: number): string {
  return `helper ${id}`;
}
