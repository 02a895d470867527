/**
 * Where events of the running thread come from, and the rows of the table of events that are made of them. A source listens
 * only between `listen` and what it returned, and what it reports never gets an exception of ours.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';
import type { EventValues, Fields } from '../../tracing/index.ts';
import type { Foreign } from './read.ts';
import { nanoseconds } from './read.ts';

export interface Source {
  /** What documentation calls it: `channel http.server.request.start`. */
  readonly text: string;
  /** The first major version of Node that has it, of those from 20 on. With earlier ones nothing ever comes. */
  readonly node: number;
  /** Must not be called again before it has stopped. @returns what stops it */
  listen(take: (message: Foreign) => void): () => void;
}

/** One row of the table. */
export interface NodeEvent {
  readonly system: string;
  readonly name: string;
  readonly fields: Fields;
  readonly source: Source;
  /** What `duration_ns` counts from. */
  readonly span?: Span;
  /** Listen and report each event. @returns what stops it */
  listen(emit: (values: EventValues<Fields>) => void): () => void;
}

/** Fields of which nothing could be read. */
const UNREADABLE: EventValues<Fields> = {};

/**
 * A row. An event whose object cannot be read is reported all the same, with zeros: it did happen.
 * @param name `system:event`
 * @param values called with the message, and nanoseconds since the span began, 0 where that was not seen
 */
export function event<const F extends Fields>(
  name: `${string}:${string}`,
  source: Source,
  fields: F,
  values: (message: Foreign, elapsed: number) => EventValues<F>,
  span?: Span,
): NodeEvent {
  const [system, rest] = name.split(':');
  function listen(emit: (values: EventValues<Fields>) => void): () => void {
    const stop = source.listen((message) => {
      let read: EventValues<Fields>;
      try {
        read = values(message, span === undefined ? 0 : span.elapsed(message));
      } catch {
        read = UNREADABLE;
      }
      emit(read);
    });
    const close = span?.open();
    return () => {
      stop();
      close?.();
    };
  }
  return { system, name: rest, fields, source, span, listen };
}

/** A channel of `node:diagnostics_channel`. */
export function channel(name: string, node = 20): Source {
  return {
    text: `channel ${name}`,
    node,
    listen(take) {
      const onMessage = (message: unknown): void => take(message as Foreign);
      subscribe(name, onMessage);
      return () => void unsubscribe(name, onMessage);
    },
  };
}

/** Where the time at which something began is kept: with the object or beside it. Neither keeps the object alive. */
interface Times {
  get(key: object): number | undefined;
  set(key: object, time: number): unknown;
}

const BEGAN = Symbol('skep: began');

/** With it: twenty times as quick, for objects of Node itself, on which one more symbol is no surprise. */
const marks: Times = {
  get: (key) => (key as { [BEGAN]?: number })[BEGAN],
  set: (key, time) => ((key as { [BEGAN]?: number })[BEGAN] = time),
};

/** The times at which something began, for as long as somebody asks. */
export class Span {
  readonly source: Source;
  readonly #keyOf: (message: Foreign) => object | undefined;
  readonly #marked: boolean;
  #began: Times;
  #users = 0;
  #stop: (() => void) | undefined;

  /**
   * @param keyOf the object that the messages of the beginning and of the end have in common
   * @param marked it is one of Node's, and may be marked
   */
  constructor(source: Source, keyOf: (message: Foreign) => object | undefined, marked = false) {
    this.source = source;
    this.#keyOf = keyOf;
    this.#marked = marked;
    this.#began = this.#none();
  }

  /** @returns what closes it */
  open(): () => void {
    if (this.#users++ === 0) this.#stop = this.source.listen((message) => this.#begin(message));
    return () => {
      if (--this.#users > 0) return;
      this.#stop?.();
      this.#began = this.#none();
    };
  }

  /** Nanoseconds since it began; 0: that was not seen. */
  elapsed(message: Foreign): number {
    const key = this.#keyOf(message);
    const began = key === undefined ? undefined : this.#began.get(key);
    return began === undefined ? 0 : nanoseconds(performance.now() - began);
  }

  #none(): Times {
    return this.#marked ? marks : new WeakMap();
  }

  #begin(message: Foreign): void {
    try {
      const key = this.#keyOf(message);
      if (key !== undefined) this.#began.set(key, performance.now());
    } catch {
      // No object to remember: its events have no duration.
    }
  }
}
