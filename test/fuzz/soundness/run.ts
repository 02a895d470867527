/** Runs a program object on user space while every step is held to what the verifier proved of it. */
import { ERRNO } from '../../../src/errors/index.ts';
import { createKernel, type Kernel } from '../../../src/kernel/index.ts';
import { ExchangeRunner, type ExchangeAnswer, type ProgramObject } from '../../../src/loader/index.ts';
import type { BpfAttrs, BpfCmd, BpfSys, ProgLoadAttr } from '../../../src/sys/index.ts';
import { BPF_CMD } from '../../../src/uapi/index.ts';
import type { HelperEnv } from '../../../src/helpers/index.ts';
import type { VerifyInput } from '../../../src/verifier/index.ts';
import type { Interpreter } from '../../../src/vm/index.ts';
import { type Concrete, Containment } from './contains.ts';
import { type NotWalked, recordWalk, type Walked } from './walked.ts';

/** Steps of one run that are checked. */
const MAX_STEPS = 20_000;
/** Objects that one kernel runs. */
const OBJECTS_PER_KERNEL = 1024;

export interface Outcome {
  readonly answer: ExchangeAnswer;
  /** How the walk was recorded, or why the program was not run. */
  readonly mode: 'exact' | 'pruned' | NotWalked;
  /** Instructions that were run and checked. */
  readonly steps: number;
  /** What a run broke, undefined where all held. */
  readonly violation: string | undefined;
}

/** Ends a run that has gone on long enough: a `may_goto` loop has millions of rounds. */
class LongEnough extends Error {}

/** The frames of a run, seen from outside. */
class Frames {
  /** Value of r10 in each frame, and the slot of the call that opened it. */
  readonly #tops: number[] = [];
  readonly #callsites: number[] = [];
  /** For each frame the one in which its walk began. */
  readonly #bases: number[] = [];
  readonly #alone: ReadonlySet<number>;
  #before = -1;

  /** @param alone first slots of functions that are walked by themselves */
  constructor(alone: ReadonlySet<number>) {
    this.#alone = alone;
  }

  /** Called at each instruction. */
  follow(depth: number, slot: number, r10: number): void {
    while (this.#tops.length > depth + 1) {
      this.#callsites.pop();
      this.#tops.pop();
      this.#bases.pop();
    }
    if (this.#tops.length < depth + 1) {
      const isFirst = depth === 0 || this.#alone.has(slot);
      this.#callsites.push(isFirst ? -1 : this.#before);
      this.#tops.push(r10);
      this.#bases.push(isFirst ? depth : this.#bases[depth - 1]);
    }
    this.#before = slot;
  }

  /** Those that the verifier knew of when it walked the innermost. */
  get known(): Pick<Concrete, 'frameTops' | 'callsites'> {
    const base = this.#bases[this.#bases.length - 1];
    if (base === 0) return { frameTops: this.#tops, callsites: this.#callsites };
    return { frameTops: this.#tops.slice(base), callsites: this.#callsites.slice(base) };
  }
}

export class SoundnessRunner {
  #kernel!: Kernel;
  #left = 0;
  readonly #exchange = new ExchangeRunner({ with: (_caps, body) => body(this.#sys()) }, { run: true, logLevel: 0 });
  readonly #record: (input: VerifyInput) => Walked | NotWalked;
  #mode: Outcome['mode'] = 'reject';
  #containment: Containment | undefined;
  #progType = 0;
  #alone: ReadonlySet<number> = new Set();
  #frames = new Frames(this.#alone);
  #ctx = 0;
  #steps = 0;
  #stepsOfRun = 0;
  #violation: string | undefined;

  /** @param record what the verifier proved; tests give a wrong one. */
  constructor(record: (input: VerifyInput) => Walked | NotWalked = recordWalk) {
    this.#record = record;
  }

  check(object: ProgramObject): Outcome {
    this.#containment = this.#violation = undefined;
    this.#mode = 'reject';
    this.#steps = this.#stepsOfRun = 0;
    const answer = this.#exchange.answer(object);
    const stopped = answer.reason.find((line) => line.includes('a verified program was stopped'));
    // A kernel that threw is not used again.
    if (stopped !== undefined || this.#stepsOfRun > MAX_STEPS) this.#left = 0;
    return { answer, mode: this.#mode, steps: this.#steps, violation: this.#violation ?? stopped };
  }

  #sys(): BpfSys {
    if (this.#left-- <= 0) {
      this.#kernel = createKernel({ observe: (interpreter) => this.#observe(interpreter) });
      this.#left = OBJECTS_PER_KERNEL;
    }
    const kernel = this.#kernel;
    return {
      backend: kernel.backend,
      possibleCpus: kernel.possibleCpus,
      bpf: <C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number => {
        // What was not walked is not loaded: it is refused, or its verification takes the time of thousands.
        if (cmd === BPF_CMD.PROG_LOAD && !this.#recordLoad(attr as ProgLoadAttr)) return -ERRNO.EINVAL;
        return kernel.bpf(cmd, attr);
      },
      close: (fd) => kernel.close(fd),
      mmap: (...args) => kernel.mmap(...args),
      poll: (...args) => kernel.poll(...args),
      openPerfEvent: (cpu) => kernel.openPerfEvent(cpu),
      setsockopt: (...args) => kernel.setsockopt(...args),
    };
  }

  #recordLoad(attr: ProgLoadAttr): boolean {
    const input = this.#kernel.verifierInput(attr);
    if (typeof input === 'number') return false;
    this.#progType = input.progType;
    const walked = this.#record(input);
    this.#mode = typeof walked === 'string' ? walked : walked.exact ? 'exact' : 'pruned';
    this.#containment = typeof walked === 'string' ? undefined : new Containment(walked);
    if (typeof walked !== 'string') this.#alone = walked.alone;
    return this.#containment !== undefined;
  }

  #observe(interpreter: Interpreter<HelperEnv>): void {
    if (!this.#containment || this.#violation !== undefined) return;
    const { slot, registers, depth } = interpreter;
    if (depth === 0 && interpreter.executed === 0) {
      this.#frames = new Frames(this.#alone);
      this.#ctx = registers[2] >>> 0;
      this.#stepsOfRun = 0;
      this.#containment.restart();
    }
    this.#frames.follow(depth, slot, registers[20] >>> 0);
    if (++this.#stepsOfRun > MAX_STEPS) throw new LongEnough(`${MAX_STEPS} steps were checked`);
    this.#steps++;
    const at: Concrete = {
      space: interpreter.env.space,
      progType: this.#progType,
      registers,
      ctx: this.#ctx,
      ...this.#frames.known,
    };
    const problem = this.#containment.problemAt(slot, at);
    if (problem !== undefined) this.#violation = `instruction ${slot}, step ${this.#stepsOfRun}: ${problem}`;
  }
}
