/**
 * Random commands on maps of all types, right and wrong, given to user space and to Linux side by side: MAP_CREATE with any
 * sizes and flags, then updates, look-ups, deletions, batches, walks, freezing; keys and values that are missing, flags that do
 * not exist, descriptors of the wrong kind. Every errno and every byte that comes back must be equal.
 *
 * Not compared: the order of hashes (walks are sorted), false positives of bloom filters, padding between CPUs' values, and
 * what the kernel loses when the buffers of a LOOKUP_AND_DELETE batch are missing.
 */
import { errnoName } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD as CMD, BPF_MAP_INFO, MAP_FLAG, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { createMap, hex, load, outcome, returns, u32 } from '../behaviour/support.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';

let whyNot = '';
const linux = await openLinux().catch((error: unknown) => {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
});
/** As the machine has: the loopback device, and none with the other numbers of `#value`. */
const kernel = createKernel({ cpus: linux?.possibleCpus, devices: [1] });
const CPUS = kernel.possibleCpus;

type TypeName = keyof typeof MAP_TYPE;
interface Shape extends Partial<MapCreateAttr> {
  /** What a value is, if not any bytes: a descriptor, or a number and then a descriptor. */
  readonly holds?: 'fd' | 'target';
  /** Keys come back in no order. */
  readonly hash?: boolean;
  readonly perCpu?: boolean;
}

const SIZES = [1, 2, 4, 7, 8, 12, 33];
const FD = { valueSize: 4, holds: 'fd' } as const;
const TARGET = { valueSize: 8, holds: 'target' } as const;
const KEYLESS = { keySize: 0 };
const RING = { keySize: 0, valueSize: 0, maxEntries: 4096 };
/** LRU hashes have room for all keys: which one goes where they have not is nobody's business. */
const LRU = { hash: true, maxEntries: 500 };
const TYPES: Partial<Record<TypeName, Shape>> = {
  HASH: { hash: true },
  ARRAY: {},
  PERCPU_HASH: { hash: true, perCpu: true },
  PERCPU_ARRAY: { perCpu: true },
  LRU_HASH: LRU,
  LRU_PERCPU_HASH: { ...LRU, perCpu: true },
  LPM_TRIE: { keySize: 8, mapFlags: MAP_FLAG.NO_PREALLOC },
  QUEUE: KEYLESS,
  STACK: KEYLESS,
  BLOOM_FILTER: KEYLESS,
  RINGBUF: RING,
  USER_RINGBUF: RING,
  STACK_TRACE: { valueSize: 80 },
  PROG_ARRAY: FD,
  PERF_EVENT_ARRAY: FD,
  CGROUP_ARRAY: FD,
  XSKMAP: FD,
  ARRAY_OF_MAPS: FD,
  HASH_OF_MAPS: { ...FD, hash: true },
  DEVMAP: TARGET,
  DEVMAP_HASH: { ...TARGET, hash: true },
  CPUMAP: TARGET,
  CGROUP_STORAGE: { keySize: 8, maxEntries: 0 },
  PERCPU_CGROUP_STORAGE: { keySize: 16, maxEntries: 0, perCpu: true },
};
const NAMES = Object.keys(TYPES) as TypeName[];

/** Numbers at which something changes; what the kernel would need much memory for is left out. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 255, 260, 261, 512];
const FLAGS = [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 8, 2 ** 32, 2 ** 40 + 1];
const KNOWN_FLAGS = 13;

interface Subject {
  readonly shape: Shape;
  readonly attr: MapCreateAttr;
}

function subject(random: Random, name: TypeName): Subject {
  const { holds, hash, perCpu, ...fixed } = TYPES[name] ?? {};
  const sizes = {
    keySize: hash ? random.pick([1, 4, 8]) : 4,
    valueSize: random.pick(SIZES),
    maxEntries: 1 + random.below(8),
  };
  const attr: MapCreateAttr = { mapType: MAP_TYPE[name], ...sizes, ...fixed };
  const storage = name.endsWith('CGROUP_STORAGE'); // of two faults the kernel tells the other one
  const fields = (['keySize', 'valueSize', 'maxEntries'] as const).slice(0, name.startsWith('LRU') ? 2 : 3);
  if (random.oneIn(4) && !storage) for (const field of fields) if (random.oneIn(3)) attr[field] = random.pick(EDGES);
  if (random.oneIn(4) && !storage) attr.mapFlags = (attr.mapFlags ?? 0) ^ (1 << random.below(KNOWN_FLAGS));
  if (random.oneIn(16)) attr.mapExtra = random.pick([1, 15, 16, 2 ** 32]);
  if (random.oneIn(16)) attr.mapName = random.pick(['a.b_9', 'no-name', 'x'.repeat(16)]);
  return { shape: { holds, hash, perCpu }, attr };
}

/** One command: its key and value are made of numbers, since descriptors differ. */
interface Command {
  readonly op: 'update' | 'lookup' | 'take' | 'delete' | 'walk' | 'freeze' | 'info' | 'put-all' | 'drop-all' | 'list';
  readonly keys: readonly number[];
  readonly values: readonly number[];
  readonly flags: number;
  /** A buffer that is not there. */
  readonly missing?: 'key' | 'value';
}

const OPS: readonly Command['op'][] = [
  ...(['update', 'update', 'update', 'lookup', 'lookup', 'take', 'delete', 'delete'] as const),
  ...(['walk', 'put-all', 'drop-all', 'list', 'info'] as const),
];

function command(random: Random): Command {
  const some = (limit: number) => Array.from({ length: 1 + random.below(4) }, () => random.below(limit));
  const missing = random.oneIn(20) ? random.pick(['key', 'value'] as const) : undefined;
  const op = random.oneIn(40) ? 'freeze' : random.pick(OPS);
  return { op, keys: some(12), values: some(256), flags: random.pick(FLAGS), missing };
}

/** One backend with a map and the descriptors that values may name. */
class Side {
  readonly #sys: BpfSys;
  readonly #subject: Subject;
  readonly #fds: number[];
  readonly #ids: number[];
  /** The map, or -errno. */
  readonly map: number;

  constructor(sys: BpfSys, subject: Subject) {
    this.#sys = sys;
    this.#subject = subject;
    const progType = PROG_TYPE.XDP;
    this.#fds = [
      createMap(sys),
      createMap(sys, { valueSize: 4 }),
      load(sys),
      load(sys, { progType, insns: returns(2) }),
    ];
    this.#ids = this.#fds.map((fd) => this.#info(fd)[1]);
    this.map = sys.bpf(CMD.MAP_CREATE, { ...subject.attr, innerMapFd: this.#fds[0] });
  }

  close(): void {
    for (const fd of [...this.#fds, this.map]) if (fd > 2) this.#sys.close(fd);
  }

  run({ op, keys, values, flags, missing }: Command): string {
    const sys = this.#sys;
    const mapFd = this.map;
    const count = keys.length;
    const key = missing === 'key' ? undefined : this.#key(keys[0]);
    const value = missing === 'value' ? undefined : this.#value(values[0]);
    const elemFlags = flags;
    switch (op) {
      case 'update':
        return outcome(sys, sys.bpf(CMD.MAP_UPDATE_ELEM, { mapFd, key, value, flags }));
      case 'delete':
        return outcome(sys, sys.bpf(CMD.MAP_DELETE_ELEM, { mapFd, key }));
      case 'lookup':
      case 'take': {
        if (this.#subject.attr.mapType === MAP_TYPE.BLOOM_FILTER) return '';
        const cmd = op === 'take' ? CMD.MAP_LOOKUP_AND_DELETE_ELEM : CMD.MAP_LOOKUP_ELEM;
        const answer = outcome(sys, sys.bpf(cmd, { mapFd, key, value, flags: flags > 3 ? flags : 0 }));
        return `${answer} ${answer === 'ok' ? this.#show(value) : ''}`;
      }
      case 'freeze':
        return outcome(sys, sys.bpf(CMD.MAP_FREEZE, { mapFd }));
      case 'info':
        return [...this.#info(mapFd)].map((word, i) => (i === 1 ? '' : word)).join();
      case 'walk':
        return this.#walk();
      case 'put-all':
      case 'drop-all': {
        const all = { keys: missing === 'key' ? undefined : join(keys.map((n) => this.#key(n))) };
        const attr = { mapFd, ...all, values: join(keys.map((_, i) => this.#value(values[i % values.length]))), count };
        const cmd = op === 'put-all' ? CMD.MAP_UPDATE_BATCH : CMD.MAP_DELETE_BATCH;
        const result = sys.bpf(cmd, { ...attr, elemFlags: elemFlags > 3 ? elemFlags : 0 });
        return outcome(sys, result);
      }
      case 'list':
        return this.#list(flags > 3 ? flags : 0);
    }
  }

  /** Keys and values in one batch, which has room for all. */
  #list(elemFlags: number): string {
    const { attr, shape } = this.#subject;
    const [count, size] = [600, this.#width];
    const keys = new Uint8Array(count * attr.keySize);
    const values = new Uint8Array(count * size);
    const batch = {
      mapFd: this.map,
      keys,
      values,
      outBatch: new Uint8Array(Math.max(4, attr.keySize)),
      count,
      elemFlags,
    };
    const answer = outcome(this.#sys, this.#sys.bpf(CMD.MAP_LOOKUP_BATCH, batch));
    if (answer !== 'ENOENT') return answer;
    const found = Array.from({ length: batch.count }, (_, i) => {
      const key = keys.subarray(i * attr.keySize, (i + 1) * attr.keySize);
      return `${hex(key)}=${this.#show(values.slice(i * size, (i + 1) * size))}`;
    });
    return (shape.hash ? found.sort() : found).join(' ');
  }

  #walk(): string {
    const { attr, shape } = this.#subject;
    const found: string[] = [];
    let key: Uint8Array | undefined;
    for (let steps = 0; steps < 600; steps++) {
      const nextKey = new Uint8Array(attr.keySize);
      const result = this.#sys.bpf(CMD.MAP_GET_NEXT_KEY, { mapFd: this.map, key, nextKey });
      if (result < 0) return `${(shape.hash ? found.sort() : found).join(' ')} ${errnoName(result)}`;
      found.push(hex((key = nextKey)));
      if (attr.keySize === 0) break;
    }
    return found.join(' ');
  }

  get #width(): number {
    const { attr, shape } = this.#subject;
    return shape.perCpu ? Math.ceil(attr.valueSize / 8) * 8 * CPUS : attr.valueSize;
  }

  #info(bpfFd: number): Uint32Array {
    const info = new Uint8Array(BPF_MAP_INFO.size);
    this.#sys.bpf(CMD.OBJ_GET_INFO_BY_FD, { bpfFd, info });
    return new Uint32Array(info.buffer, 0, 6);
  }

  #key(n: number): Uint8Array {
    const { keySize, mapType } = this.#subject.attr;
    const bytes = new Uint8Array(keySize);
    // A trie's begins with its length in bits; that of a cgroup's storage names no cgroup.
    const isTrie = mapType === MAP_TYPE.LPM_TRIE;
    const isStorage = mapType === MAP_TYPE.CGROUP_STORAGE || mapType === MAP_TYPE.PERCPU_CGROUP_STORAGE;
    if (!isStorage) bytes.set((isTrie ? [3 * n, 0, 0, 0, (n & 1) * 0xf0, n] : [n]).slice(0, keySize));
    return bytes;
  }

  #value(n: number): Uint8Array {
    const { holds } = this.#subject.shape;
    const bytes = new Uint8Array(this.#width);
    if (holds === undefined || bytes.length < 4) return bytes.fill(n);
    const fd = [...this.#fds, 9999, -1, 0x7fffffff][n % 7];
    const words =
      holds === 'fd' ? u32(fd) : u32([1, 0, 2 ** 31, 77777][n % 4], n % 3 === 0 ? fd : n % 3 === 1 ? -1 : 0);
    bytes.set(words.subarray(0, bytes.length));
    return bytes;
  }

  /** A value with the names of objects in place of their ids. */
  #show(value: Uint8Array | undefined): string {
    const { holds, perCpu } = this.#subject.shape;
    if (value === undefined) return '';
    const { valueSize } = this.#subject.attr;
    if (perCpu)
      return Array.from({ length: CPUS }, (_, i) =>
        hex(value.subarray((i * value.length) / CPUS).subarray(0, valueSize)),
      ).join('|');
    if (holds === undefined || value.length < 4) return hex(value);
    const words = new Uint32Array(value.slice(0, value.length & -4).buffer);
    return Array.from(words, (word, i) => (holds === 'fd' || i > 0 ? this.#ids.indexOf(word) : word)).join();
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

let chosen: readonly TypeName[] = NAMES;

export const campaign: Campaign = {
  name: 'map-commands',
  summary: 'random commands on maps of all types, right and wrong, user space against the kernel',
  defaultCount: 20_000,
  unavailable: () => (linux ? undefined : whyNot),
  choose(type) {
    chosen = NAMES.filter((name) => name === type.toUpperCase());
    if (chosen.length === 0) throw new TypeError(`no map type ${type}: ${NAMES.join(' ').toLowerCase()}`);
  },
  runCase(seed, caseNumber) {
    if (!linux) return undefined;
    const random = new Random(caseSeed(seed, caseNumber));
    const made = subject(random, random.pick(chosen));
    const sides = [new Side(kernel, made), new Side(linux, made)] as const;
    try {
      const [ours, theirs] = sides.map(({ map }) => (map < 0 ? errnoName(map) : 'ok'));
      if (ours !== theirs) return `MAP_CREATE ${JSON.stringify(made.attr)}: ${ours}, Linux ${theirs}`;
      for (let n = 0; ours === 'ok' && n < 40; n++) {
        const next = command(random);
        const [here, there] = sides.map((side) => side.run(next));
        if (here !== there)
          return `${JSON.stringify(made.attr)}, command ${n} ${JSON.stringify(next)}:\n  ${here}\n  Linux ${there}`;
      }
      return undefined;
    } finally {
      for (const side of sides) side.close();
    }
  },
};
