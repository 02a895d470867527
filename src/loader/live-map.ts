/**
 * A map that exists: look up, change, delete, walk. Keys and values are decoded by their BTF types where the spec knows
 * them; without, they are objects with their `bytes`.
 */
import { ValueCodec } from '../btf/index.ts';
import type { Btf } from '../btf/index.ts';
import { BpfError, ERRNO, FormatError } from '../errors/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { BPF_CMD, MAP_TYPE } from '../uapi/index.ts';
import type { MapSpec } from './spec.ts';

/** A key or value without BTF. */
export interface Raw {
  readonly bytes: Uint8Array;
}

/**
 * What a value is taken to be until its type is stated (see `LiveMap.as`): something with members, as most are. A decoded
 * struct has its own members, and its bytes as `bytes` unless it has a member of that name.
 */
export interface Members {
  readonly [member: string]: unknown;
}

export type MapShape = Pick<
  MapSpec,
  'name' | 'type' | 'keySize' | 'valueSize' | 'maxEntries' | 'flags' | 'keyType' | 'valueType'
>;

const PER_CPU: ReadonlySet<number> = new Set([
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.PERCPU_ARRAY,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
]);

/** Keys of these are indices, BTF or not. */
const ARRAYS: ReadonlySet<number> = new Set([MAP_TYPE.ARRAY, MAP_TYPE.PERCPU_ARRAY]);

export class LiveMap<K = unknown, V = Members> {
  readonly name: string;
  /** See MAP_TYPE. */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes of one value; of per-CPU maps of one CPU's. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** MAP_FLAG bits. */
  readonly flags: number;
  /** Whether there is one value for each possible CPU; it then is an array of them. */
  readonly perCpu: boolean;
  readonly #sys: BpfSys;
  #fd: number;
  readonly #key: Coder;
  readonly #value: Coder;
  /** Reused for every call. */
  readonly #keyBuffer: Uint8Array;
  readonly #valueBuffer: Uint8Array;

  /** Takes over the descriptor. */
  constructor(sys: BpfSys, fd: number, shape: MapShape, btf?: Btf) {
    this.#sys = sys;
    this.#fd = fd;
    this.name = shape.name;
    this.type = shape.type;
    this.keySize = shape.keySize;
    this.valueSize = shape.valueSize;
    this.maxEntries = shape.maxEntries;
    this.flags = shape.flags;
    this.perCpu = PER_CPU.has(shape.type);
    this.#key =
      shape.keyType === 0 && ARRAYS.has(shape.type) ? indexCoder : coderFor(btf, shape.keyType, shape.keySize);
    const one = coderFor(btf, shape.valueType, shape.valueSize);
    this.#value = this.perCpu ? perCpuCoder(one, sys.possibleCpus) : one;
    this.#keyBuffer = new Uint8Array(this.keySize);
    this.#valueBuffer = new Uint8Array(this.#value.size);
  }

  /** -1 once closed. */
  get fd(): number {
    return this.#fd;
  }

  /** State what keys and values are; nothing is checked. */
  as<K2, V2>(): LiveMap<K2, V2> {
    return this as unknown as LiveMap<K2, V2>;
  }

  /**
   * The value of a key; undefined when there is none.
   * @param key decoded, or its bytes
   * @throws BpfError, or RangeError and TypeError for what is no key
   */
  get(key: K | Uint8Array): V | undefined {
    const bytes = this.getBytes(key);
    return bytes && (this.#value.decode(bytes) as V);
  }

  /** A key's value undecoded, a copy: of per-CPU maps one after the other, each rounded up to 8 bytes. */
  getBytes(key: K | Uint8Array): Uint8Array | undefined {
    return this.#read(BPF_CMD.MAP_LOOKUP_ELEM, this.#encodeKey(key));
  }

  has(key: K | Uint8Array): boolean {
    return this.getBytes(key) !== undefined;
  }

  /**
   * Give a key a value. Of a per-CPU map, an array with one value for each CPU.
   * @param flags see ELEM_FLAG
   * @throws BpfError (E2BIG: full; EEXIST, ENOENT: by flags; EPERM: frozen), RangeError, TypeError
   */
  set(key: K | Uint8Array, value: V | Uint8Array, flags = 0): this {
    const attr = {
      mapFd: this.#fd,
      key: this.#encodeKey(key),
      value: this.#value.encode(value, this.#valueBuffer),
      flags,
    };
    this.#check(this.#sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, attr), 'BPF_MAP_UPDATE_ELEM');
    return this;
  }

  /** @returns whether there was such a key. @throws BpfError */
  delete(key: K | Uint8Array): boolean {
    const result = this.#sys.bpf(BPF_CMD.MAP_DELETE_ELEM, { mapFd: this.#fd, key: this.#encodeKey(key) });
    if (result === -ERRNO.ENOENT) return false;
    this.#check(result, 'BPF_MAP_DELETE_ELEM');
    return true;
  }

  /** Read and delete in one step. @throws BpfError */
  take(key: K | Uint8Array): V | undefined {
    const bytes = this.#read(BPF_CMD.MAP_LOOKUP_AND_DELETE_ELEM, this.#encodeKey(key));
    return bytes && (this.#value.decode(bytes) as V);
  }

  /** See `get`, `set`: the field's own words. */
  lookup(key: K | Uint8Array): V | undefined {
    return this.get(key);
  }

  update(key: K | Uint8Array, value: V | Uint8Array, flags = 0): this {
    return this.set(key, value, flags);
  }

  /**
   * Keys as they were when the walk began, each once. Entries that are deleted before it comes to them are left out;
   * entries that are added may be left out.
   */
  *keys(): Generator<K> {
    for (const key of this.#keyBytes()) yield this.#key.decode(key) as K;
  }

  *values(): Generator<V> {
    for (const [, value] of this) yield value;
  }

  entries(): Generator<[K, V]> {
    return this[Symbol.iterator]();
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    for (const key of this.#keyBytes()) {
      const value = this.#read(BPF_CMD.MAP_LOOKUP_ELEM, key);
      if (value !== undefined) yield [this.#key.decode(key) as K, this.#value.decode(value) as V];
    }
  }

  close(): void {
    if (this.#fd >= 0) this.#sys.close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(result: number, cmd: string): void {
    if (result < 0) throw new BpfError(result, cmd, `map ${this.name}`);
  }

  #encodeKey(key: unknown): Uint8Array | undefined {
    return this.keySize === 0 ? undefined : this.#key.encode(key, this.#keyBuffer);
  }

  #read(cmd: 1 | 21, key: Uint8Array | undefined): Uint8Array | undefined {
    const value = new Uint8Array(this.#value.size);
    const result = this.#sys.bpf(cmd, { mapFd: this.#fd, key, value });
    if (result === -ERRNO.ENOENT) return undefined;
    this.#check(result, cmd === BPF_CMD.MAP_LOOKUP_ELEM ? 'BPF_MAP_LOOKUP_ELEM' : 'BPF_MAP_LOOKUP_AND_DELETE_ELEM');
    return value;
  }

  /**
   * All keys, taken at once. GET_NEXT_KEY starts again from the first key when the one it is given has gone: keys seen
   * twice are left out, and a walk that others keep throwing back ends after twice as many steps as there can be keys.
   */
  #keyBytes(): Uint8Array[] {
    const keys = new Map<string, Uint8Array>();
    let key: Uint8Array | undefined;
    for (let steps = 2 * this.maxEntries + MIN_STEPS; steps > 0; steps--) {
      const nextKey = new Uint8Array(this.keySize);
      const result = this.#sys.bpf(BPF_CMD.MAP_GET_NEXT_KEY, { mapFd: this.#fd, key, nextKey });
      if (result === -ERRNO.ENOENT) break;
      this.#check(result, 'BPF_MAP_GET_NEXT_KEY');
      keys.set(binaryString(nextKey), nextKey);
      key = nextKey;
    }
    return [...keys.values()];
  }
}

/** Some map types round `maxEntries` up. */
const MIN_STEPS = 1024;

function binaryString(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at += 4096) out += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return out;
}

/** Bytes to what users see and back. */
interface Coder {
  readonly size: number;
  decode(bytes: Uint8Array): unknown;
  /** Into `into`, whole. */
  encode(value: unknown, into: Uint8Array): Uint8Array;
}

function coderFor(btf: Btf | undefined, type: number, size: number): Coder {
  if (btf === undefined || type === 0) return rawCoder(size);
  try {
    const codec = new ValueCodec(btf, type);
    return codec.size === size ? typedCoder(codec) : rawCoder(size);
  } catch (error) {
    if (error instanceof FormatError) return rawCoder(size);
    throw error;
  }
}

function typedCoder(codec: ValueCodec): Coder {
  return {
    size: codec.size,
    decode: (bytes) => withBytes(codec.decode(bytes), bytes.subarray(0, codec.size)),
    encode: (value, into) => (value instanceof Uint8Array ? whole(value, into) : codec.encode(value, into)),
  };
}

/** A struct also gives its bytes, unless it has a member of that name. */
function withBytes(value: unknown, bytes: Uint8Array): unknown {
  const isStruct =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  if (isStruct && !Object.hasOwn(value, 'bytes')) Object.defineProperty(value, 'bytes', { value: bytes });
  return value;
}

const indexCoder: Coder = {
  size: 4,
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true),
  encode: (value, into) => rawCoder(4).encode(value, into),
};

function rawCoder(size: number): Coder {
  return {
    size,
    decode: (bytes): Raw => ({ bytes: bytes.slice(0, size) }),
    encode: (value, into) => {
      if (typeof value === 'number' || typeof value === 'bigint') return littleEndian(value, into);
      return whole(value instanceof Uint8Array ? value : (value as Raw | undefined)?.bytes, into);
    },
  };
}

function whole(bytes: unknown, into: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('without BTF, give a Uint8Array, {bytes}, or an integer');
  if (bytes.length !== into.length) throw new RangeError(`${bytes.length} bytes where ${into.length} are wanted`);
  into.set(bytes);
  return into;
}

function littleEndian(value: number | bigint, into: Uint8Array): Uint8Array {
  const bits = into.length * 8;
  const exact = BigInt(value);
  if (bits > 64 || (BigInt.asUintN(bits, exact) !== exact && BigInt.asIntN(bits, exact) !== exact))
    throw new RangeError(`${value} does not fit in ${into.length} bytes`);
  for (let i = 0; i < into.length; i++) into[i] = Number((exact >> BigInt(i * 8)) & 255n);
  return into;
}

function perCpuCoder(one: Coder, cpus: number): Coder {
  const stride = Math.ceil(one.size / 8) * 8;
  const part = (bytes: Uint8Array, cpu: number) => bytes.subarray(cpu * stride, cpu * stride + one.size);
  return {
    size: stride * cpus,
    decode: (bytes) => Array.from({ length: cpus }, (_, cpu) => one.decode(part(bytes, cpu))),
    encode: (value, into) => {
      if (value instanceof Uint8Array) return whole(value, into);
      if (!Array.isArray(value) || value.length !== cpus)
        throw new RangeError(`a per-CPU value is an array of ${cpus}, one for each possible CPU`);
      into.fill(0);
      value.forEach((item, cpu) => one.encode(item, part(into, cpu)));
      return into;
    },
  };
}
