/**
 * A program that is attached to something of the running process, which runs it again and again: quickly, one run after the
 * other, each within a budget. A run from inside another one (an event that a running program caused) does not happen and is
 * counted, as Linux does with tracing programs.
 */
import type { CompiledProgram, Context } from '../vm/index.ts';
import { Meter } from '../vm/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { longestRun } from './program-facts.ts';
import { compiledBy } from './run.ts';

/** Instructions that a run may take where nothing else is said: about a millisecond of compiled code. */
const DEFAULT_FUEL = 1_000_000;
const MAX_FUEL = 2 ** 31 - 1;

/** What an attached program has done. */
export interface AttachedStats {
  /** Runs that have begun. */
  readonly runs: number;
  /** Runs that did not begin since a program was running. @kernel bpf_prog_info.recursion_misses */
  readonly misses: number;
}

export class AttachedProgram implements AttachedStats {
  runs = 0;
  misses = 0;
  readonly image: ProgramImage;
  readonly #cpu: Cpu;
  readonly #context: Context | undefined;
  readonly #fuel: number;
  readonly #compiled: CompiledProgram | undefined;
  readonly #now: () => number;

  /**
   * Compiles the program.
   * @param fuel instructions that a run may take, 2^31 - 1 at most; Infinity: no end
   * @param context how parts of narrow context fields are found, where the type has any
   */
  constructor(cpu: Cpu, image: ProgramImage, fuel = DEFAULT_FUEL, context?: Context) {
    this.#cpu = cpu;
    this.image = image;
    this.#context = context;
    this.#fuel = fuel >= longestRun(image) ? Infinity : Math.min(fuel, MAX_FUEL);
    this.#now = () => cpu.host.clock.monotonic();
    const compiled = compiledBy(cpu, image, context, { fuel: this.#fuel !== Infinity });
    if (compiled?.ok && compiled.options.mode !== 'checked') this.#compiled = compiled;
  }

  /**
   * Run once on the context at an address of the memory.
   * @returns r0, 32 bits unsigned; 0 where the run did not happen, which `misses` says
   * @throws BudgetTrap: it took more than it may
   */
  run(context: number): number {
    const { env, host } = this.#cpu;
    const { rcu } = host;
    if (!rcu.idle) {
      this.misses++;
      return 0;
    }
    this.runs++;
    env.progType = this.image.progType;
    rcu.enter();
    let result: number;
    try {
      result = this.#run(context);
    } catch (error) {
      host.stopped();
      rcu.exit(); // a `finally` would cost as much as the rest
      throw error;
    }
    rcu.exit();
    return result;
  }

  #run(context: number): number {
    const { jit, interpreter } = this.#cpu;
    if (this.#compiled !== undefined && jit !== undefined)
      return jit.runLimited(this.#compiled, context, this.#fuel, this.#context);
    const meter = this.#fuel === Infinity ? undefined : new Meter({ fuel: this.#fuel }, this.#now);
    return interpreter.run(this.image.executable, context, 0, Infinity, this.#context, meter);
  }
}
