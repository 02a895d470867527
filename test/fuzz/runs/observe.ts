/**
 * Runs one program object somewhere (an engine of user space, or Linux) and writes down all that can be seen of it: what
 * each run returned, packet and context afterwards, elements of all maps, and what readers of ring buffers and perf events
 * were sent. Two places agree where these texts are the same.
 */
import { KernelBtf } from '../../../src/btf/index.ts';
import { btfIdIn } from '../../../src/cli/exchange.ts';
import { PerfReader, RingbufReader } from '../../../src/events/index.ts';
import { createKernel } from '../../../src/kernel/index.ts';
import type { Kernel, KernelOptions } from '../../../src/kernel/index.ts';
import type { LinuxSys } from '../../../src/linux/index.ts';
import { ExchangeRunner } from '../../../src/loader/index.ts';
import type { ExchangeAnswer, ExchangeBackend, ProgramObject } from '../../../src/loader/index.ts';
import { kernelBtfSource } from '../../../src/node/index.ts';
import type { BpfAttrs, BpfCmd, BpfSys, MapCreateAttr, ProgLoadAttr, ProgTestRunAttr } from '../../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE } from '../../../src/uapi/index.ts';
import { verify } from '../../../src/verifier/index.ts';
import type { VerifyResult } from '../../../src/verifier/index.ts';
import { UserSpace } from './user-space.ts';
import type { OpenMap } from './user-space.ts';

/** What was seen, by what it is: `run 0: retval`, `map 1 hash, run 2`, … */
export type Observation = ReadonlyMap<string, string>;

export interface Seen {
  readonly answer: ExchangeAnswer;
  readonly observation: Observation;
  /** Whether more was sent through a ring buffer than fits into it. */
  readonly wrapped: boolean;
}

/** A subsystem, and how it loads programs for a caller who holds only these capabilities; undefined: all. */
export interface Place {
  readonly sys: BpfSys;
  load(attr: ProgLoadAttr, caps: bigint | undefined): number;
  /** Instructions that one test run may take; undefined: any number. */
  readonly fuel?: number;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Bytes of a page, and where the second one of a ring buffer is: it begins with what was sent so far. */
const PAGE = 4096;
/** Elements that are taken out of a queue at most. */
const QUEUE_LIMIT = 64;

/** Watches one object being set up and run: does to its maps what user space may, and listens to them. */
class Watched implements BpfSys {
  readonly backend: string;
  readonly possibleCpus: number;
  readonly seen = new Map<string, string>();
  wrapped = false;
  readonly #place: Place;
  readonly #caps: bigint | undefined;
  readonly #runs: number;
  readonly #maps: OpenMap[] = [];
  readonly #rings: [name: string, reader: RingbufReader][] = [];
  readonly #perf: [name: string, reader: PerfReader][] = [];
  readonly #user: UserSpace;
  #run = 0;

  constructor(place: Place, caps: bigint | undefined, runs: number) {
    this.#place = place;
    this.#caps = caps;
    this.#runs = runs;
    this.backend = place.sys.backend;
    this.possibleCpus = place.sys.possibleCpus;
    this.#user = new UserSpace(place.sys, (what, text) => this.seen.set(what, text));
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    const { sys } = this.#place;
    if (cmd === BPF_CMD.PROG_LOAD) return this.#load(attr as ProgLoadAttr);
    if (cmd === BPF_CMD.PROG_TEST_RUN) this.#user.before(this.#run);
    const { fuel } = this.#place;
    const limited = cmd === BPF_CMD.PROG_TEST_RUN && fuel !== undefined;
    if (limited) (attr as ProgTestRunAttr).fuel = fuel;
    const result = sys.bpf(cmd, attr);
    if (cmd === BPF_CMD.MAP_CREATE && result >= 0 && this.#runs > 0)
      this.#prepare({ fd: result, attr: attr as MapCreateAttr });
    if (cmd === BPF_CMD.PROG_TEST_RUN) this.#listen();
    return result;
  }

  close: BpfSys['close'] = (fd) => this.#place.sys.close(fd);
  mmap: BpfSys['mmap'] = (...args) => this.#place.sys.mmap(...args);
  poll: BpfSys['poll'] = (...args) => this.#place.sys.poll(...args);
  openPerfEvent: BpfSys['openPerfEvent'] = (cpu) => this.#place.sys.openPerfEvent(cpu);
  setsockopt: BpfSys['setsockopt'] = (...args) => this.#place.sys.setsockopt(...args);

  closeReaders(): void {
    for (const [, reader] of [...this.#rings, ...this.#perf]) reader.close();
    this.#user.close();
  }

  /** Programs in prog arrays are loaded without a log. */
  #load(attr: ProgLoadAttr): number {
    const fd = this.#place.load(attr, this.#caps);
    if (fd >= 0 && attr.logLevel && this.#runs > 0) this.#user.loaded(fd);
    return fd;
  }

  #prepare(map: OpenMap): void {
    const { fd, attr } = map;
    const { sys } = this.#place;
    const name = `map ${this.#maps.push(map) - 1}`;
    this.#user.opened(map);
    if (attr.mapType === MAP_TYPE.RINGBUF) this.#rings.push([name, RingbufReader.open(sys, fd, attr.maxEntries)]);
    if (attr.mapType === MAP_TYPE.PERF_EVENT_ARRAY) this.#perf.push([name, PerfReader.open(sys, fd, { pages: 1 })]);
  }

  #listen(): void {
    const run = this.#run++;
    this.#user.after(run);
    for (const [name, reader] of this.#rings)
      this.seen.set(`${name} records, run ${run}`, [...reader.read()].map(hex).join(' '));
    for (const [name, reader] of this.#perf)
      this.seen.set(`${name} samples, run ${run}`, [...reader.read()].map(({ data }) => hex(data)).join(' '));
    if (this.#run < this.#runs) return;
    this.#maps.forEach((map, i) => this.#drain(map, `map ${i} queue`));
    this.wrapped = this.#maps.some((map) => this.#hasWrapped(map));
  }

  #hasWrapped({ fd, attr }: OpenMap): boolean {
    if (attr.mapType !== MAP_TYPE.RINGBUF) return false;
    const page = this.#place.sys.mmap(fd, PAGE, PAGE);
    const { buffer, byteOffset } = page.bytes;
    const sent = new DataView(buffer, byteOffset).getBigUint64(0, true);
    page.unmap();
    return sent > attr.maxEntries;
  }

  /** What a queue or a stack holds at the end, in the order in which it comes out. */
  #drain({ fd: mapFd, attr }: OpenMap, name: string): void {
    if (attr.mapType !== MAP_TYPE.QUEUE && attr.mapType !== MAP_TYPE.STACK) return;
    const value = new Uint8Array(attr.valueSize);
    const values: string[] = [];
    while (values.length < QUEUE_LIMIT && this.bpf(BPF_CMD.MAP_LOOKUP_AND_DELETE_ELEM, { mapFd, value }) === 0)
      values.push(hex(value));
    this.seen.set(name, values.join(' '));
  }
}

/** Observes objects, one after the other, in one place. */
export class Observer {
  readonly #place: (object: ProgramObject) => Place;
  readonly #exchange: ExchangeRunner;
  #watched: Watched | undefined;

  constructor(place: (object: ProgramObject) => Place, btfId: ExchangeBackend['btfId']) {
    this.#place = place;
    const backend: ExchangeBackend = { btfId, with: (_caps, body) => body(this.#watched as Watched) };
    this.#exchange = new ExchangeRunner(backend, { run: true, logLevel: 4 });
  }

  /** @param caps held while the program is loaded; undefined: all */
  observe(object: ProgramObject, caps: bigint | undefined): Seen {
    const watched = new Watched(this.#place(object), caps, object.runs.length);
    this.#watched = watched;
    try {
      const answer = this.#exchange.answer({ ...object, caps: undefined });
      return { answer, observation: observationOf(object, answer, watched.seen), wrapped: watched.wrapped };
    } finally {
      watched.closeReaders();
    }
  }
}

function observationOf(object: ProgramObject, answer: ExchangeAnswer, records: Observation): Observation {
  const seen = new Map<string, string>();
  answer.runs?.forEach((run, n) => {
    seen.set(`run ${n}: errno`, String(run.errno));
    seen.set(`run ${n}: retval`, String(run.retval));
    seen.set(`run ${n}: packet`, run.data_out);
    seen.set(`run ${n}: context`, run.ctx_out);
    run.maps_out.forEach((elements, i) => {
      const text = elements.map(([key, value]) => `${key}=${value}`).join(' ');
      seen.set(`map ${i} ${object.maps[i].typeName}, run ${n}`, text);
    });
  });
  for (const [what, text] of records) seen.set(what, text);
  return seen;
}

/** The running kernel's types. */
const kernelBtf = new KernelBtf(kernelBtfSource());

/** Objects that one userspace kernel answers before a new one takes its place. */
const OBJECTS_PER_KERNEL = 1024;

export interface Limits {
  /** Bytes of memory that are taken first, so that addresses differ. */
  readonly displaced?: number;
  readonly fuel?: number;
}

/**
 * What the verifier said of the program that was loaded last: several engines run it, and it is judged once. Programs in prog
 * arrays are loaded without a log, and each time judged.
 */
export class Verdict {
  #object: ProgramObject | undefined;
  #caps: bigint | undefined;
  #verdict: VerifyResult | undefined;

  load(kernel: Kernel, attr: ProgLoadAttr, object: ProgramObject, caps: bigint | undefined): number {
    if (!attr.logLevel) return kernel.bpf(BPF_CMD.PROG_LOAD, attr);
    if (this.#object !== object || this.#caps !== caps) {
      const input = kernel.verifierInput(attr);
      if (typeof input === 'number') return input;
      this.#verdict = verify(input);
      this.#object = object;
      this.#caps = caps;
    }
    return kernel.loadJudged(attr, this.#verdict as VerifyResult);
  }
}

/** User space with these options. @param verdict shared with other engines */
export function userspacePlace(
  options: KernelOptions,
  verdict: Verdict,
  { displaced = 0, fuel }: Limits = {},
): Observer {
  let kernel: Kernel | undefined;
  let left = 0;
  const place = (object: ProgramObject): Place => {
    if (kernel === undefined || left-- <= 0) {
      kernel?.[Symbol.dispose]();
      kernel = createKernel({ ...options, kernelBtf });
      left = OBJECTS_PER_KERNEL;
      if (displaced) {
        const attr = { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: displaced, maxEntries: 1 };
        kernel.bpf(BPF_CMD.MAP_CREATE, attr);
      }
    }
    const sys = kernel;
    const load: Place['load'] = (attr, caps) => {
      const body = (): number => verdict.load(sys, attr, object, caps);
      return caps === undefined ? body() : sys.withCaps(caps, body);
    };
    return { sys, fuel, load };
  };
  const observer = new Observer(place, btfIdIn(kernelBtf));
  const observe = observer.observe.bind(observer);
  // A kernel that stopped a program is not used again.
  observer.observe = (object, caps) => {
    const seen = observe(object, caps);
    if (seen.answer.verdict === 'setup-failed') kernel = undefined;
    return seen;
  };
  return observer;
}

export function linuxPlace(linux: LinuxSys): Observer {
  const place: Place = {
    sys: linux,
    load(attr, caps) {
      const body = (): number => linux.bpf(BPF_CMD.PROG_LOAD, attr);
      return caps === undefined ? body() : linux.withCaps(caps, body);
    },
  };
  return new Observer(() => place, btfIdIn(kernelBtf));
}
