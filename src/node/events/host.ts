/**
 * Tracing in this thread: a trace host that knows Node's events, on a subsystem of its own. Channels, programs and maps belong
 * to one thread: a worker that is to be traced opens a host of its own, and what its maps hold is read there.
 */
import { basename } from 'node:path';
import { BpfError, ERRNO } from '../../errors/index.ts';
import { createKernel } from '../../kernel/index.ts';
import type { Kernel, KernelOptions } from '../../kernel/index.ts';
import type { Collection, CollectionSpec, LoadOptions } from '../../loader/index.ts';
import { TraceHost } from '../../tracing/index.ts';
import type { SectionAttachOptions, Timers, TraceHostOptions, TraceLink } from '../../tracing/index.ts';
import { monotonic, threadClock } from './clock.ts';
import { defineNodeEvents } from './define.ts';

const MAX_COMM = 15;

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
  readonly kernel?: KernelOptions;
  readonly host?: TraceHostOptions;
  readonly load?: LoadOptions;
}

/** Programs of an object that run on events of this thread, until it is closed. */
export interface Tracing {
  readonly kernel: Kernel;
  readonly host: TraceHost;
  readonly links: readonly TraceLink[];
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
  const close = (): void => {
    host.close();
    collection?.close();
  };
  try {
    collection = spec.load(kernel, options.load);
    const links = host.attachAll(collection, options);
    if (links.length === 0) throw new BpfError(ERRNO.EINVAL, 'attach', 'the object has no program for events');
    const { maps, programs } = collection;
    return { kernel, host, links, maps, programs, close, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}
