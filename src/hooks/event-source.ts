/**
 * Events of the running process: a record in the memory, which whoever sees the event writes, and the programs that run on
 * it. A program of type tracepoint is given the record itself; one of type raw_tracepoint its fields, widened to words of 64
 * bits (a text is its address, for `bpf_probe_read_kernel_str`); one of type perf_event a `struct bpf_perf_event_data`, which
 * is then the record. A program that takes more than its budget is detached, and whoever asked is told.
 */
import { InternalError } from '../errors/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { AttachedProgram } from './attached.ts';
import type { AttachedStats } from './attached.ts';

/** @kernel MAX_BPF_FUNC_ARGS, 8 bytes each */
const ARGS_SIZE = 12 * 8;

/** A field of the record that a raw tracepoint program gets as an argument. */
export interface EventArg {
  readonly offset: number;
  /** Bytes: 1, 2, 4 or 8; of a text: all of them. */
  readonly size: number;
  readonly signed: boolean;
  /** A text: its address is given. */
  readonly text: boolean;
}

export interface EventShape {
  /** Bytes of the record, 8 to 65,535. */
  readonly size: number;
  /** At most 12. */
  readonly args: readonly EventArg[];
}

/** A program at an event. */
export interface EventAttachment extends AttachedStats {
  /** False once it is detached: by `detach`, or since it took more than it may. */
  readonly attached: boolean;
  detach(): void;
}

export interface EventAttachOptions {
  /** Instructions that a run may take; 1,000,000. Infinity: no end. */
  readonly fuel?: number;
  /** Called when the program is detached since a run failed. */
  readonly stopped?: (error: Error) => void;
}

export class EventSource {
  readonly shape: EventShape;
  /** Where the record lies in the memory. */
  readonly address: number;
  readonly #cpu: Cpu;
  readonly #record: Region;
  #args: Region | undefined;
  /** Replaced, never changed: events may come while one is under way. */
  #programs: readonly Attachment[] = [];

  /** @returns undefined where there is no memory for it */
  static open(cpu: Cpu, shape: EventShape): EventSource | undefined {
    const record = cpu.host.space.allocate(shape.size, { kind: 'ctx', name: 'event', writable: false });
    return record && new EventSource(cpu, shape, record);
  }

  constructor(cpu: Cpu, shape: EventShape, record: Region) {
    this.#cpu = cpu;
    this.shape = shape;
    this.#record = record;
    this.address = record.base;
  }

  /** The memory, where `address` counts. Growing it detaches its views: ask again for each event. */
  get space(): AddressSpace {
    return this.#cpu.host.space;
  }

  /** Programs that run when the event fires. */
  get listeners(): number {
    return this.#programs.length;
  }

  /** Whether the record may be written now: no program runs. If not, say `missed`. */
  get idle(): boolean {
    return this.#cpu.host.rcu.idle;
  }

  /** The event came while a program ran. */
  missed(): void {
    for (const { program } of this.#programs) program.misses++;
  }

  /** @param released called once, when the program is detached. @returns undefined where there is no memory for it */
  attach(image: ProgramImage, options: EventAttachOptions, released: () => void): EventAttachment | undefined {
    if (image.progType === PROG_TYPE.RAW_TRACEPOINT) {
      this.#args ??= this.space.allocate(ARGS_SIZE, { kind: 'ctx', name: 'arguments of an event', writable: false });
      if (this.#args === undefined) return undefined;
    }
    const context = image.progType === PROG_TYPE.RAW_TRACEPOINT && this.#args ? this.#args.base : this.address;
    const program = new AttachedProgram(this.#cpu, image, options.fuel);
    const attachment = new Attachment(program, context, options, (gone) => {
      this.#programs = this.#programs.filter((other) => other !== gone);
      released();
    });
    this.#programs = [...this.#programs, attachment];
    return attachment;
  }

  /** The record is written, since the source was `idle`: run the programs, in the order in which they were attached. Throws nothing that a program causes. */
  fire(): void {
    const programs = this.#programs;
    if (this.#args !== undefined) this.#writeArgs(this.#args.base);
    for (let i = 0; i < programs.length; i++) {
      programs[i].run();
    }
  }

  #writeArgs(base: number): void {
    const { view } = this.space;
    const { args } = this.shape;
    for (let i = 0; i < args.length; i++) {
      const { offset, size, signed, text } = args[i];
      const from = this.address + offset;
      const to = base + 8 * i;
      let low = from;
      let high = 0;
      if (!text) {
        low = size === 1 ? view.getInt8(from) : size === 2 ? view.getInt16(from, true) : view.getInt32(from, true);
        if (size === 8) high = view.getInt32(from + 4, true);
        else if (signed) high = low >> 31;
        else if (size < 4) low &= size === 1 ? 0xff : 0xffff;
      }
      view.setInt32(to, low, true);
      view.setInt32(to + 4, high, true);
    }
  }

  /** Detach every program and give the memory back. */
  close(): void {
    for (const one of this.#programs) one.detach();
    const { space } = this;
    const args = this.#args;
    this.#cpu.host.rcu.defer(() => {
      space.free(this.#record);
      if (args !== undefined) space.free(args);
    });
  }
}

class Attachment implements EventAttachment {
  readonly program: AttachedProgram;
  attached = true;
  /** Address of what it is given. */
  readonly #context: number;
  readonly #stopped: EventAttachOptions['stopped'];
  readonly #released: (self: Attachment) => void;

  constructor(
    program: AttachedProgram,
    context: number,
    options: EventAttachOptions,
    released: (self: Attachment) => void,
  ) {
    this.program = program;
    this.#context = context;
    this.#stopped = options.stopped;
    this.#released = released;
  }

  get runs(): number {
    return this.program.runs;
  }

  get misses(): number {
    return this.program.misses;
  }

  run(): void {
    if (!this.attached) return;
    try {
      this.program.run(this.#context);
    } catch (error) {
      this.detach();
      this.#stopped?.(error instanceof Error ? error : new InternalError(String(error)));
    }
  }

  detach(): void {
    if (!this.attached) return;
    this.attached = false;
    this.#released(this);
  }
}
