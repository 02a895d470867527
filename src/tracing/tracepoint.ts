/**
 * A tracepoint: a place in a program that reports an event. `emit` costs one test where nobody listens, and throws nothing
 * for any value. Whoever has to prepare values asks `enabled` first.
 */
import type { EventValues, Field, Fields, RecordLayout } from './fields.ts';

/** Called when the first listener comes and when the last one has gone: sources of events start and stop there. */
export interface TracepointHooks {
  enabled?(): void;
  disabled?(): void;
}

/** Who is told of events. Must not throw. */
export interface TracepointListener {
  event(values: Readonly<Record<string, unknown>>): void;
}

export class Tracepoint<F extends Fields = Fields> {
  readonly system: string;
  readonly name: string;
  /** 1 to 65,535: unique in its registry, and the record's `common_type`. */
  readonly id: number;
  /** Names and types as they were given. */
  readonly types: F;
  readonly layout: RecordLayout;
  /** Whether somebody listens. */
  enabled = false;
  /** Replaced, never changed: listeners come and go while an event is under way. */
  #listeners: readonly TracepointListener[] = [];
  readonly #hooks = new Set<TracepointHooks>();

  /** Use `defineTracepoint` or a registry. */
  constructor(system: string, name: string, id: number, types: F, layout: RecordLayout) {
    this.system = system;
    this.name = name;
    this.id = id;
    this.types = types;
    this.layout = layout;
  }

  get fields(): readonly Field[] {
    return this.layout.fields;
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.length;
  }

  /** Report an event. Values are copied before this returns. */
  emit(values: EventValues<F>): void {
    if (!this.enabled) return;
    const listeners = this.#listeners;
    for (let i = 0; i < listeners.length; i++) listeners[i].event(values);
  }

  /** Told at once if somebody listens already. @returns what takes the hooks away */
  hook(hooks: TracepointHooks): () => void {
    this.#hooks.add(hooks);
    if (this.enabled) hooks.enabled?.();
    return () => {
      if (this.#hooks.delete(hooks) && this.enabled) hooks.disabled?.();
    };
  }

  /** @returns what ends it; again is harmless */
  listen(listener: TracepointListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    this.#changed();
    return () => {
      if (!this.#listeners.includes(listener)) return;
      this.#listeners = this.#listeners.filter((other) => other !== listener);
      this.#changed();
    };
  }

  #changed(): void {
    const enabled = this.#listeners.length > 0;
    if (enabled === this.enabled) return;
    this.enabled = enabled;
    for (const hooks of this.#hooks) (enabled ? hooks.enabled : hooks.disabled)?.call(hooks);
  }
}
