/**
 * Tracepoints of what Node reports, and of what applications report on channels of their own. Each listens to its source only
 * while somebody listens to it.
 */
import { tracepoints } from '../../tracing/index.ts';
import type { EventValues, Fields, Tracepoint, TracepointRegistry } from '../../tracing/index.ts';
import { safely } from './read.ts';
import type { Foreign } from './read.ts';
import { channel, event } from './source.ts';
import type { NodeEvent } from './source.ts';
import { NODE_EVENTS } from './table.ts';
import { snake, tracingEvents } from './tracing-channels.ts';

const defined = new WeakSet<TracepointRegistry>();

/** Define the events of Node in a registry; again is harmless. @throws BpfError EEXIST: the names are taken */
export function defineNodeEvents(registry: TracepointRegistry = tracepoints): void {
  if (defined.has(registry)) return;
  for (const one of NODE_EVENTS) bind(registry, one);
  defined.add(registry);
}

function bind(registry: TracepointRegistry, { system, name, fields, listen }: NodeEvent): Tracepoint {
  const tracepoint = registry.define(system, name, fields);
  let stop: (() => void) | undefined;
  tracepoint.hook({
    enabled: () => (stop ??= listen((values) => tracepoint.emit(values))),
    disabled() {
      stop?.();
      stop = undefined;
    },
  });
  return tracepoint;
}

export interface ChannelOptions<F extends Fields> {
  /** `system:event` of the tracepoint; by default made of the channel's name. */
  readonly as?: `${string}:${string}`;
  /** Values of the fields from a message; by default its members of the same names. */
  readonly values?: (message: never) => EventValues<F>;
  /** The registry of the process. */
  readonly registry?: TracepointRegistry;
}

/**
 * A tracepoint of the messages of a diagnostics channel.
 *
 *     defineChannel('shop.order', { id: 'u64', country: 'char[2]' });      // shop:order
 *     diagnostics_channel.channel('shop.order').publish({ id: 7, country: 'DE' });
 *
 * @throws BpfError EINVAL (no name for a tracepoint, fields), EEXIST, ENOSPC
 */
export function defineChannel<const F extends Fields>(
  name: string,
  fields: F,
  options: ChannelOptions<F> = {},
): Tracepoint<F> {
  const { as = tracepointName(name), values, registry = tracepoints } = options;
  return bind(registry, event(as, channel(name), fields, reader(fields, values))) as unknown as Tracepoint<F>;
}

/**
 * The five tracepoints of a tracing channel: `_start`, `_end`, `_async_start`, `_async_end` and `_error`. All but the first
 * begin with `duration_ns`, since `start`; the last ends with `error_name`, `error_code` and `error_message`.
 *
 *     defineTracingChannel('db.query', { table: 'char[32]' });             // db:query_start, db:query_end, …
 *
 * @throws BpfError as defineChannel
 */
export function defineTracingChannel<const F extends Fields>(
  name: string,
  fields: F,
  options: ChannelOptions<F> = {},
): Tracepoint[] {
  const { as = tracepointName(name), values, registry = tracepoints } = options;
  const rows = tracingEvents(as, { channel: name, fields, values: reader(fields, values) });
  return rows.map((row) => bind(registry, row));
}

function reader<F extends Fields>(
  fields: F,
  values: ChannelOptions<F>['values'],
): (message: Foreign) => EventValues<F> {
  if (values !== undefined) return values as (message: Foreign) => EventValues<F>;
  const names = Object.keys(fields);
  return (message) => {
    const read: Record<string, unknown> = {};
    for (const name of names) read[name] = safely(() => message[name]);
    return read as EventValues<F>;
  };
}

/** `db.queryDone` → `db:query_done`; a name of one word is an event of the system `channel`. */
export function tracepointName(channel: string): `${string}:${string}` {
  const parts = snake(channel).split(/\W+/).filter(Boolean);
  const [system, ...rest] = parts.length > 1 ? parts : ['channel', ...parts];
  return `${system}:${rest.join('_')}`;
}
