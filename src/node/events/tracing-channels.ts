/**
 * Events of tracing channels, five of each: `start` and `end` around the call, `async_start` and `async_end` around what
 * comes later, and `error`. All but the beginning have a duration, which counts from there.
 */
import type { EventValues, Fields } from '../../tracing/index.ts';
import { count, ERROR_FIELDS, errorValues, place, text } from './read.ts';
import type { Foreign } from './read.ts';
import { channel, event, Span } from './source.ts';
import type { NodeEvent, Source } from './source.ts';

type Step = 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error';
const STEPS: readonly Step[] = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

interface TracingEvents<F extends Fields> {
  /** The name of the tracing channel. */
  readonly channel: string;
  readonly node?: number;
  /** Which of the five there are; all. */
  readonly steps?: readonly Step[];
  readonly fields: F;
  readonly values: (message: Foreign) => EventValues<F>;
  /** What the messages of one operation have in common; the message itself. */
  readonly keyOf?: (message: Foreign) => object;
}

/** `asyncStart` → `async_start`. */
export const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * The rows of one tracing channel.
 * @param prefix `system:name`, which `_start` and the others follow
 */
export function tracingEvents<F extends Fields>(prefix: `${string}:${string}`, wanted: TracingEvents<F>): NodeEvent[] {
  const { steps = STEPS, node, fields, values, keyOf = (message) => message } = wanted;
  const from = (step: Step): Source => channel(`tracing:${wanted.channel}:${step}`, node);
  const span = new Span(from(steps[0]), keyOf);
  return steps.map((step, i) => {
    const name = `${prefix}_${snake(step)}` as const;
    if (i === 0) return event(name, from(step), fields, values);
    if (step !== 'error') return event(name, from(step), { duration_ns: 'u64', ...fields }, timed(values), span);
    return event(name, from(step), { duration_ns: 'u64', ...fields, ...ERROR_FIELDS }, failed(values), span);
  });
}

type Values = (message: Foreign, elapsed: number) => EventValues<Fields>;

function timed(values: (message: Foreign) => EventValues<Fields>): Values {
  return (message, duration_ns) => ({ duration_ns, ...values(message) });
}

function failed(values: (message: Foreign) => EventValues<Fields>): Values {
  return (message, duration_ns) => ({ duration_ns, ...values(message), ...errorValues(message.error) });
}

export const TRACING_EVENTS: readonly NodeEvent[] = [
  ...tracingEvents('net:server_listen', {
    channel: 'net.server.listen',
    steps: ['asyncStart', 'asyncEnd', 'error'],
    fields: { port: 'u16' },
    values: ({ server, options }) => ({ port: count(Number(options?.port)) || portOf(server) }),
    keyOf: ({ server }) => server,
  }),
  ...tracingEvents('child_process:spawn', {
    channel: 'child_process.spawn',
    node: 24,
    steps: ['start', 'end', 'error'],
    fields: { file: 'char[128]' },
    values: ({ process, options }) => ({ file: text(options?.file) || text(process.spawnfile) }),
    keyOf: ({ process }) => process,
  }),
  ...tracingEvents('module:require', {
    channel: 'module.require',
    node: 22,
    steps: ['start', 'end', 'error'],
    fields: { id: 'char[128]', parent: 'char[128]' },
    values: ({ id, parentFilename }) => ({ id: text(id), parent: text(parentFilename) }),
  }),
  ...tracingEvents('module:import', {
    channel: 'module.import',
    node: 22,
    fields: { id: 'char[128]', parent: 'char[128]' },
    values: ({ url, parentURL }) => ({ id: place(url), parent: place(parentURL) }),
  }),
];

/** The port that a server got; 0 where it has none yet. */
function portOf(server: Foreign): number {
  const address = (server as unknown as { address?(): { port?: unknown } | string | null }).address?.();
  return typeof address === 'object' ? count(address?.port) : 0;
}
