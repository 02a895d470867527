/** What was traced in one thread: its programs and maps. Made where they are, printed where the user is. */
import { readFileSync } from 'node:fs';
import type { Json } from '../btf/index.ts';
import { loadCollectionSpec } from '../loader/index.ts';
import type { Tracing } from '../node/index.ts';
import { openTraceHost, startTracing } from '../node/index.ts';
import type { TraceHost, Tracepoint } from '../tracing/index.ts';
import { mapJson, mapText, readMap } from './map-table.ts';
import type { MapContents } from './map-table.ts';
import { formatTable, thousands } from './table.ts';

export interface EventSettings {
  /** Path of the object; absent: no programs. */
  readonly object?: string;
  /** Patterns of events that are printed, `system:event`, where `*` is any part. */
  readonly enable: readonly string[];
  /** Filters by event, `system:event`. */
  readonly filters: readonly (readonly [event: string, filter: string])[];
  readonly fuel?: number;
  /** Milliseconds between two runs of programs of type perf_event. */
  readonly interval?: number;
}

/** What the process that is traced is told, as JSON. */
export interface PreloadSettings extends EventSettings {
  /** Id of the process that waits for the reports; other descendants of it are not traced. */
  readonly parent: number;
  /** Directory of the reports. */
  readonly reports: string;
}

/** The environment variable of the settings. */
export const SETTINGS_VARIABLE = 'SKEP_EVENTS';

/** Whether a name is like a pattern: `*` is any part of it. */
export function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.replace('/', ':').split('*');
  const regexp = new RegExp(`^${parts.map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&')).join('.*')}$`);
  return (name) => regexp.test(name);
}

/** What is traced in this thread. */
export interface Begun {
  readonly host: TraceHost;
  /** Absent: no programs. */
  readonly tracing?: Tracing;
  /** What no event has been like: patterns to print, events to filter. */
  readonly unmatched: ReadonlySet<string>;
  close(): void;
}

/**
 * Begin as the settings say; events that the application defines later count too.
 * @throws FormatError, BpfError, VerifierError; Node's error for a file that cannot be read
 */
export function begin({ object, enable, filters, fuel, interval }: EventSettings): Begun {
  let tracing: Tracing | undefined;
  if (object !== undefined) {
    const spec = loadCollectionSpec(new Uint8Array(readFileSync(object)), { file: object });
    tracing = startTracing(spec, { fuel, interval, wait: true });
  }
  const host = tracing?.host ?? openTraceHost();
  const unmatched = new Set([...enable, ...filters.map(([event]) => event)]);
  const patterns = enable.map((pattern) => ({ pattern, matches: matcher(pattern) }));
  const look = (tracepoint: Tracepoint): void => {
    const { system, name } = tracepoint;
    for (const [event, filter] of filters)
      if (event === `${system}:${name}`) {
        host.writeFile(`events/${system}/${name}/filter`, filter);
        unmatched.delete(event);
      }
    for (const { pattern, matches } of patterns)
      if (matches(`${system}:${name}`)) {
        host.event(tracepoint).printing = true;
        unmatched.delete(pattern);
      }
  };
  const unwatch = host.registry.watch((tracepoint) => {
    try {
      look(tracepoint);
    } catch (error) {
      // It is the application that defines: it must not be stopped.
      host.pipe.print(tracepoint.name, (error as Error).message);
    }
  });
  const close = (): void => {
    unwatch();
    if (tracing) tracing.close();
    else host.close();
  };
  try {
    for (const tracepoint of host.registry) look(tracepoint);
  } catch (error) {
    close();
    throw error;
  }
  return { host, tracing, unmatched, close };
}

export interface ThreadReport {
  /** 0: the main thread. */
  readonly thread: number;
  readonly programs: readonly {
    readonly name: string;
    readonly event: string;
    readonly runs: number;
    readonly misses: number;
    readonly attached: boolean;
  }[];
  readonly maps: readonly MapContents[];
  /** What was asked for and never came. */
  readonly warnings: readonly string[];
}

export function report(thread: number, { tracing, unmatched }: Begun): ThreadReport {
  const programs = (tracing?.links ?? []).map(({ program, target, runs, misses, attached }) => {
    return { name: program.name, event: target, runs, misses, attached };
  });
  const maps: MapContents[] = [];
  for (const [name, map] of Object.entries(tracing?.maps ?? {})) {
    try {
      maps.push(readMap(name, map, true));
    } catch {
      // A ring buffer or the like: nothing to be listed.
    }
  }
  const warnings = [...(tracing?.waiting ?? [])].map((name) => {
    return `program ${name} was not attached: there was no event ${tracing?.programs[name].attachTo}`;
  });
  warnings.push(...[...unmatched].map((pattern) => `there was no event ${pattern}`));
  return { thread, programs, maps, warnings };
}

/** @param several say which thread it is */
export function reportText({ thread, programs, maps }: ThreadReport, several: boolean): string {
  const title = several ? `thread ${thread}${thread === 0 ? ' (main)' : ''}\n\n` : '';
  const rows = programs.map(({ name, event, runs, misses, attached }) => {
    return [name, event, thousands(runs), thousands(misses), attached ? '' : 'detached'];
  });
  const table = rows.length > 0 ? `${formatTable([['program', 'event', 'runs', 'misses', ''], ...rows])}\n` : '';
  return title + table + maps.map(mapText).join('\n');
}

export function reportJson({ thread, programs, maps, warnings }: ThreadReport): Json {
  const contents = Object.fromEntries(maps.map((map) => [map.name, mapJson(map)]));
  return { thread, programs: programs.map((program) => ({ ...program })), maps: contents, warnings: [...warnings] };
}
