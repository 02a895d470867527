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
import type { Fields } from './fields.ts';
import { HostEvent } from './host-event.ts';
import type { EventWorld } from './host-event.ts';
import { kernelIds } from './program-ref.ts';
import type { ProgramIds, ProgramRef } from './program-ref.ts';
import { tracepoints } from './registry.ts';
import type { TracepointRegistry } from './registry.ts';
import { TracePipe } from './trace-pipe.ts';
import type { TraceAttachOptions, TraceLink } from './trace-link.ts';
import { TraceTree } from './tree.ts';
import type { Tracepoint, TracepointHooks } from './tracepoint.ts';

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
}

export class TraceHost {
  readonly kernel: Kernel;
  readonly registry: TracepointRegistry;
  /** The lines of `trace_pipe`. */
  readonly pipe: TracePipe;
  readonly #world: EventWorld;
  readonly #events = new Map<Tracepoint, HostEvent>();
  readonly #tree: TraceTree;
  readonly #unhook = new Set<() => void>();

  constructor(kernel: Kernel, options: TraceHostOptions = {}) {
    const { registry = tracepoints, task = { comm: 'skep', pid: 1 }, pipeLines, clock, programIds } = options;
    this.kernel = kernel;
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
  attach(target: string | Tracepoint, program: ProgramRef, options?: TraceAttachOptions): TraceLink {
    return this.event(target).attach(program, options);
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
    for (const unhook of this.#unhook) unhook();
    this.#unhook.clear();
    this.pipe.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
