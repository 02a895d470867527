/**
 * What user space does with a program's maps before it runs and between its runs: elements change, records come in, maps of
 * maps hold another map, prog arrays hold the program itself. It depends on the map's number and the run's only.
 */
import { UserRingbufWriter } from '../../../src/events/index.ts';
import type { BpfSys, MapCreateAttr } from '../../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE } from '../../../src/uapi/index.ts';

export interface OpenMap {
  readonly fd: number;
  readonly attr: MapCreateAttr;
}

export const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** Index of the loopback device. */
const LOOPBACK = 1;
/** Index in prog arrays of the program itself. */
const SELF = 1;
/** Keys that are looked up in maps that only user space knows. */
const KEYS = 4;

const PLAIN: ReadonlySet<number> = new Set([MAP_TYPE.HASH, MAP_TYPE.ARRAY, MAP_TYPE.LRU_HASH]);
const PER_CPU: ReadonlySet<number> = new Set([MAP_TYPE.PERCPU_HASH, MAP_TYPE.PERCPU_ARRAY, MAP_TYPE.LRU_PERCPU_HASH]);

/** A map of maps, with the map that it is made for and another of the same shape. */
interface Nest {
  readonly outer: number;
  readonly inner: number;
  readonly twin: OpenMap;
}

export class UserSpace {
  readonly #sys: BpfSys;
  readonly #note: (what: string, text: string) => void;
  readonly #maps: OpenMap[] = [];
  readonly #nests: Nest[] = [];
  readonly #writers: UserRingbufWriter[] = [];

  /** @param note takes down what happened */
  constructor(sys: BpfSys, note: (what: string, text: string) => void) {
    this.#sys = sys;
    this.#note = note;
  }

  /** A map was made. */
  opened(map: OpenMap): void {
    const { fd, attr } = map;
    this.#maps.push(map);
    if (attr.mapType === MAP_TYPE.USER_RINGBUF)
      this.#writers.push(UserRingbufWriter.open(this.#sys, fd, attr.maxEntries));
    if (attr.innerMapFd) this.#nest(fd, attr.innerMapFd);
    if (attr.mapType === MAP_TYPE.DEVMAP || attr.mapType === MAP_TYPE.DEVMAP_HASH) this.#put(fd, 0, u32(LOOPBACK));
  }

  /** The program was loaded: it may call itself. */
  loaded(progFd: number): void {
    for (const { fd, attr } of this.#maps)
      if (attr.mapType === MAP_TYPE.PROG_ARRAY)
        this.#note('tail call of itself', `${this.#put(fd, SELF, u32(progFd))}`);
  }

  /** Before run `run`. */
  before(run: number): void {
    for (const writer of this.#writers) for (let n = 0; n < 3; n++) writer.write(pattern(run + n, 8 * n + 4 * run));
    if (run === 0) return;
    this.#maps.forEach((map, i) => (i + run) % 2 && this.#change(map, i, run));
    for (const { outer, inner, twin } of this.#nests) {
      const [first, second] = run % 2 ? [twin.fd, inner] : [inner, twin.fd];
      const results = [this.#put(outer, 0, u32(first)), this.#put(outer, 1, u32(second))];
      if (run % 3 === 2) results.push(this.#sys.bpf(BPF_CMD.MAP_DELETE_ELEM, { mapFd: outer, key: u32(0) }));
      this.#note(`map of maps, before run ${run}`, results.join(' '));
    }
  }

  /** After run `run`: what maps hold that the program object does not know of. */
  after(run: number): void {
    this.#nests.forEach(({ twin }, i) => {
      if (twin.attr.keySize !== 4) return;
      const values: string[] = [];
      const value = new Uint8Array(twin.attr.valueSize);
      for (let key = 0; key < KEYS; key++)
        if (this.#sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd: twin.fd, key: u32(key), value }) === 0)
          values.push(`${key}=${Buffer.from(value).toString('hex')}`);
      this.#note(`inner map ${i}, run ${run}`, values.join(' '));
    });
  }

  close(): void {
    for (const writer of this.#writers) writer.close();
    for (const { twin } of this.#nests) this.#sys.close(twin.fd);
  }

  #put(mapFd: number, key: number, value: Uint8Array): number {
    return this.#sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key: u32(key), value });
  }

  #change({ fd, attr }: OpenMap, i: number, run: number): void {
    const perCpu = PER_CPU.has(attr.mapType);
    if (attr.keySize !== 4 || !(perCpu || PLAIN.has(attr.mapType))) return;
    const size = perCpu ? Math.ceil(attr.valueSize / 8) * 8 * this.#sys.possibleCpus : attr.valueSize;
    this.#note(`map ${i}, change before run ${run}`, `${this.#put(fd, run % 3, pattern(run, size))}`);
  }

  #nest(outer: number, inner: number): void {
    this.#put(outer, 0, u32(inner));
    const attr = this.#maps.find(({ fd }) => fd === inner)?.attr;
    if (attr === undefined) return;
    const fd = this.#sys.bpf(BPF_CMD.MAP_CREATE, { ...attr });
    if (fd >= 0) this.#nests.push({ outer, inner, twin: { fd, attr } });
  }
}

/** Bytes of which each differs from its neighbours. */
const pattern = (seed: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => 17 * seed + 3 * i);
