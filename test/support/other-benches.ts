/** Maps without keys, and maps of maps, beside their models. */
import { ERRNO } from '../../src/errors/index.ts';
import type { BloomFilterMap, BpfMap, MapDeps, QueueMap, RingbufMap, SlotResolver } from '../../src/maps/index.ts';
import { RING } from '../../src/memory/index.ts';
import { MAP_TYPE } from '../../src/uapi/index.ts';
import type { Random } from '../../src/util/index.ts';
import { bytes, compiled } from './element-bench.ts';
import { hex } from './map-models.ts';

/** A place in the memory for what a program passes. */
function place(deps: MapDeps): (data: Uint8Array) => number {
  const region = deps.memory.allocate(4096, { kind: 'mem', name: 'place' });
  if (region === undefined) throw new Error('no memory');
  return (data) => {
    deps.memory.bytes.set(data, region.base);
    return region.base;
  };
}

const NO_KEY = new Uint8Array(0);

/** Queues and stacks. */
export class QueueBench {
  readonly #map: QueueMap;
  readonly #deps: MapDeps;
  readonly #random: Random;
  readonly #put: (data: Uint8Array) => number;
  readonly #values: string[] = [];

  constructor(map: BpfMap, deps: MapDeps, random: Random) {
    this.#map = map as QueueMap;
    this.#deps = deps;
    this.#random = random;
    this.#put = place(deps);
  }

  step(): string | undefined {
    return this.#random.oneIn(2) ? this.#push() : this.#take(this.#random.oneIn(2));
  }

  #push(): string | undefined {
    const random = this.#random;
    const value = bytes(random, this.#map.info.valueSize);
    const flags = random.oneIn(3) ? random.below(4) : 0;
    const isFull = this.#values.length >= this.#map.info.maxEntries;
    const expected = flags !== 0 && flags !== 2 ? -ERRNO.EINVAL : isFull && flags === 0 ? -ERRNO.E2BIG : 0;
    const result = random.oneIn(2)
      ? this.#map.sysUpdate(NO_KEY, value, flags)
      : this.#map.push(this.#put(value), flags);
    if (result !== expected) return `push flags ${flags}: ${result}, not ${expected}`;
    if (result !== 0) return undefined;
    if (isFull) this.#values.shift();
    this.#values.push(hex(value));
    return undefined;
  }

  #take(remove: boolean): string | undefined {
    const { valueSize, type } = this.#map.info;
    const index = type === MAP_TYPE.STACK ? this.#values.length - 1 : 0;
    const expected = this.#values.length === 0 ? '00'.repeat(valueSize) : this.#values[index];
    const error = this.#values.length === 0 ? -ERRNO.ENOENT : 0;
    const byUser = this.#random.oneIn(2);
    const value = new Uint8Array(valueSize);
    let result: number;
    if (byUser) result = remove ? this.#map.sysLookupAndDelete(NO_KEY, value) : this.#map.sysLookup(NO_KEY, value);
    else {
      const at = this.#put(bytes(this.#random, valueSize));
      result = this.#map.take(at, remove);
      value.set(this.#deps.memory.bytes.subarray(at, at + valueSize));
    }
    if (remove && result === 0) this.#values.splice(index, 1);
    return result === error && hex(value) === expected
      ? undefined
      : `take: ${result} ${hex(value)}, not ${error} ${expected}`;
  }
}

/** A filter may say yes to what it does not have, and never no to what it has. */
export class FilterBench {
  readonly #map: BloomFilterMap;
  readonly #random: Random;
  readonly #put: (data: Uint8Array) => number;
  readonly #pushed = new Set<string>();

  constructor(map: BpfMap, deps: MapDeps, random: Random) {
    this.#map = map as BloomFilterMap;
    this.#random = random;
    this.#put = place(deps);
  }

  step(): string | undefined {
    const random = this.#random;
    const old = [...this.#pushed];
    const value = old.length > 0 && random.oneIn(2) ? Buffer.from(random.pick(old), 'hex') : this.#fresh();
    return random.oneIn(this.#pushed.size > this.#map.info.maxEntries ? 50 : 3) ? this.#push(value) : this.#ask(value);
  }

  #fresh(): Uint8Array {
    return bytes(this.#random, this.#map.info.valueSize);
  }

  #push(value: Uint8Array): string | undefined {
    const flags = this.#random.oneIn(4) ? this.#random.below(4) : 0;
    const byUser = this.#random.oneIn(2);
    const result = byUser ? this.#map.sysUpdate(NO_KEY, value, flags) : this.#map.push(this.#put(value), flags);
    const expected = flags === 0 ? 0 : -ERRNO.EINVAL;
    if (result === 0) this.#pushed.add(hex(value));
    return result === expected ? undefined : `push flags ${flags}: ${result}, not ${expected}`;
  }

  #ask(value: Uint8Array): string | undefined {
    const result = this.#random.oneIn(2) ? this.#map.sysLookup(NO_KEY, value) : this.#map.peek(this.#put(value));
    const has = this.#pushed.has(hex(value));
    if (has ? result === 0 : result === 0 || (result === -ERRNO.ENOENT && this.#map.info.maxEntries > 0))
      return undefined;
    return `asked for ${hex(value)}, which is ${has ? '' : 'not '}there: ${result}`;
  }
}

interface Resolver extends SlotResolver {
  /** Inner maps that are held. */
  held: number;
}

/** Descriptors 0 to 7 are maps. */
export class NestedBench {
  readonly #map: BpfMap;
  readonly #deps: MapDeps;
  readonly #random: Random;
  readonly #put: (data: Uint8Array) => number;
  readonly #values = new Map<number, number>();

  static resolver(): Resolver {
    const resolver: Resolver = {
      held: 0,
      acquire(fd) {
        if (fd >= 8) return -ERRNO.EBADF;
        resolver.held++;
        return { id: 100 + fd, word: 4096 * (1 + fd), release: () => void resolver.held-- };
      },
    };
    return resolver;
  }

  constructor(map: BpfMap, deps: MapDeps, random: Random) {
    this.#map = map;
    this.#deps = deps;
    this.#random = random;
    this.#put = place(deps);
  }

  step(): string | undefined {
    const key = this.#random.below(this.#map.info.maxEntries + 2);
    const which = this.#random.below(4);
    return which === 0 ? this.#update(key) : which === 1 ? this.#delete(key) : this.#lookup(key, which === 2);
  }

  get #isArray(): boolean {
    return this.#map.info.type === MAP_TYPE.ARRAY_OF_MAPS;
  }

  #update(key: number): string | undefined {
    const fd = this.#random.below(9);
    const result = this.#map.sysUpdate(word(key), word(fd), 0);
    const { maxEntries } = this.#map.info;
    const isFull = this.#isArray ? key >= maxEntries : !this.#values.has(key) && this.#values.size >= maxEntries;
    const errors = [...(isFull ? [-ERRNO.E2BIG] : []), ...(fd >= 8 ? [-ERRNO.EBADF] : [])];
    if (result === 0) this.#values.set(key, fd);
    const right = errors.length === 0 ? result === 0 : errors.includes(result);
    return right ? undefined : `update ${key} with ${fd}: ${result}, not ${errors.join(' or ') || '0'}`;
  }

  #delete(key: number): string | undefined {
    const result = this.#map.sysDelete(word(key));
    const isOutside = this.#isArray && key >= this.#map.info.maxEntries;
    const expected = isOutside ? -ERRNO.E2BIG : this.#values.delete(key) ? 0 : -ERRNO.ENOENT;
    return result === expected ? undefined : `delete ${key}: ${result}, not ${expected}`;
  }

  #lookup(key: number, byUser: boolean): string | undefined {
    const fd = this.#values.get(key);
    if (byUser) {
      const value = word(0);
      const result = this.#map.sysLookup(word(key), value);
      const right = fd === undefined ? result === -ERRNO.ENOENT : result === 0 && value[0] === 100 + fd;
      return right ? undefined : `look-up of ${key}: ${result} ${value[0]}`;
    }
    const at = this.#put(word(key));
    const address = this.#random.oneIn(2)
      ? this.#map.lookupElem(at, 0)
      : compiled(this.#deps, this.#map, (core) => core.map_lookup(this.#map.address, at, 0)) >>> 0;
    const expected = fd === undefined ? 0 : 4096 * (1 + fd);
    return address === expected ? undefined : `look-up of ${key}: ${address}, not ${expected}`;
  }
}

interface RingRecord {
  readonly address: number;
  readonly data: string;
  state: 'busy' | 'there' | 'discarded';
}

/** Records that programs reserve, fill and commit in any order, and a reader that looks at the memory alone. */
export class RingBench {
  readonly #map: RingbufMap;
  readonly #deps: MapDeps;
  readonly #random: Random;
  readonly #put: (data: Uint8Array) => number;
  #records: RingRecord[] = [];

  constructor(map: BpfMap, deps: MapDeps, random: Random) {
    this.#map = map as RingbufMap;
    this.#deps = deps;
    this.#random = random;
    this.#put = place(deps);
  }

  step(): string | undefined {
    const which = this.#random.below(8);
    if (which < 2) return this.#reserve();
    if (which < 4) return this.#output();
    if (which < 6) return this.#commit();
    return this.#read();
  }

  /** Everything is committed and read. */
  end(): string | undefined {
    for (const record of this.#records.filter(({ state }) => state === 'busy')) this.#finish(record);
    const wrong = this.#read(true);
    return wrong ?? (this.#records.length === 0 ? undefined : `${this.#records.length} records were not read`);
  }

  /** Whether a record of `size` bytes fits, from what has been read and written. */
  #fits(size: number): boolean {
    const ring = this.#map.info.maxEntries;
    const total = Math.ceil((size + RING.RECORD_HEADER) / 8) * 8;
    const [read, written] = [this.#map.query(2), this.#map.query(3)];
    const left = ring - (written % ring);
    return total <= ring && written + (total > left ? left : 0) + total - read < ring;
  }

  #data(): Uint8Array {
    const large = this.#random.oneIn(20) ? this.#map.info.maxEntries : 300;
    return bytes(this.#random, this.#random.below(Math.min(large, 4096)));
  }

  #reserve(): string | undefined {
    const data = this.#data();
    const fits = this.#fits(data.length);
    const address = this.#map.reserve(data.length, 0);
    if ((address !== 0) !== fits) return `reserve ${data.length}: ${address}, which ${fits ? 'fits' : 'does not fit'}`;
    if (address === 0) return undefined;
    this.#deps.memory.bytes.set(data, address);
    this.#records.push({ address, data: hex(data), state: 'busy' });
    return undefined;
  }

  #output(): string | undefined {
    const data = this.#data();
    const expected = this.#fits(data.length) ? 0 : -ERRNO.EAGAIN;
    const result = this.#map.output(this.#put(data), data.length, 0);
    if (result === 0) this.#records.push({ address: 0, data: hex(data), state: 'there' });
    return result === expected ? undefined : `output ${data.length}: ${result}, not ${expected}`;
  }

  #commit(): string | undefined {
    const busy = this.#records.filter(({ state }) => state === 'busy');
    if (busy.length > 0) this.#finish(this.#random.pick(busy));
    return undefined;
  }

  #finish(record: RingRecord): void {
    const discard = this.#random.oneIn(3);
    this.#map.commit(record.address, 0, discard);
    record.state = discard ? 'discarded' : 'there';
  }

  /** Read some records, or all that there are. */
  #read(all = false): string | undefined {
    const { view } = this.#deps.memory;
    const base = this.#map.address;
    const ring = this.#map.info.maxEntries;
    for (let left = all ? Infinity : this.#random.below(8); left > 0; left--) {
      const position = Number(view.getBigUint64(base + RING.CONSUMER, true));
      if (position >= Number(view.getBigUint64(base + RING.PRODUCER, true))) break;
      const at = base + RING.DATA + (position % ring);
      const header = view.getUint32(at, true);
      if (header >= RING.BUSY) {
        return this.#records[0]?.state === 'busy' ? undefined : 'a record is busy that should not be';
      }
      const length = header % RING.DISCARD;
      const next = this.#records[0];
      const data = hex(this.#deps.memory.bytes.subarray(at + RING.RECORD_HEADER, at + RING.RECORD_HEADER + length));
      if (header < RING.DISCARD) {
        if (next?.state !== 'there' || next.data !== data) return `read ${data}, not ${next?.data} (${next?.state})`;
        this.#records.shift();
      } else if (next?.state === 'discarded' && next.address === at + RING.RECORD_HEADER) this.#records.shift();
      else if ((position % ring) + RING.RECORD_HEADER + length !== ring)
        return 'a record is discarded that should not be';
      view.setBigUint64(base + RING.CONSUMER, BigInt(position + Math.ceil((length + 8) / 8) * 8), true);
    }
    return undefined;
  }
}

const word = (n: number): Uint8Array => Uint8Array.from([n, n >> 8, n >> 16, n >> 24]);
