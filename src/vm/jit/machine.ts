/**
 * What runs compiled programs: one CPU's stack frames and the functions that its programs import. Results and traps are the
 * interpreter's. In mode `verified` a program runs without checks; it cannot leave the one memory whatever it does.
 */
import { InternalError, Trap } from '../../errors/index.ts';
import { FIELDS, MAP_HEADER } from '../../memory/index.ts';
import type { AddressSpace, Region } from '../../memory/index.ts';
import { MAX_BPF_STACK } from '../../uapi/index.ts';
import { checkedAddress } from '../access.ts';
import type { Calls, Executable, HelperFn } from '../executable.ts';
import { REGISTER_WORDS } from '../executable.ts';
import { MAX_TAIL_CALLS } from '../interpreter.ts';
import type { Context, World } from '../interpreter.ts';
import { lookAtClock } from '../may-goto.ts';
import { Meter } from '../meter.ts';
import { packetAddress } from '../packet.ts';
import { callsWithElements } from './elements.ts';
import { width } from './flow-graph.ts';
import type { HelperFunctions } from './helper-calls.ts';
import { helperFunction } from './helper-import.ts';
import {
  ACCESS_NARROW,
  ACCESS_WRITE,
  AREA,
  BATCH,
  CALL,
  ENTER,
  ENTRY,
  FRAME_STRIDE,
  KEY_PLACE,
  MAIN,
  MEMORY,
  MODULE,
  REPEAT,
  TABLE,
  callbackExport,
  coreImport,
  helperImport,
  quickImport,
} from './imports.ts';
import type { FunctionName } from './imports.ts';
import type { CompileRequest, CompiledProgram, NotCompiled } from './compiled.ts';
import { isMapOfMaps } from './lookup.ts';
import type { JitOptions, MapShape } from './options.ts';
import type { MapWorld } from './map-calls.ts';
import { NO_PROGRAMS, ProgramTable } from './other-programs.ts';
import type { OtherPrograms } from './other-programs.ts';
import { hasTailCalls, translate } from './program.ts';
import { warmUp } from './warm-up.ts';
import type { Translated } from './program.ts';

/** @kernel MAX_CALL_FRAMES */
const MAX_FRAMES = 8;
/** Frames where each program of a chain of tail calls, and the first, calls as deep as it may. */
const DEEP_FRAMES = (MAX_TAIL_CALLS + 1) * MAX_FRAMES;
/** A budget that no run uses up. */
const ENDLESS = 2 ** 53;
const TWO_32 = 2 ** 32;
/** Grants nothing: all that a run may take was given to it. */
const NOTHING_LEFT = new Meter({ fuel: 0 }, () => 0);

/** What WebAssembly itself stops is what no verified program does: an access behind the end of the memory, recursion. */
function told(error: unknown): unknown {
  if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) return error;
  return new InternalError(`a compiled program was stopped: ${error.message}`);
}

export class JitMachine<Env extends World> {
  readonly env: Env;
  readonly #space: AddressSpace;
  readonly #others: OtherPrograms;
  /** What tail calls find: programs that do not count what they take, and programs that do. */
  readonly #programs: ProgramTable;
  readonly #countingPrograms: ProgramTable;
  readonly #stack: Region;
  /** The stack of programs with tail calls; made for the first of them. */
  #deepStack: Region | undefined;
  /** The stack that is in use. */
  #frames: Region;
  readonly #area: number;
  /** Places for keys of elements, one for each frame; made for the first program that goes through elements. */
  #keys: Region | undefined;
  readonly #maps: MapWorld | undefined;
  readonly #quick: (() => HelperFunctions) | undefined;
  /** r0-r5 of helper calls. */
  readonly #file = new Int32Array(REGISTER_WORDS);
  #context: Context | undefined;
  #meter: Meter | undefined;
  /** Calls deep; only mode `checked` counts them. */
  #depth = DEEP_FRAMES - 1;
  /** Calls deep in the program that runs, with tail calls more than one; only mode `checked` counts them. */
  #nested = 0;
  /** Helpers that are calling functions, and where: the innermost last. */
  readonly #calls: { readonly calls: Calls; readonly slot: number }[] = [];
  /** Contexts that `call` may be given. */
  readonly #contexts = new Map<number, { readonly program: CompiledProgram; readonly check: () => void }>();
  /** When each frame that looked at the clock for `may_goto` did so first. */
  readonly #looks: number[] = [];
  /** What `runLimited` ran last, and nothing since then: all is ready for it. */
  #limited: CompiledProgram | undefined;

  /**
   * Takes the memory of a stack: once per CPU.
   * @param others what tail calls may start
   * @param maps the map core over the same memory; without it helpers do all that touches maps
   * @param quick the helper core over the same memory, where the map core is known too; without it all helpers are called
   */
  constructor(env: Env, others: OtherPrograms = NO_PROGRAMS, maps?: MapWorld, quick?: () => HelperFunctions) {
    this.env = env;
    this.#maps = maps;
    this.#quick = quick;
    this.#space = env.space;
    this.#others = others;
    const stack = this.#allocateStack(MAX_FRAMES);
    const area = env.space.allocate(AREA.SIZE, {
      kind: 'mem',
      name: 'compiled programs',
      writable: false,
      contains: () => false,
    });
    if (stack === undefined || area === undefined) throw new InternalError('no memory for the stack');
    this.#stack = this.#frames = stack;
    this.#area = area.base;
    this.#programs = new ProgramTable(env.space, area.base, others, false);
    this.#countingPrograms = new ProgramTable(env.space, area.base, others, true);
  }

  /** Let tail calls find the program with a number: before the number comes into any slot. */
  publish(number: number): void {
    this.#programs.publish(number);
    this.#countingPrograms.publish(number);
  }

  /** The number is given back; no program that runs can call it. */
  withdraw(number: number): void {
    this.#programs.withdraw(number);
    this.#countingPrograms.withdraw(number);
  }

  #allocateStack(frames: number): Region | undefined {
    return this.#space.allocate((frames - 1) * FRAME_STRIDE + MAX_BPF_STACK, {
      kind: 'stack',
      name: 'stack of compiled programs',
      contains: (offset, size) =>
        offset < (this.#depth + 1) * FRAME_STRIDE && (offset % FRAME_STRIDE) + size <= MAX_BPF_STACK,
    });
  }

  /** Programs may read a key there, and nothing of an element's header. @returns 0: there is no memory */
  #keyPlaces(): number {
    this.#keys ??= this.#space.allocate(DEEP_FRAMES * KEY_PLACE, {
      kind: 'mem',
      name: 'keys',
      writable: false,
      contains: (offset, size) => (offset % KEY_PLACE) + size <= KEY_PLACE,
    });
    return this.#keys?.base ?? 0;
  }

  /** Compile a program for this machine. */
  compile(executable: Executable<Env>, request: CompileRequest): CompiledProgram | NotCompiled {
    let stack: Region | undefined = this.#stack;
    // What tail calls start runs in the frame of its caller.
    if (hasTailCalls(executable) || request.entry) stack = this.#deepStack ??= this.#allocateStack(DEEP_FRAMES);
    if (stack === undefined) return { ok: false, unsupported: 'tail calls with so little memory' };
    const pages = request.mode === 'hardened' ? this.#space.pageTable() : 0;
    if (pages === undefined) return { ok: false, unsupported: 'checks with so little memory' };
    const options: JitOptions = {
      mode: request.mode,
      pages,
      frames: stack === this.#stack ? MAX_FRAMES : DEEP_FRAMES,
      narrow: request.narrow,
      stackDepth: request.stackDepth ?? MAX_BPF_STACK,
      packetFields: request.mode === 'checked' ? undefined : request.packetFields,
      entry: request.entry ?? false,
      fuel: request.fuel ?? false,
      budget: request.budget ?? false,
      mapLoads: request.mapLoads ?? new Set(),
      maps: (address) => this.#mapShape(address),
      area: this.#area,
      keys: request.mode === 'verified' && callsWithElements(executable) ? this.#keyPlaces() : 0,
      core: request.mode === 'hardened' ? undefined : this.#maps?.core(),
      quick: this.#quick?.(),
      frameTop: stack.base + MAX_BPF_STACK,
    };
    const translation = translate(executable, options);
    if (!translation.ok) return translation;
    const module = this.#module(translation.bytes);
    if (typeof module === 'string') return { ok: false, unsupported: module };
    const imports = this.#imports(executable, translation, options);
    const { exports } = new WebAssembly.Instance(module, { [MODULE]: imports });
    const names = Object.keys(imports).filter((name) => name !== MEMORY && name !== TABLE);
    const parts = { module: MODULE, memory: MEMORY, table: TABLE, names };
    const warm = (r1: number, milliseconds: number): void => {
      if (options.mode === 'checked' || options.fuel || translation.mayTakeLong) return;
      const repeat = (copy: typeof exports, count: number): unknown =>
        (copy[REPEAT] as CompiledProgram['repeat'])(r1, 0, count);
      warmUp(module, parts, this.#space.memory, repeat, milliseconds);
    };
    const main = exports[MAIN] as CompiledProgram['main'];
    const repeat = exports[REPEAT] as CompiledProgram['repeat'];
    const entry = exports[ENTRY];
    const enter = exports[ENTER] as CompiledProgram['enter'];
    const { mayEnd, bytes } = translation;
    const call = exports[CALL] as CompiledProgram['call'];
    const batch = exports[BATCH] as CompiledProgram['batch'];
    const callback = (slot: number) => exports[callbackExport(slot)] as ReturnType<CompiledProgram['callback']>;
    return { ok: true, main, repeat, entry, enter, callback, batch, call, warm, options, mayEnd, bytes };
  }

  /**
   * Run to the end: r1 and r2 as given, everything else 0, r10 the top of a zeroed frame.
   * @param budget instructions that may run before a trap, for programs compiled to count them
   * @param meter what programs compiled with `fuel` may take
   * @returns the low word of r0, unsigned.
   */
  run(program: CompiledProgram, r1: number, r2 = 0, budget = Infinity, context?: Context, meter?: Meter): number {
    this.#prepare(program, context, meter);
    if (program.options.mode === 'checked') this.#start(program, budget);
    try {
      return program.main(r1, r2) >>> 0;
    } catch (error) {
      throw told(error);
    } finally {
      this.#depth = DEEP_FRAMES - 1;
      this.surrender();
    }
  }

  /**
   * Run a program once that was compiled without checks: as `run`, and quicker.
   * @param fuel for programs compiled with `fuel`: instructions that it may take, below 2^31. @throws BudgetTrap beyond them
   */
  runLimited(program: CompiledProgram, r1: number, fuel: number, context?: Context): number {
    if (this.#limited !== program) {
      this.#prepare(program, context, program.options.fuel ? NOTHING_LEFT : undefined);
      this.#limited = program;
    }
    // The high word is 0: less is left after a run, or it was stopped and all is made ready anew.
    if (program.options.fuel) this.#space.view.setInt32(this.#area + AREA.FUEL, fuel, true);
    try {
      return program.main(r1, 0) >>> 0;
    } catch (error) {
      this.#limited = undefined;
      throw told(error);
    }
  }

  /** Instructions that may run before the machine is asked. */
  get #fuel(): number {
    const { view } = this.#space;
    const at = this.#area + AREA.FUEL;
    return view.getInt32(at + 4, true) * TWO_32 + view.getUint32(at, true);
  }

  set #fuel(instructions: number) {
    const { view } = this.#space;
    const at = this.#area + AREA.FUEL;
    view.setInt32(at + 4, Math.floor(instructions / TWO_32), true);
    view.setInt32(at, instructions | 0, true);
  }

  /** Give back the fuel that has been granted: others go on with the meter. */
  surrender(): void {
    this.#meter?.giveBack(this.#fuel);
    if (this.#meter !== undefined) this.#fuel = 0;
  }

  #refuel(slot: number): void {
    if (this.#meter === undefined) throw new InternalError('a program counts what nobody gave it');
    let fuel = this.#fuel;
    while (fuel < 0) fuel += this.#meter.grant(slot);
    this.#fuel = fuel;
  }

  /** Let `call` of a program be given this context. @param check throws where the program may not run now */
  addContext(context: number, program: CompiledProgram, check: () => void): void {
    this.#contexts.set(context, { program, check });
  }

  removeContext(context: number): void {
    this.#contexts.delete(context);
    this.forget();
  }

  /** The next `call` asks first: another program runs. */
  forget(): void {
    this.#space.view.setUint32(this.#area + AREA.READY, 0, true);
  }

  #setUp(context: number): void {
    const known = this.#contexts.get(context);
    if (known === undefined) throw new InternalError('there is no such context');
    known.check();
    this.#prepare(known.program, undefined, undefined);
    this.#space.view.setUint32(this.#area + AREA.READY, context, true);
  }

  #prepare({ options }: CompiledProgram, context: Context | undefined, meter: Meter | undefined): void {
    this.forget();
    this.#limited = undefined;
    this.#context = context;
    this.#meter = meter;
    if (options.fuel) this.#fuel = 0;
    this.#frames = options.frameTop === this.#stack.base + MAX_BPF_STACK ? this.#stack : (this.#deepStack as Region);
    if (this.#calls.length > 0) this.#calls.length = 0; // setting it costs more than looking
    if (this.#looks.length > 0) this.#looks.length = 0;
    if (this.#maps !== undefined) this.#space.view.setUint32(this.#area + AREA.CPU, this.#maps.cpu(), true);
  }

  /** Run `count` times, at least once. @returns the low word of the last r0, unsigned. */
  repeat(program: CompiledProgram, count: number, r1: number, context?: Context, meter?: Meter): number {
    if (program.options.mode !== 'checked') {
      this.#prepare(program, context, meter);
      try {
        return program.repeat(r1, 0, count) >>> 0;
      } catch (error) {
        throw told(error);
      } finally {
        this.#depth = DEEP_FRAMES - 1;
        this.surrender();
      }
    }
    let result = 0;
    for (let i = 0; i < count; i++) result = this.run(program, r1, 0, Infinity, context, meter);
    return result;
  }

  /**
   * Run on each packet of a list, at least one, with their verdicts beside them; the context is plain memory.
   * @returns false, and nothing was run: the program cannot be run so
   */
  batch(program: CompiledProgram, ctx: number, list: number, count: number, meter?: Meter): boolean {
    if (program.batch === undefined || program.mayEnd) return false;
    this.#prepare(program, undefined, meter);
    try {
      program.batch(ctx, list, count);
    } catch (error) {
      throw told(error);
    } finally {
      this.surrender();
    }
    return true;
  }

  /**
   * Call the function that starts at slot `entry`, with the words of r1-r3, as a run of its own.
   * @returns false, and nothing was run: the program was not compiled for that
   */
  callback(program: CompiledProgram, entry: number, [r1 = 0, r2 = 0, r3 = 0]: readonly number[]): boolean {
    const run = program.callback(entry);
    if (run === undefined) return false;
    this.#prepare(program, undefined, undefined);
    try {
      run(r1, r2, r3);
    } catch (error) {
      throw told(error);
    }
    return true;
  }

  /** r0 of the program that ran last: low and high word. */
  get result(): readonly [low: number, high: number] {
    const { view } = this.#space;
    return [view.getInt32(this.#area + AREA.RESULT, true), view.getInt32(this.#area + AREA.RESULT + 4, true)];
  }

  #start({ options }: CompiledProgram, budget: number): void {
    if (budget !== Infinity && !options.budget) throw new InternalError('this program does not count instructions');
    const instructions = Math.min(budget, ENDLESS);
    const { view } = this.#space;
    view.setUint32(this.#area + AREA.BUDGET, instructions % TWO_32, true);
    view.setUint32(this.#area + AREA.BUDGET + 4, Math.floor(instructions / TWO_32), true);
    view.setUint32(this.#area + AREA.TAIL_CALLS, 0, true);
    this.#depth = -1;
    this.#nested = 0;
    this.#openFrame();
  }

  /** The next frame, zeroed. @returns its top */
  #openFrame(): number {
    this.#depth++;
    return this.#clearFrame();
  }

  #clearFrame(): number {
    const base = this.#frames.base + this.#depth * FRAME_STRIDE;
    this.#space.bytes.fill(0, base, base + MAX_BPF_STACK);
    return base + MAX_BPF_STACK;
  }

  #mapShape(address: number): MapShape {
    const { view } = this.#space;
    const field = (offset: number): number => view.getUint32(address + offset, true);
    const type = field(MAP_HEADER.TYPE) & ~FIELDS;
    return {
      address,
      type,
      hasFields: (field(MAP_HEADER.TYPE) & FIELDS) !== 0,
      keySize: field(MAP_HEADER.KEY_SIZE),
      valueSize: field(MAP_HEADER.VALUE_SIZE),
      maxEntries: field(MAP_HEADER.MAX_ENTRIES),
      elemSize: field(MAP_HEADER.ELEM_SIZE),
      values: field(MAP_HEADER.VALUES),
      buckets: field(MAP_HEADER.BUCKETS),
      bucketMask: field(MAP_HEADER.BUCKET_MASK),
      seed: field(MAP_HEADER.SEED),
      valueOffset: field(MAP_HEADER.VALUE_OFFSET),
      cpuStride: field(MAP_HEADER.CPU_STRIDE),
      copies: field(MAP_HEADER.COPIES),
      hashes: field(MAP_HEADER.HASHES),
      nodeOffset: field(MAP_HEADER.LIST_COUNT) === 0 ? 0 : field(MAP_HEADER.NODE_OFFSET),
      inner: isMapOfMaps(type)
        ? {
            type: field(MAP_HEADER.INNER_TYPE) & ~FIELDS,
            hasFields: (field(MAP_HEADER.INNER_TYPE) & FIELDS) !== 0,
            keySize: field(MAP_HEADER.INNER_KEY_SIZE),
            valueSize: field(MAP_HEADER.INNER_VALUE_SIZE),
          }
        : undefined,
    };
  }

  /** The compiled module, or why the engine refuses it: beyond its limits. */
  #module(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module | string {
    try {
      return new WebAssembly.Module(bytes);
    } catch (error) {
      return `WebAssembly: ${(error as Error).message}`;
    }
  }

  #imports(
    executable: Executable<Env>,
    { helpers, core, quick }: Pick<Translated, 'helpers' | 'core' | 'quick'>,
    options: JitOptions,
  ): Record<string, WebAssembly.ImportValue> {
    const imports: Record<string, WebAssembly.ImportValue> = {
      [MEMORY]: this.#space.memory,
      [TABLE]: (options.fuel ? this.#countingPrograms : this.#programs).table,
    };
    Object.assign(imports, this.#functions(executable));
    for (const { id, slot, args } of helpers) {
      const helper = executable.helpers[slot];
      if (helper === undefined) continue;
      const finish = (at: number): number => this.#finish(helper, executable, at);
      imports[helperImport(id)] = helperFunction(this.#file, finish, args);
    }
    for (const name of core) if (options.core) imports[coreImport(name)] = options.core.functions[name];
    for (const name of quick) if (options.quick) imports[quickImport(name)] = options.quick.functions[name];
    return imports;
  }

  #functions(executable: Executable<Env>): Record<FunctionName, (...args: number[]) => number | void> {
    const space = this.#space;
    return {
      check: (low, high, off, access, slot) => {
        const size = access & 15;
        const address = checkedAddress(space, low, high, off, size, (access & ACCESS_WRITE) !== 0, slot);
        return access === (ACCESS_NARROW | size) ? this.#narrow(address, size) : address;
      },
      narrow: (address, size) => this.#narrow(address >>> 0, size),
      kept: (address, size) => {
        const context = this.#context;
        if (context === undefined) return;
        const offset = (address >>> 0) - context.region.base;
        if (offset >= 0 && offset < context.region.size) context.kept(offset, size);
      },
      packet: (offset, size) => {
        const { packet } = this.env;
        return packet === undefined ? 0 : packetAddress(packet, offset, size);
      },
      enter: (slot) => {
        if (this.#nested + 1 === MAX_FRAMES) throw new Trap(`calls are more than ${MAX_FRAMES} frames deep`, slot);
        this.#nested++;
        return this.#openFrame();
      },
      tooDeep: (slot) => {
        throw new Trap(`calls are more than ${MAX_FRAMES} frames deep`, slot);
      },
      leave: () => {
        this.#depth--;
        this.#nested--;
      },
      endlessChain: (map) => {
        throw new InternalError(
          `the memory of the map at 0x${(map >>> 0).toString(16)} is corrupt: a chain without an end`,
        );
      },
      invalid: (slot) => {
        throw new Trap(executable.invalid.get(slot) ?? 'the program ran over its end', slot);
      },
      unknownHelper: (slot, id) => {
        throw new Trap(`call of unknown helper ${id}`, slot);
      },
      outOfBudget: (slot, instructions) => {
        for (; instructions > 0; instructions--) slot += width(executable.op[slot]);
        throw new Trap('the instruction budget is used up', slot);
      },
      outOfFuel: (slot) => this.#refuel(slot),
      setUp: (context) => this.#setUp(context >>> 0),
      tailCall: (slot, ...words) => this.#tailCall(slot, words),
      mayGoto: (token) => this.#lookAtClock(token),
      firstCall: (slot, _id, ...words) => this.#firstCall(executable, slot, words),
      nextCall: (returned) => this.#nextCall(executable, returned),
      callRegister: (slot, low, high, ...words) => {
        const helper = high === 0 ? executable.registry(low) : undefined;
        if (helper === undefined) throw new Trap(`call of unknown helper ${low}`, slot);
        return this.#call(helper, executable, slot, words);
      },
    };
  }

  /** @returns 1: another program has run in place of this one, and r0 is in the memory */
  #tailCall(slot: number, [low, high, map, mapHigh, index]: readonly number[]): number {
    const number = this.#others.numberAt(mapHigh === 0 ? map >>> 0 : 0, index >>> 0, slot);
    const { view } = this.#space;
    const count = view.getUint32(this.#area + AREA.TAIL_CALLS, true);
    if (number === 0 || count === MAX_TAIL_CALLS) return 0;
    view.setUint32(this.#area + AREA.TAIL_CALLS, count + 1, true);
    const [depth, nested] = [this.#depth, this.#nested];
    this.#nested = 0;
    this.#programs.run(number, low, high, this.#clearFrame());
    this.#depth = depth;
    this.#nested = nested;
    return 1;
  }

  #lookAtClock(token: number): number {
    const { clock } = this.env;
    const now = clock && (() => clock.monotonic());
    const started = lookAtClock(token === 0 ? 0 : this.#looks[token - 1], now);
    if (started < 0) return -1;
    return token === 0 ? this.#looks.push(started) : token;
  }

  #firstCall(executable: Executable<Env>, slot: number, words: readonly number[]): number {
    const helper = executable.helpers[slot];
    if (helper === undefined) throw new InternalError('a call of no helper');
    this.#file.set(words, 2);
    const calls = helper(this.env, this.#file, slot, executable);
    if (calls === undefined) return this.#handOver(0);
    this.#calls.push({ calls, slot });
    return this.#nextCall(executable, 0);
  }

  #nextCall({ functions }: Executable<Env>, returned: number): number {
    const { calls, slot } = this.#calls[this.#calls.length - 1];
    if (!functions.has(calls.callback)) throw new Trap(`there is no function at ${calls.callback}`, slot);
    this.#file.fill(0);
    if (calls.next(this.#file, returned)) return this.#handOver(calls.callback);
    this.#calls.pop();
    return this.#handOver(0);
  }

  /** Put r0-r5 where compiled code finds them. */
  #handOver(callback: number): number {
    const { view } = this.#space;
    for (let word = 0; word < 12; word++) view.setInt32(this.#area + AREA.REGISTERS + 4 * word, this.#file[word], true);
    return callback;
  }

  #narrow(address: number, size: number): number {
    const context = this.#context;
    if (context === undefined) return address;
    const { base, size: length } = context.region;
    return address >= base && address < base + length ? base + context.loadOffset(address - base, size) : address;
  }

  #call(helper: HelperFn<Env>, program: Executable<Env>, slot: number, words: readonly number[]): number {
    this.#file.set(words, 2);
    return this.#finish(helper, program, slot);
  }

  /** Run a helper on the words in the file. */
  #finish(helper: HelperFn<Env>, program: Executable<Env>, slot: number): number {
    const r = this.#file;
    helper(this.env, r, slot, program);
    this.#space.view.setInt32(this.#area + AREA.HELPER_HIGH, r[1], true);
    return r[0];
  }
}
