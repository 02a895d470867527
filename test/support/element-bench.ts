/**
 * A map with elements under keys and its model, side by side: updates, look-ups and deletions by programs and by user space,
 * keys one after the other, and pointers that programs keep.
 */
import { ERRNO } from '../../src/errors/index.ts';
import { MapCore } from '../../src/maps/index.ts';
import type { BpfMap, MapDeps } from '../../src/maps/index.ts';
import { padded } from '../../src/memory/index.ts';
import type { Random } from '../../src/util/index.ts';
import type { ElementModel } from './map-models.ts';
import { hex } from './map-models.ts';

export interface Manner {
  /** Values of an element: one, or one for each CPU. */
  readonly copies: number;
  /** Updates overwrite. */
  readonly inPlace?: boolean;
  /** Elements may be forgotten: which, a model cannot say. */
  readonly forgets?: boolean;
  /** Keys are prefixes. */
  readonly bits?: boolean;
}

/** Keys that are asked for. */
const KEYS = 70;
const KEY_AT = 0;
const VALUE_AT = 512;

export class ElementBench {
  readonly #map: BpfMap;
  readonly #deps: MapDeps;
  readonly #random: Random;
  readonly #model: ElementModel;
  readonly #manner: Manner;
  readonly #place: number;
  /** What running programs point to, and what must be there. */
  #held: { readonly address: number; readonly bytes: string }[] = [];
  #inside = false;
  /** The element that was written last is never the one that is forgotten next. */
  #newest = '';
  readonly #keys: Uint8Array[];

  constructor(map: BpfMap, deps: MapDeps, random: Random, model: ElementModel, manner: Manner) {
    this.#map = map;
    this.#deps = deps;
    this.#random = random;
    this.#model = model;
    this.#manner = manner;
    const place = deps.memory.allocate(4096, { kind: 'mem', name: 'place' });
    if (place === undefined) throw new Error('no memory');
    this.#place = place.base;
    const isArray = map.info.keySize === 4 && manner.inPlace;
    const wide = 2 + random.below(KEYS);
    this.#keys = Array.from({ length: wide }, (_, i) => (isArray ? word(i) : this.#newKey()));
  }

  step(): string | undefined {
    const { random } = { random: this.#random };
    const key = random.pick(this.#keys);
    const wrong = this.#operation(random.below(20), key);
    return wrong ?? this.#heldWrong();
  }

  end(): string | undefined {
    if (this.#inside) this.#exit();
    return this.#walk();
  }

  #operation(which: number, key: Uint8Array): string | undefined {
    if (which < 6) return this.#update(key, which < 4);
    if (which < 11) return this.#programLookup(key);
    if (which < 13) return this.#userLookup(key, false);
    if (which < 16) return this.#delete(key, which < 15);
    if (which < 17) return this.#manner.inPlace || this.#manner.bits ? undefined : this.#userLookup(key, true);
    if (which < 18) return this.#random.oneIn(4) ? this.#walk() : undefined;
    if (this.#inside) this.#exit();
    else {
      this.#deps.rcu.enter();
      this.#inside = true;
    }
    return undefined;
  }

  #update(key: Uint8Array, byProgram: boolean): string | undefined {
    const random = this.#random;
    const flags = random.oneIn(3) ? random.below(9) : 0;
    const { valueSize } = this.#map.info;
    this.#settle(key);
    const refused = this.#model.refuses(key, flags);
    const cpu = random.below(this.#deps.cpus);
    const own = this.#model.own(key);
    const { copies } = this.#manner;
    const given = Array.from({ length: byProgram ? 1 : copies }, () => bytes(random, valueSize));
    const result = byProgram ? this.#programUpdate(key, given[0], flags, cpu) : this.#userUpdate(key, given, flags);
    if (result !== refused) return `update ${hex(key)} flags ${flags}: ${result}, not ${refused}`;
    if (result !== 0) return undefined;
    const old = own ?? Array.from({ length: copies }, () => new Uint8Array(valueSize));
    const isOneOfMany = byProgram && copies > 1;
    this.#model.set(key, isOneOfMany ? old.map((value, i) => (i === cpu ? given[0] : value)) : given);
    this.#newest = hex(key);
    return this.#manner.forgets && !this.#isThere(key) ? `what was just written is not there: ${hex(key)}` : undefined;
  }

  #programUpdate(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number {
    const [keyAt, valueAt] = [this.#put(key, KEY_AT), this.#put(value, VALUE_AT)];
    if (this.#random.oneIn(2)) return this.#map.updateElem(keyAt, valueAt, flags, cpu);
    return this.#compiled((core) => core.map_update(this.#map.address, keyAt, valueAt, flags, cpu));
  }

  #userUpdate(key: Uint8Array, values: Uint8Array[], flags: number): number {
    const whole = new Uint8Array(this.#map.userValueSize);
    values.forEach((value, i) => whole.set(value, i * padded(value.length)));
    return this.#map.sysUpdate(key, whole, flags);
  }

  #programLookup(key: Uint8Array): string | undefined {
    this.#settle(key);
    const cpu = this.#random.below(this.#deps.cpus);
    const at = this.#put(key, KEY_AT);
    const address = this.#random.oneIn(2)
      ? this.#map.lookupElem(at, cpu)
      : this.#compiled((core) => core.map_lookup(this.#map.address, at, cpu)) >>> 0;
    const expected = this.#model.find(key);
    if (expected === undefined) return address === 0 ? undefined : `found ${hex(key)}, which is not there`;
    if (address === 0) return `did not find ${hex(key)}`;
    const there = this.#at(address);
    const value = hex(expected[this.#manner.copies > 1 ? cpu : 0]);
    if (there !== value) return `look-up of ${hex(key)}: ${there}, not ${value}`;
    if (this.#inside && !this.#manner.inPlace && this.#manner.copies === 1) this.#held.push({ address, bytes: there });
    return undefined;
  }

  #userLookup(key: Uint8Array, take: boolean): string | undefined {
    this.#settle(key);
    const whole = new Uint8Array(this.#map.userValueSize);
    const result = take ? this.#map.sysLookupAndDelete(key, whole) : this.#map.sysLookup(key, whole);
    const expected = this.#model.find(key);
    if (expected === undefined) return result === -ERRNO.ENOENT ? undefined : `look-up of ${hex(key)}: ${result}`;
    if (result !== 0) return `look-up of ${hex(key)}: ${result}`;
    const { valueSize } = this.#map.info;
    for (const [i, value] of expected.entries()) {
      const there = hex(whole.subarray(i * padded(valueSize), i * padded(valueSize) + valueSize));
      if (there !== hex(value)) return `look-up of ${hex(key)}: ${there}, not ${hex(value)}`;
    }
    if (take) this.#model.delete(key);
    return undefined;
  }

  #delete(key: Uint8Array, byProgram: boolean): string | undefined {
    this.#settle(key);
    const refused = this.#model.refusesDelete(key);
    const at = this.#put(key, KEY_AT);
    const result = !byProgram
      ? this.#map.sysDelete(key)
      : this.#random.oneIn(2)
        ? this.#map.deleteElem(at)
        : this.#compiled((core) => core.map_delete(this.#map.address, at));
    if (result !== refused) return `delete ${hex(key)}: ${result}, not ${refused}`;
    if (result === 0) this.#model.delete(key);
    return undefined;
  }

  /** What a compiled program calls. */
  #compiled(body: (core: MapCore['functions']) => number): number {
    return compiled(this.#deps, this.#map, body);
  }

  /** Whether an element is there, without its being used by that. */
  #isThere(key: Uint8Array): boolean {
    return this.#map.sysLookup(key, new Uint8Array(this.#map.userValueSize)) === 0;
  }

  /** The model learns what was forgotten. */
  #settle(key: Uint8Array): void {
    if (this.#manner.forgets && hex(key) !== this.#newest && !this.#isThere(key)) this.#model.delete(key);
  }

  #walk(): string | undefined {
    const { keySize, maxEntries } = this.#map.info;
    const found: string[] = [];
    const next = new Uint8Array(keySize);
    let key: Uint8Array | undefined;
    while (this.#map.sysGetNextKey(key, next) === 0 && found.length <= KEYS) found.push(hex((key = next.slice())));
    const expected = this.#model.keys();
    if (this.#manner.forgets) {
      const known = new Set(expected);
      if (found.length > maxEntries) return `${found.length} elements`;
      return new Set(found).size === found.length && found.every((one) => known.has(one)) ? undefined : 'other keys';
    }
    const order = (keys: string[]): string => (this.#model.ordered ? keys : [...keys].sort()).join(' ');
    return order(found) === order(expected) ? undefined : `keys ${order(found)}, not ${order(expected)}`;
  }

  #exit(): void {
    this.#held = [];
    this.#inside = false;
    this.#deps.rcu.exit();
  }

  #heldWrong(): string | undefined {
    const wrong = this.#held.find(({ address, bytes }) => this.#at(address) !== bytes);
    return wrong && `a value that a program points to has changed: ${this.#at(wrong.address)}, not ${wrong.bytes}`;
  }

  #at(address: number): string {
    return hex(this.#deps.memory.bytes.subarray(address, address + this.#map.info.valueSize));
  }

  #put(data: Uint8Array, offset: number): number {
    this.#deps.memory.bytes.set(data, this.#place + offset);
    return this.#place + offset;
  }

  #newKey(): Uint8Array {
    const random = this.#random;
    const key = bytes(random, this.#map.info.keySize);
    if (!this.#manner.bits) return key;
    const bits = 8 * (key.length - 4);
    key.set(word(random.oneIn(20) ? bits + 1 + random.below(9) : random.below(bits + 1)));
    // Prefixes that begin alike.
    for (let i = 4; i < key.length; i++) if (!random.oneIn(3)) key[i] = random.oneIn(4) ? 0x80 : 0;
    return key;
  }
}

/** Call the core as a compiled program does; its machine explains traps, too. */
export function compiled(deps: MapDeps, map: BpfMap, body: (core: MapCore['functions']) => number): number {
  const core = MapCore.of(deps);
  try {
    return body(core.functions);
  } catch (error) {
    throw core.explain(map.address, error);
  }
}

const word = (n: number): Uint8Array => Uint8Array.from([n, n >> 8, n >> 16, n >> 24]);

export function bytes(random: Random, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => random.below(256));
}
