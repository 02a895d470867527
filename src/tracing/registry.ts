/**
 * The tracepoints that there are. `tracepoints` is the registry of the process; others are for tests. An id is never given
 * twice. Defining again what there is gives the same tracepoint, so that a module may be loaded twice; with other fields it
 * is refused (EEXIST). ENOSPC beyond 65,535 tracepoints.
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import { checkName, layoutRecord } from './fields.ts';
import type { Fields } from './fields.ts';
import { Tracepoint } from './tracepoint.ts';

/** `common_type` has 16 bits. */
const MAX_ID = 0xffff;

/** What the tree has where systems and events are. */
const FILES = new Set(['enable', 'filter']);

export class TracepointRegistry {
  readonly #byName = new Map<string, Tracepoint>();
  readonly #watchers = new Set<(added: Tracepoint) => void>();
  #lastId = 0;

  /** @throws BpfError EINVAL (names, types, sizes: see fields.ts), EEXIST, ENOSPC */
  define<const F extends Fields>(system: string, name: string, fields: F): Tracepoint<F> {
    checkName(system, 'system');
    checkName(name, 'event');
    for (const word of [system, name])
      if (FILES.has(word)) throw new BpfError(ERRNO.EINVAL, 'define', `${word} is a file beside the events`);
    const key = `${system}:${name}`;
    const layout = layoutRecord(fields);
    const known = this.#byName.get(key);
    if (known !== undefined) {
      if (sameFields(known.types, fields)) return known as unknown as Tracepoint<F>;
      throw new BpfError(ERRNO.EEXIST, 'define', `${key} has other fields`);
    }
    if (this.#lastId === MAX_ID) throw new BpfError(ERRNO.ENOSPC, 'define', `there are ${MAX_ID} tracepoints`);
    const made = new Tracepoint<F>(system, name, ++this.#lastId, { ...fields }, layout);
    this.#byName.set(key, made as unknown as Tracepoint);
    for (const watcher of this.#watchers) watcher(made as unknown as Tracepoint);
    return made;
  }

  /** By `system:name` or `system/name`. */
  find(name: string): Tracepoint | undefined {
    return this.#byName.get(name.replace('/', ':'));
  }

  /** In the order of their ids. */
  [Symbol.iterator](): IterableIterator<Tracepoint> {
    return this.#byName.values();
  }

  /** Call `added` with each tracepoint that is defined from now on. @returns what ends it */
  watch(added: (tracepoint: Tracepoint) => void): () => void {
    this.#watchers.add(added);
    return () => void this.#watchers.delete(added);
  }
}

/** Types and order. */
function sameFields(one: Fields, other: Fields): boolean {
  return JSON.stringify(Object.entries(one)) === JSON.stringify(Object.entries(other));
}

/** The tracepoints of this process. */
export const tracepoints = new TracepointRegistry();

/**
 * A tracepoint of the application.
 *
 *     const order = defineTracepoint('shop', 'order', { id: 'u64', total: 'u32', country: 'char[2]' });
 *     order.emit({ id: 7n, total: 1999, country: 'DE' });
 *
 * @throws BpfError EINVAL (names, types, sizes: see fields.ts), EEXIST (there is one with other fields), ENOSPC
 */
export function defineTracepoint<const F extends Fields>(system: string, name: string, fields: F): Tracepoint<F> {
  return tracepoints.define(system, name, fields);
}
