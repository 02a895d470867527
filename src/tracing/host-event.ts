/**
 * A tracepoint as one host sees it: its record in the host's memory, the filter, the programs, and whether it is printed. It
 * listens to the tracepoint only while there is a program or a printer. An event that comes from inside another one, or while
 * a program runs, is missed and counted.
 */
import { EVENT_PLACE } from '../contracts/index.ts';
import { BpfError, ERRNO, Trap } from '../errors/index.ts';
import type { Kernel, KernelEvent } from '../kernel/index.ts';
import { FilterFile } from './filter-file.ts';
import type { EventFilter } from './filter.ts';
import { RecordWriter } from './record.ts';
import { recordText } from './record-text.ts';
import { programInfo } from './program-ref.ts';
import type { ProgramIds, ProgramRef } from './program-ref.ts';
import type { TracePipe } from './trace-pipe.ts';
import { TraceLink } from './trace-link.ts';
import type { TraceAttachOptions } from './trace-link.ts';
import type { Tracepoint, TracepointListener } from './tracepoint.ts';

/** Arguments of a raw tracepoint. @kernel MAX_BPF_FUNC_ARGS */
const MAX_ARGS = 12;

/** What the events of a host share. */
export interface EventWorld {
  readonly kernel: Kernel;
  /** What `bpf_<ID>` in a filter file means. */
  readonly ids: ProgramIds;
  readonly pipe: TracePipe;
  /** `common_pid` of its records. */
  readonly pid: number;
}

/** A tracepoint whose record is in the memory. */
interface Opened {
  readonly event: KernelEvent;
  readonly source: KernelEvent['source'];
  readonly writer: RecordWriter;
}

export class HostEvent implements TracepointListener {
  readonly tracepoint: Tracepoint;
  /** Events that came from inside another one. */
  missed = 0;
  /** Which events programs and the printer see; absent: all. */
  filter: EventFilter | undefined;
  readonly filterFile: FilterFile;
  readonly #world: EventWorld;
  #open: Opened | undefined;
  #links: readonly TraceLink[] = [];
  #printing = false;
  /** Programs run on the record: what is told when one is detached may report events. */
  #busy = false;
  #closed = false;
  #unlisten: (() => void) | undefined;

  constructor(world: EventWorld, tracepoint: Tracepoint) {
    this.#world = world;
    this.tracepoint = tracepoint;
    this.filterFile = new FilterFile(world.ids, this);
  }

  get target(): string {
    return `${this.tracepoint.system}:${this.tracepoint.name}`;
  }

  /** In the order in which they were attached. */
  get links(): readonly TraceLink[] {
    return this.#links;
  }

  /** Whether events are printed into `trace_pipe`. */
  get printing(): boolean {
    return this.#printing;
  }

  set printing(on: boolean) {
    if (on) this.#opened();
    this.#printing = on;
    try {
      this.#listen();
    } catch (error) {
      this.#printing = false;
      throw error;
    }
  }

  /** Values given so far that were of no type for their fields. */
  get mistyped(): number {
    return this.#open?.writer.mistyped ?? 0;
  }

  /** How a program is attached; undefined: it is not. @throws BpfError EBADF: no descriptor of a program */
  linkOf(program: ProgramRef): TraceLink | undefined {
    const { id } = programInfo(this.#world.kernel, program);
    return this.#links.find((link) => link.program.id === id);
  }

  /** @throws BpfError as KernelEvent.attach; EEXIST: the program is attached to this event; what a hook throws */
  attach(program: ProgramRef, options: TraceAttachOptions = {}): TraceLink {
    const { event } = this.#opened();
    const info = programInfo(this.#world.kernel, program);
    if (this.#links.some((link) => link.program.id === info.id))
      throw new BpfError(ERRNO.EEXIST, 'attach', `program ${info.id} is attached to ${this.target}`);
    const link = new TraceLink(this.target, event, program.fd, info, options, (gone, error) => {
      this.#links = this.#links.filter((other) => other !== gone);
      if (error) this.#world.pipe.print(this.tracepoint.name, detachedLine(gone, error));
      this.#listen();
    });
    this.#links = [...this.#links, link];
    try {
      this.#listen();
    } catch (error) {
      link.detach();
      throw error;
    }
    return link;
  }

  /** Nothing in it throws: that needs no `finally`, which would cost a third. */
  event(
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
    g: unknown,
    h: unknown,
    others: readonly unknown[] | undefined,
  ): void {
    if (this.#open === undefined) return;
    const { source, writer } = this.#open;
    if (this.#busy || !source.idle) {
      this.missed++;
      source.missed();
      return;
    }
    this.#busy = true;
    writer.write(a, b, c, d, e, f, g, h, others);
    if (this.filter === undefined || this.filter.test(source.space.view, source.address)) {
      source.fire();
      if (this.#printing) this.#print(source);
    }
    this.#busy = false;
    if (this.#closed) this.close();
  }

  #print({ space, address }: KernelEvent['source']): void {
    const { name, fields } = this.tracepoint;
    try {
      this.#world.pipe.print(name, recordText(space, address, fields));
    } catch {
      // A clock that throws: the line is lost.
    }
  }

  /** Detach all and give the memory back; from inside an event, when that is over. */
  close(): void {
    for (const link of this.#links) link.detach();
    this.#printing = false;
    this.#closed = true;
    this.#listen();
    if (this.#busy) return;
    this.#open?.event.close();
    this.#open = undefined;
  }

  /** @throws BpfError ENOMEM, EBADF once the host is closed */
  #opened(): Opened {
    if (this.#open) return this.#open;
    if (this.#closed) throw new BpfError(ERRNO.EBADF, 'trace', 'the host is closed');
    const { kernel, pid } = this.#world;
    const { layout, id } = this.tracepoint;
    const args = layout.fields.slice(0, MAX_ARGS).map(({ offset, size, signed, kind }) => {
      return { offset, size, signed, text: kind === 'text' };
    });
    const event = kernel.openEvent({ ...EVENT_PLACE, name: this.target }, { size: layout.size, args }, layout.fields);
    const { source } = event;
    const { space, address } = source;
    space.view.setUint16(address, id, true);
    space.view.setInt32(address + 4, pid, true);
    this.#open = { event, source, writer: new RecordWriter(space, address, layout) };
    return this.#open;
  }

  #listen(): void {
    const wanted = this.#printing || this.#links.length > 0;
    if (wanted === (this.#unlisten !== undefined)) return;
    if (wanted) this.#unlisten = this.tracepoint.listen(this);
    else {
      const unlisten = this.#unlisten;
      this.#unlisten = undefined;
      unlisten?.();
    }
  }
}

/** What `trace_pipe` says of a program that had to go. */
export function detachedLine({ program, target }: TraceLink, error: Error): string {
  const named = program.name === '' ? '' : `${program.name} `;
  return `program ${named}(bpf_${program.id}) is detached from ${target}: ${error instanceof Trap ? error.reason : error.message}`;
}
