/**
 * A tracepoint: a place in a program that reports an event. `emit` costs one test where nobody listens, and throws nothing
 * for any value. Whoever has to prepare values asks `enabled` first.
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import { FIRST, compilePick } from './compiled.ts';
import type { TakesValues } from './compiled.ts';
import type { EventValues, Field, Fields, FieldValue, RecordLayout } from './fields.ts';

/** Called when the first listener comes and when the last one has gone: sources of events start and stop there. */
export interface TracepointHooks {
  /** What it throws, whoever begins to listen is given. */
  enabled?(): void;
  /** What it throws is lost. Also called where an `enabled` has thrown. */
  disabled?(): void;
}

/** A function of some fields' values, in the order of their names. */
export type Emitter<F extends Fields, K extends readonly (keyof F)[]> = (
  ...values: { readonly [I in keyof K]: FieldValue<F[K[I]]> }
) => void;

/** Who is told of events. What it throws is lost. */
export interface TracepointListener {
  /** The values of the fields in the order of the record, of whatever types they were given; there may be fewer. */
  readonly event: TakesValues;
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
  readonly #names: readonly string[];
  readonly #tell: TakesValues = (a, b, c, d, e, f, g, h, others) => {
    const listeners = this.#listeners;
    for (let i = 0; i < listeners.length; i++)
      try {
        listeners[i].event(a, b, c, d, e, f, g, h, others);
      } catch {
        // It is nobody's who reports the event.
      }
  };
  /** Passes values on in the order of the record; throws what a getter throws. Made when somebody first listens. */
  #pick: ReturnType<typeof compilePick>;
  #compiled = false;

  /** Use `defineTracepoint` or a registry. */
  constructor(system: string, name: string, id: number, types: F, layout: RecordLayout) {
    this.system = system;
    this.name = name;
    this.id = id;
    this.types = types;
    this.layout = layout;
    this.#names = layout.fields.map((field) => field.name);
  }

  get fields(): readonly Field[] {
    return this.layout.fields;
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.length;
  }

  /** Report an event. Values are copied before this returns; those that are missing are 0 or empty. */
  emit(values: EventValues<F>): void {
    if (!this.enabled) return;
    if (this.#pick === undefined) return this.#emitSafely(values);
    try {
      this.#pick(values, this.#tell);
    } catch {
      this.#emitSafely(values);
    }
  }

  /** Getters may throw and do whatever they like. */
  #emitSafely(values: Readonly<Record<string, unknown>>): void {
    this.#tellAll(this.#names.map((name) => valueOf(values, name)));
  }

  /**
   * The same as a function of the named fields' values: quickest where they are the record's, at most eight, in its order.
   *
   *     const report = order.emitter('id', 'total');
   *     report(7n, 1999);
   *
   * @throws BpfError EINVAL: there is no such field
   */
  emitter<const K extends readonly (keyof F & string)[]>(...names: K): Emitter<F, K> {
    const unknown = names.find((name) => !this.#names.includes(name));
    if (unknown !== undefined) throw new BpfError(ERRNO.EINVAL, 'emitter', `${this.name} has no field ${unknown}`);
    const quick = this.#names.length <= FIRST && names.every((name, i) => name === this.#names[i]);
    return (quick ? this.#quickEmitter() : this.#anyEmitter(names)) as unknown as Emitter<F, K>;
  }

  /** Without a rest parameter, whose array would be made even where nobody listens. */
  #quickEmitter() {
    return (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown, g: unknown, h: unknown): void => {
      if (this.enabled) this.#tell(a, b, c, d, e, f, g, h, undefined);
    };
  }

  #anyEmitter(names: readonly string[]) {
    const places = this.#names.map((name) => names.indexOf(name));
    return (...values: readonly unknown[]): void => {
      if (this.enabled) this.#tellAll(places.map((place) => values[place]));
    };
  }

  #tellAll(values: readonly unknown[]): void {
    const [a, b, c, d, e, f, g, h, ...others] = values;
    this.#tell(a, b, c, d, e, f, g, h, others);
  }

  /** Told at once if somebody listens already. @returns what takes the hooks away */
  hook(hooks: TracepointHooks): () => void {
    this.#hooks.add(hooks);
    if (this.enabled) hooks.enabled?.();
    return () => {
      if (this.#hooks.delete(hooks) && this.enabled) disable(hooks);
    };
  }

  /**
   * @returns what ends it; again is harmless
   * @throws what a hook throws that is told of the first listener; then nobody listens
   */
  listen(listener: TracepointListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    const end = (): void => {
      if (!this.#listeners.includes(listener)) return;
      this.#listeners = this.#listeners.filter((other) => other !== listener);
      if (this.#listeners.length === 0) this.#disable();
    };
    try {
      if (!this.enabled) this.#enable();
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  #enable(): void {
    this.enabled = true;
    if (!this.#compiled) this.#pick = compilePick(this.#names);
    this.#compiled = true;
    for (const hooks of this.#hooks) hooks.enabled?.();
  }

  #disable(): void {
    this.enabled = false;
    for (const hooks of this.#hooks) disable(hooks);
  }
}

/** Detaching cannot fail: what a hook throws is lost. */
function disable(hooks: TracepointHooks): void {
  try {
    hooks.disabled?.();
  } catch {
    // The others are told all the same.
  }
}

function valueOf(values: Readonly<Record<string, unknown>>, name: string): unknown {
  try {
    return values[name];
  } catch {
    return undefined;
  }
}
