/**
 * Tracing in this thread: a trace host that knows Node's events, on a subsystem of its own. Channels, programs and maps belong
 * to one thread: a worker that is to be traced opens a host of its own, and what its maps hold is read there.
 */
import { basename } from 'node:path';
import { BpfError, ERRNO } from '../../errors/index.ts';
import { createKernel } from '../../kernel/index.ts';
import type { Kernel, KernelOptions } from '../../kernel/index.ts';
import type { Collection, CollectionSpec, LoadOptions, Program } from '../../loader/index.ts';
import { TraceHost } from '../../tracing/index.ts';
import type { SectionAttachOptions, Timers, TraceHostOptions, TraceLink } from '../../tracing/index.ts';
import { PROG_TYPE } from '../../uapi/index.ts';
import { monotonic, threadClock } from './clock.ts';
import { defineNodeEvents } from './define.ts';

const MAX_COMM = 15;
const TRACING_TYPES: ReadonlySet<number> = new Set([
  PROG_TYPE.TRACEPOINT,
  PROG_TYPE.RAW_TRACEPOINT,
  PROG_TYPE.PERF_EVENT,
]);

/** Who this process is, as `bpf_get_current_*` answers. */
export function thisTask(): NonNullable<KernelOptions['task']> {
  const comm = basename(process.title.split(' ')[0] || 'node').slice(0, MAX_COMM);
  const { pid } = process;
  return { pid, tgid: pid, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, comm };
}

/** A kernel whose programs see this process: its id, its user, its name and its clock. */
export function createProcessKernel(options: KernelOptions = {}): Kernel {
  return createKernel({ task: thisTask(), clock: threadClock, ...options });
}

/** Timers that do not keep the process alive. */
const nodeTimers: Timers = {
  every: (milliseconds, body) => {
    const timer = setInterval(body, milliseconds);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/**
 * A trace host for this thread, with the events of Node (docs/events.md) and those that the application defines.
 * @throws BpfError EEXIST: the application has a tracepoint with the name of one of Node's
 */
export function openTraceHost(kernel: Kernel = createProcessKernel(), options: TraceHostOptions = {}): TraceHost {
  const host = new TraceHost(kernel, { task: thisTask(), clock: monotonic, timers: nodeTimers, ...options });
  defineNodeEvents(host.registry);
  return host;
}

export interface TracingOptions extends SectionAttachOptions {
  /**
   * A program for an event that there is not yet is attached as soon as it is defined, where otherwise ENOENT is thrown: for
   * programs that begin before the application. What goes wrong then is said in `trace_pipe`.
   */
  readonly wait?: boolean;
  readonly kernel?: KernelOptions;
  readonly host?: TraceHostOptions;
  readonly load?: LoadOptions;
}

/** Programs of an object that run on events of this thread, until it is closed. */
export interface Tracing {
  readonly kernel: Kernel;
  readonly host: TraceHost;
  /** Of the programs that have been attached. */
  readonly links: readonly TraceLink[];
  /** Names of the programs whose events are not defined yet; see `TracingOptions.wait`. */
  readonly waiting: ReadonlySet<string>;
  readonly maps: Collection['maps'];
  readonly programs: Collection['programs'];
  /** Detach and unload all of it. Again is harmless. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Load an object and attach its tracing programs where their sections say: `SEC("tracepoint/http/server_request_start")`,
 * `SEC("raw_tp/server_request_start")`, and `SEC("perf_event")` with the option `interval`.
 *
 *     using tracing = startTracing(loadCollectionSpec(await readFile('http.bpf.o')));
 *     …
 *     for (const [request, count] of tracing.maps.requests) console.log(request.url, count);
 *
 * @throws BpfError, VerifierError as `load` and `TraceHost.attach`; EINVAL: the object has no such program. Then nothing stays
 *   attached.
 */
export function startTracing(spec: CollectionSpec, options: TracingOptions = {}): Tracing {
  const kernel = createProcessKernel(options.kernel);
  const host = openTraceHost(kernel, options.host);
  let collection: Collection | undefined;
  let attached: Attached | undefined;
  const close = (): void => {
    attached?.stopWaiting();
    host.close();
    collection?.close();
  };
  try {
    collection = spec.load(kernel, options.load);
    attached = attachPrograms(host, collection, options);
    const { maps, programs } = collection;
    const { links, waiting } = attached;
    return { kernel, host, links, waiting, maps, programs, close, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

interface Attached {
  readonly links: readonly TraceLink[];
  readonly waiting: ReadonlySet<string>;
  stopWaiting(): void;
}

/** @throws BpfError as startTracing */
function attachPrograms(host: TraceHost, { programs }: Collection, options: TracingOptions): Attached {
  const links: TraceLink[] = [];
  const waiting = new Set<string>();
  /** @returns whether its event is there */
  const attach = (program: Program): boolean => {
    try {
      links.push(host.attach(program, options));
      return true;
    } catch (error) {
      if (error instanceof BpfError && error.errno === ERRNO.ENOENT && options.wait) return false;
      throw error;
    }
  };
  const wanted = Object.values(programs).filter(({ type }) => TRACING_TYPES.has(type));
  if (wanted.length === 0) throw new BpfError(ERRNO.EINVAL, 'attach', 'the object has no program for events');
  for (const program of wanted) if (!attach(program)) waiting.add(program.name);
  if (waiting.size === 0) return { links, waiting, stopWaiting() {} };
  const stopWaiting = host.registry.watch(() => {
    for (const name of waiting)
      try {
        if (attach(programs[name])) waiting.delete(name);
      } catch (error) {
        // It is the application that defines: it must not be stopped.
        waiting.delete(name);
        host.pipe.print(name, `cannot be attached: ${(error as Error).message}`);
      }
  });
  return { links, waiting, stopWaiting };
}
