/**
 * The tracing of one process on one userspace subsystem: programs attached to tracepoints, and the tree of files that shows
 * and switches them, as tracefs does.
 *
 *     const host = new TraceHost(kernel);
 *     const order = host.define('shop', 'order', { id: 'u64', total: 'u32', country: 'char[2]' });
 *     host.attach('shop:order', program);
 *     host.writeFile('events/shop/order/filter', 'total > 5 && country == "DE"');
 *     order.emit({ id: 7n, total: 1999, country: 'DE' });
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { Collection, Program } from '../loader/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import type { Fields } from './fields.ts';
import { HostEvent } from './host-event.ts';
import type { EventWorld } from './host-event.ts';
import { attachInterval } from './interval.ts';
import type { Timers } from './interval.ts';
import { kernelIds } from './program-ref.ts';
import type { ProgramIds, ProgramRef } from './program-ref.ts';
import { tracepoints } from './registry.ts';
import type { TracepointRegistry } from './registry.ts';
import { TracePipe } from './trace-pipe.ts';
import type { TraceAttachOptions, TraceLink } from './trace-link.ts';
import { TraceTree } from './tree.ts';
import { Tracepoint } from './tracepoint.ts';
import type { TracepointHooks } from './tracepoint.ts';

export interface TraceHostOptions {
  /** Whose tracepoints; those of the process. */
  readonly registry?: TracepointRegistry;
  /** Whose events these are: `common_pid`, and what lines of `trace_pipe` begin with; `skep`, 1. */
  readonly task?: { readonly comm: string; readonly pid: number };
  /** Most lines that wait in `trace_pipe`; 4,096. */
  readonly pipeLines?: number;
  /** What `bpf_<ID>` in a `filter` file means; by default the program to which the kernel gave that id. */
  readonly programIds?: ProgramIds;
  /** Time of lines in `trace_pipe`: nanoseconds; the host's `performance.now`. */
  readonly clock?: () => number;
  /** What calls back again and again; without it there are no intervals. */
  readonly timers?: Timers;
}

export interface SectionAttachOptions extends TraceAttachOptions {
  /** Milliseconds between two runs of a program of type perf_event, for which its section has no word. */
  readonly interval?: number;
}

const TRACING_TYPES: ReadonlySet<number> = new Set([
  PROG_TYPE.TRACEPOINT,
  PROG_TYPE.RAW_TRACEPOINT,
  PROG_TYPE.PERF_EVENT,
]);

export class TraceHost {
  readonly kernel: Kernel;
  readonly registry: TracepointRegistry;
  /** The lines of `trace_pipe`. */
  readonly pipe: TracePipe;
  readonly #world: EventWorld;
  readonly #events = new Map<Tracepoint, HostEvent>();
  readonly #tree: TraceTree;
  readonly #unhook = new Set<() => void>();
  readonly #timers: Timers | undefined;
  readonly #intervals = new Set<TraceLink>();

  constructor(kernel: Kernel, options: TraceHostOptions = {}) {
    const { registry = tracepoints, task = { comm: 'skep', pid: 1 }, pipeLines, clock, programIds } = options;
    this.kernel = kernel;
    this.#timers = options.timers;
    this.registry = registry;
    this.pipe = new TracePipe({ capacity: pipeLines, clock, task });
    this.#world = { kernel, ids: programIds ?? kernelIds(kernel), pipe: this.pipe, pid: task.pid };
    this.#tree = new TraceTree(this);
    this.#unhook.add(kernel.traceTo((line) => this.pipe.print('bpf_trace_printk', line)));
  }

  /**
   * Define a tracepoint in the host's registry.
   * @param hooks called when somebody begins to listen, and when nobody does any more, until the host is closed
   * @throws BpfError EINVAL, EEXIST, ENOSPC, as `defineTracepoint`
   */
  define<const F extends Fields>(system: string, name: string, fields: F, hooks?: TracepointHooks): Tracepoint<F> {
    const tracepoint = this.registry.define(system, name, fields);
    if (hooks !== undefined) this.#unhook.add(tracepoint.hook(hooks));
    return tracepoint;
  }

  /** A tracepoint as this host sees it. @throws BpfError ENOENT: there is none of the name */
  event(target: string | Tracepoint): HostEvent {
    const tracepoint = typeof target === 'string' ? this.registry.find(target) : target;
    if (tracepoint === undefined) throw new BpfError(ERRNO.ENOENT, 'trace', `no tracepoint ${String(target)}`);
    let event = this.#events.get(tracepoint);
    if (event === undefined) this.#events.set(tracepoint, (event = new HostEvent(this.#world, tracepoint)));
    return event;
  }

  /**
   * Attach a program, which stays loaded until it is detached.
   * @param target `system:event`, or the tracepoint
   * @throws BpfError ENOENT; EACCES: the program needs or reads what the event does not have; EEXIST: it is attached to
   *   this event; EBADF, EINVAL: no program; ENOMEM
   */
  attach(target: string | Tracepoint, program: ProgramRef, options?: TraceAttachOptions): TraceLink;
  /**
   * Attach a program where its section says: `SEC("tracepoint/shop/order")`, `SEC("tp/…")`, `SEC("raw_tp/order")`, which needs
   * no system where one event has the name, and `SEC("perf_event")` with the option `interval`.
   * @throws BpfError as above; EINVAL: its section says nothing
   */
  attach(program: Program, options?: SectionAttachOptions): TraceLink;
  attach(
    first: string | Tracepoint | Program,
    second?: ProgramRef | SectionAttachOptions,
    options?: TraceAttachOptions,
  ): TraceLink {
    if (typeof first === 'string' || first instanceof Tracepoint)
      return this.event(first).attach(second as ProgramRef, options);
    return this.#attachBySection(first, second as SectionAttachOptions);
  }

  /**
   * Attach each tracing program of a collection where its section says; programs of other types are left alone.
   * @throws BpfError as `attach`; then none is attached
   */
  attachAll({ programs }: Collection, options?: SectionAttachOptions): TraceLink[] {
    const links: TraceLink[] = [];
    try {
      for (const program of Object.values(programs))
        if (TRACING_TYPES.has(program.type)) links.push(this.#attachBySection(program, options));
      return links;
    } catch (error) {
      for (const link of links) link.detach();
      throw error;
    }
  }

  /**
   * Run a program of type perf_event again and again. Its context is a `struct bpf_perf_event_data` whose `sample_period` is
   * the interval in nanoseconds; registers and address are 0.
   * @param milliseconds 1 to 2^31 - 1
   * @throws BpfError EINVAL: the interval; EOPNOTSUPP: the host has no timers; else as `attach`
   */
  interval(milliseconds: number, program: ProgramRef, options: TraceAttachOptions = {}): TraceLink {
    const link = attachInterval(this.#world, this.#timers, milliseconds, program, options, (gone) =>
      this.#intervals.delete(gone),
    );
    this.#intervals.add(link);
    return link;
  }

  #attachBySection(program: Program, options: SectionAttachOptions = {}): TraceLink {
    const { name, type, attachTo } = program;
    if (type === PROG_TYPE.PERF_EVENT) {
      if (options.interval !== undefined) return this.interval(options.interval, program, options);
      throw new BpfError(ERRNO.EINVAL, 'attach', `program ${name}: the option interval says how often it runs`);
    }
    if (attachTo === '') throw new BpfError(ERRNO.EINVAL, 'attach', `program ${name}: its section names no event`);
    const target = type === PROG_TYPE.RAW_TRACEPOINT && !/[:/]/.test(attachTo) ? this.#only(attachTo) : attachTo;
    return this.attach(target, program, options);
  }

  /** The one event of a name, in whatever system. */
  #only(name: string): Tracepoint {
    const found = [...this.registry].filter((one) => one.name === name);
    if (found.length === 1) return found[0];
    const which = found.map(({ system }) => `${system}:${name}`).join(', ');
    if (which) throw new BpfError(ERRNO.EINVAL, 'attach', `${name} is one of ${which}`);
    throw new BpfError(ERRNO.ENOENT, 'attach', `no tracepoint ${name}`);
  }

  /** Contents of a file, such as `events/shop/order/format`. @throws BpfError ENOENT, EISDIR, EINVAL */
  readFile(path: string): string {
    return this.#tree.read(path);
  }

  /** Write to a file; one end of line is taken off. @throws BpfError ENOENT, EISDIR, EINVAL and what the file says */
  writeFile(path: string, text: string): void {
    this.#tree.write(path, text);
  }

  /** Names in a directory; '' is the top. @throws BpfError ENOENT, ENOTDIR */
  readDir(path: string): string[] {
    return this.#tree.list(path);
  }

  /** Detach everything, and stop printing. What waits in `trace_pipe` can still be read. */
  close(): void {
    for (const event of this.#events.values()) event.close();
    for (const link of this.#intervals) link.detach();
    for (const unhook of this.#unhook) unhook();
    this.#unhook.clear();
    this.pipe.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
