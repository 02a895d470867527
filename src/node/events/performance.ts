/**
 * Events of the kinds of entries that a PerformanceObserver reports. Node collects entries and hands them over later, so these
 * events come after what they tell of; `start_ns` says when it began.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import type { EntryType } from 'node:perf_hooks';
import type { EventValues, Fields } from '../../tracing/index.ts';
import { monotonic } from './clock.ts';
import { count, nanoseconds, text } from './read.ts';
import type { Foreign } from './read.ts';
import { event } from './source.ts';
import type { NodeEvent, Source } from './source.ts';

function entries(type: string): Source {
  return {
    text: `PerformanceObserver ${type}`,
    node: 20,
    listen(take) {
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) take(entry as unknown as Foreign);
      });
      observer.observe({ type: type as EntryType });
      return () => observer.disconnect();
    },
  };
}

const TIMES = { start_ns: 'u64', duration_ns: 'u64' } as const;

/** A row: the times come first, then `fields`. */
function entry<const F extends Fields>(type: string, fields: F, values: (entry: Foreign) => EventValues<F>): NodeEvent {
  const own = values as (entry: Foreign) => EventValues<Fields>;
  return event<Fields>(`perf:${type}`, entries(type), { ...TIMES, ...fields }, (entry) => ({
    start_ns: monotonic(Number(entry.startTime)),
    duration_ns: nanoseconds(entry.duration),
    ...own(entry),
  }));
}

const NAME = { name: 'char[64]' } as const;
const name = ({ name }: Foreign) => ({ name: text(name) });

export const PERFORMANCE_EVENTS: readonly NodeEvent[] = [
  entry('gc', { gc_kind: 'u32', gc_flags: 'u32' }, ({ detail }) => ({
    gc_kind: count(detail.kind),
    gc_flags: count(detail.flags),
  })),
  entry('dns', { name: 'char[16]', host: 'char[64]' }, ({ name, detail }) => ({
    name: text(name),
    host: text(detail?.hostname) || text(detail?.host),
  })),
  entry('net', { port: 'u16', name: 'char[16]', host: 'char[64]' }, ({ name, detail }) => ({
    port: count(Number(detail?.port)),
    name: text(name),
    host: text(detail?.host),
  })),
  entry(
    'http',
    { status: 'u16', name: 'char[16]', method: 'char[8]', url: 'char[64]' },
    ({ name, detail: { req, res } }) => ({
      status: count(res?.statusCode),
      name: text(name),
      method: text(req?.method),
      url: text(req?.url),
    }),
  ),
  entry('http2', NAME, name),
  entry(
    'resource',
    { status: 'u16', bytes: 'u64', initiator: 'char[16]', url: 'char[128]' },
    ({ responseStatus, transferSize, initiatorType, name }) => ({
      status: count(responseStatus),
      bytes: count(transferSize),
      initiator: text(initiatorType),
      url: text(name),
    }),
  ),
  entry('function', NAME, name),
  entry('mark', NAME, name),
  entry('measure', NAME, name),
];
