/** `skep bench`: how long a run of a program takes on each engine. */
import { parseArgs } from 'node:util';
import { encode } from '../isa/index.ts';
import { createKernel } from '../kernel/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { Program, loadCollectionSpec } from '../loader/index.ts';
import type { Collection, CollectionSpec } from '../loader/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { BPF_CMD } from '../uapi/index.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { wholeNumber } from './exchange.ts';
import { inputName, readInput } from './input.ts';
import { chooseProgram } from './run.ts';
import { formatTable } from './table.ts';

const help = `usage: skep bench OBJ [PROGRAM] [--data FILE] [options]

Verifies and loads the program for each engine, and runs it on the same packet again and again. The engines take turns,
so that all see the same weather. Prints nanoseconds a run: the quickest round, the median round, and what the empty
program costs, which is what the engine and the loop around it take.

  --data FILE          the packet, from its link-layer header on (default 64 zero bytes)
  --engine LIST        of jit, jit-budget (with a budget that is never used up), jit-hardened (every access held to what
                       programs may touch), interp, linux (the running kernel); default jit,interp
  --repeat N           runs in a round (default: as many as take 2 ms)
  --rounds N           rounds that count, after those that warm up (default 15)
  --json               one JSON array with an object for each engine: engine, program, ns_per_run (the quickest
                       round), median, empty (the empty program's ns_per_run), net (what the quickest round takes more
                       than the empty program's quickest), retval, repeat, rounds; "interpreted"
                       says why where the jit left the program to the interpreter

examples:
  skep bench filter.o --data packet.bin
  skep bench xdp.o parse --data packet.bin --engine jit,linux --json
`;

const options = {
  data: { type: 'string' },
  engine: { type: 'string' },
  repeat: { type: 'string' },
  rounds: { type: 'string' },
  json: { type: 'boolean' },
} as const;

const ENGINES = ['jit', 'jit-budget', 'jit-hardened', 'interp', 'linux'] as const;
type Engine = (typeof ENGINES)[number];

const EMPTY_FRAME = new Uint8Array(64);
/** mov r0, 0; exit */
const EMPTY_PROGRAM = encode([
  { opcode: 0xb7, dst: 0, src: 0, off: 0, imm: 0 },
  { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
]);
/** Milliseconds of a round: short, so that some are not interrupted on a busy machine. */
const ROUND = 2;
/**
 * Milliseconds of runs before the first round, in which V8 compiles what is hot: so many without getting quicker, and all
 * together.
 */
const SETTLED = 150;
const WARM_UP = 1500;
/** What counts as quicker. */
const QUICKER = 0.97;
const NANOSECONDS = 1e6;
/** Instructions that no round takes. */
const ENDLESS = 2 ** 50;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [object, wanted, ...rest] = positionals;
  if (object === undefined) throw new UsageError('skep bench: which object?');
  if (rest.length > 0) throw new UsageError('skep bench takes one object and one program');
  const engines = engineList(values.engine ?? 'jit,interp');
  const repeat = values.repeat === undefined ? undefined : wholeNumber('--repeat', values.repeat, 1, 0x7fffffff);
  const rounds = values.rounds === undefined ? 15 : wholeNumber('--rounds', values.rounds, 1, 10_000);
  const data = values.data === undefined ? EMPTY_FRAME : await readInput(values.data, io);
  const spec = loadCollectionSpec(await readInput(object, io), { file: inputName(object) });
  for (const warning of spec.warnings) io.err(`skep: warning: ${warning}\n`);
  const name = chooseProgram(spec, wanted);
  const runners: Runner[] = [];
  try {
    for (const engine of engines) runners.push(await Runner.open(engine, spec, name, data));
    const report = measure(runners, repeat, rounds);
    io.out(values.json ? `${JSON.stringify(report, null, 2)}\n` : asText(report));
  } finally {
    for (const runner of runners) runner.close();
  }
  return 0;
}

function engineList(text: string): Engine[] {
  const names = text.split(',');
  return names.map((name) => {
    const engine = ENGINES.find((known) => known === name);
    if (engine === undefined) throw new UsageError(`--engine is a list of ${ENGINES.join(', ')}, not ${name}`);
    return engine;
  });
}

/** A clock that knows when it was read first and last: a test run reads it right before and right after its runs. */
class StopWatch {
  #first: number | undefined;
  #last = 0;

  /** Nanoseconds. */
  read = (): number => {
    this.#last = performance.now() * NANOSECONDS;
    this.#first ??= this.#last;
    return this.#last;
  };

  /** Nanoseconds between the first reading since the last call and the last one. */
  take(): number {
    const elapsed = this.#last - (this.#first ?? this.#last);
    this.#first = undefined;
    return elapsed;
  }
}

/** The program, and the empty one, on one engine. */
class Runner {
  readonly engine: Engine;
  readonly #sys: BpfSys;
  readonly #collection: Collection;
  readonly #data: Uint8Array;
  readonly #watch: StopWatch | undefined;
  readonly program: Program;
  readonly empty: Program;
  retval = 0;

  static async open(engine: Engine, spec: CollectionSpec, name: string, data: Uint8Array): Promise<Runner> {
    if (engine === 'linux') {
      const { openLinux } = await import('../linux/index.ts');
      return new Runner(engine, await openLinux(), undefined, spec, name, data);
    }
    const watch = new StopWatch();
    const clock = { monotonic: watch.read, boottime: watch.read, tai: watch.read };
    const kernel = createKernel({
      engine: engine === 'interp' ? 'interp' : 'jit',
      hardened: engine === 'jit-hardened',
      clock,
    });
    return new Runner(engine, kernel, watch, spec, name, data);
  }

  constructor(
    engine: Engine,
    sys: BpfSys,
    watch: StopWatch | undefined,
    spec: CollectionSpec,
    name: string,
    data: Uint8Array,
  ) {
    this.engine = engine;
    this.#sys = sys;
    this.#watch = watch;
    this.#data = data;
    this.#collection = spec.load(sys, { programs: [name] });
    this.program = this.#collection.programs[name];
    this.empty = emptyProgram(sys, this.program.type);
  }

  /** @returns nanoseconds that one run took. */
  time(program: Program, repeat: number): number {
    this.#watch?.take();
    const fuel = this.engine === 'jit-budget' ? ENDLESS : undefined;
    const { duration, retval } = program.run({ data: this.#data, repeat, fuel });
    if (program === this.program) this.retval = retval;
    return this.#watch === undefined ? duration : this.#watch.take() / repeat;
  }

  /** Why the engine left the program to the interpreter. */
  get interpreted(): string | undefined {
    return this.engine.startsWith('jit') ? (this.#sys as Kernel).notCompiled(this.program.fd) : undefined;
  }

  close(): void {
    this.empty.close();
    this.#collection.close();
  }
}

function emptyProgram(sys: BpfSys, type: number): Program {
  const fd = sys.bpf(BPF_CMD.PROG_LOAD, { progType: type, insns: EMPTY_PROGRAM, license: 'GPL' });
  if (fd < 0) throw new UsageError(`programs of type ${type} cannot be measured: the empty one does not load`);
  return new Program(sys, fd, { name: 'empty', type });
}

/** Run both programs until V8 has compiled what is hot. @returns runs of the program that fill a round */
function warmUp(runner: Runner, program: Program, fixed: number | undefined): number {
  const end = performance.now() + WARM_UP;
  let repeat = fixed ?? 1;
  let best = Infinity;
  let since = performance.now();
  for (let now = since; now < end && now < since + SETTLED; now = performance.now()) {
    const time = runner.time(program, repeat);
    if (time < best * QUICKER) {
      best = time;
      since = performance.now();
    }
    if (fixed === undefined && time * repeat < (ROUND * NANOSECONDS) / 2 && repeat < 2 ** 28) repeat *= 2;
  }
  return repeat;
}

interface Row {
  readonly engine: Engine;
  readonly program: string;
  readonly ns_per_run: number;
  readonly median: number;
  readonly empty: number;
  readonly net: number;
  readonly retval: number;
  readonly repeat: number;
  readonly rounds: number;
  readonly interpreted?: string;
}

function measure(runners: readonly Runner[], fixed: number | undefined, rounds: number): Row[] {
  const plans = runners.map((runner) => ({
    runner,
    repeat: warmUp(runner, runner.program, fixed),
    emptyRepeat: warmUp(runner, runner.empty, fixed),
    times: [] as number[],
    empties: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const { runner, repeat, emptyRepeat, times, empties } of plans) {
      times.push(runner.time(runner.program, repeat));
      empties.push(runner.time(runner.empty, emptyRepeat));
    }
  }
  return plans.map(({ runner, repeat, times, empties }) => ({
    engine: runner.engine,
    program: runner.program.name,
    ns_per_run: rounded(Math.min(...times)),
    median: rounded(median(times)),
    net: rounded(Math.max(0, Math.min(...times) - Math.min(...empties))),
    empty: rounded(Math.min(...empties)),
    retval: runner.retval,
    repeat,
    rounds,
    interpreted: runner.interpreted,
  }));
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1];
const rounded = (nanoseconds: number): number => Math.round(nanoseconds * 100) / 100;

function asText(rows: readonly Row[]): string {
  const heading = ['engine', 'ns/run', 'median', 'empty', 'returned', ''];
  const cells = rows.map(({ engine, ns_per_run, median, empty, retval, interpreted }) => {
    const note = interpreted === undefined ? '' : `interpreted: no ${interpreted} in compiled programs yet`;
    return [engine, ns_per_run.toFixed(2), median.toFixed(2), empty.toFixed(2), String(retval), note];
  });
  return formatTable([heading, ...cells]);
}

export const command: Command = { help, run };
