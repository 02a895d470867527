/**
 * The userspace subsystem: `BpfSys` in this process. It is one dispatch table; each command's rules stand in the file that
 * the table names. Nothing here throws for what a caller passes: every command answers -errno.
 */
import { KernelBtf } from '../btf/index.ts';
import type { KernelBtfSource } from '../btf/index.ts';
import { PROFILE_SETTINGS } from '../contracts/index.ts';
import type { Place, Profile } from '../contracts/index.ts';
import { BpfError, BudgetTrap, ERRNO, InternalError, Trap } from '../errors/index.ts';
import type { Clock, HelperEnv, Task } from '../helpers/index.ts';
import { ProgramNumbers, inspectProgram, openXdpBatch, testRun } from '../hooks/index.ts';
import type { EngineName, EventShape, Host, PacketBatch, ProgramInspection } from '../hooks/index.ts';
import { endWalks } from '../maps/index.ts';
import type { BpfMap } from '../maps/index.ts';
import { AddressSpace, Rcu } from '../memory/index.ts';
import type {
  BpfAttrs,
  BpfCmd,
  BpfSys,
  MapView,
  ProgLoadAttr,
  ProgTestRunAttr,
  SocketHandle,
  UserSocket,
} from '../sys/index.ts';
import { BPF_CMD as CMD, PROG_TYPE } from '../uapi/index.ts';
import type { VerifyInput, VerifyResult } from '../verifier/index.ts';
import type { Interpreter } from '../vm/index.ts';
import { checkNumbers } from './arguments.ts';
import { openEvent } from './attach.ts';
import type { EventField, KernelEvent } from './attach.ts';
import { assumeVerified } from './assume-verified.ts';
import { btfLoad } from './btf-load.ts';
import { getFdById, getNextId } from './ids.ts';
import { mapBatch } from './map-batch.ts';
import { mapCreate } from './map-create.ts';
import { mapDelete, mapFreeze, mapGetNextKey, mapLookup, mapLookupAndDelete, mapMmap, mapUpdate } from './map-elem.ts';
import { objGetInfo } from './obj-info.ts';
import { openPerfEvent } from './perf-event.ts';
import { poll } from './poll.ts';
import { progLoad, progLoadJudged, verifierInput } from './prog-load.ts';
import { setSocketOption, setsockopt } from './socket-options.ts';
import { Subsystem } from './subsystem.ts';

export interface KernelOptions {
  /** CPUs that per-CPU maps have values for; 1. Programs run on CPU 0 unless a test run asks for another. */
  cpus?: number;
  /** Capabilities of the caller: bits of `CAP`; all. */
  caps?: bigint;
  /** Clocks that programs read; the host's. */
  clock?: Clock;
  /** 32 random bits, unsigned; the host's. */
  random?: () => number;
  /** Indices of the network devices that programs may redirect to; absent: 1 to 2^31 - 1. */
  devices?: readonly number[];
  /** The task that programs run in; pid 1 of root, `skep`. */
  task?: Task;
  /** Most bytes of memory: maps, contexts, packets, stacks; 4 GiB less 64 KiB. At least 1 MiB. */
  memoryLimit?: number;
  /**
   * What runs programs: `jit`, which compiles them to WebAssembly, and leaves to the interpreter what it cannot; or
   * `interp`, the default where `observe` is given.
   */
  engine?: EngineName;
  /**
   * On engine `jit`: milliseconds for which a program runs on a copy of the world, without any effect, when it is compiled, so
   * that V8 soon has its best code ready; 0.
   */
  warmup?: number;
  /**
   * On engine `jit`, verified programs are held to memory that programs may touch, should the verifier be wrong: up to three
   * times slower, and updates of maps more (docs/benchmarks.md). Arrays take whole pages of their own. Without it even a
   * wrong verifier cannot leave the one memory.
   */
  hardened?: boolean;
  /**
   * Programs are only verified: PROG_LOAD passes what the verifier passes, also where a helper has no implementation,
   * MAP_CREATE makes maps of every type, those without an implementation without elements, and PROG_TEST_RUN answers
   * -ENOTSUPP.
   */
  verifyOnly?: boolean;
  /**
   * The types of the kernel that programs are for: raw BTF as in `/sys/kernel/btf/vmlinux`, what reads it when a program
   * first needs it, or what another subsystem was given. Without it programs that need one are `unsupported`.
   */
  kernelBtf?: KernelBtfSource | KernelBtf;
  /** Whose verdicts PROG_LOAD gives; by default those of Linux 6.18. */
  profile?: Profile;
  /** Settings of the kernel that programs are for, for `extern … __kconfig`; its version is known. */
  kernelSetting?: (name: string) => string | undefined;
  /** Called with each line of `bpf_trace_printk`; by default they are lost. */
  trace?: (line: string) => void;
  /** Called when a `bpf_timer` is started: when it is due, in nanoseconds of `clock.monotonic()`. Then `runTimers` is called. */
  timerArmed?: (expires: number) => void;
  /** Called before each instruction that a program runs, with registers as they are: for traces and assertions. Slow. */
  observe?: (interpreter: Interpreter<HelperEnv>) => void;
}

export interface Kernel extends BpfSys {
  readonly backend: 'userspace';
  /** Bytes of memory in use. */
  readonly memoryBytes: number;
  /** Capabilities that the caller holds: bits of `CAP`. */
  readonly caps: bigint;
  /** Call `body` with only these of the caller's capabilities; they are back when it returns. */
  withCaps<T>(held: bigint, body: () => T): T;
  /** Call `body` with PROG_LOAD giving the verdicts of another profile; they are the kernel's again when it returns. */
  withProfile<T>(profile: Profile, body: () => T): T;
  /**
   * PROG_LOAD without the verifier, for running programs checked: an access that Linux would not allow is a Trap thrown
   * by PROG_TEST_RUN. Not part of `BpfSys`: nothing that is meant for Linux may depend on it.
   */
  loadUnverified(attr: ProgLoadAttr): number;
  /**
   * What PROG_LOAD would give the verifier, or -errno where it refuses before that: for tools that ask the verifier
   * more than its verdict. Its maps are those of the open descriptors.
   */
  verifierInput(attr: ProgLoadAttr): VerifyInput | number;
  /**
   * PROG_LOAD of a program that was judged before, for tools that run one program on several engines: the verdict of `verify`,
   * of the same instructions with maps of the same shapes. @returns as PROG_LOAD
   */
  loadJudged(attr: ProgLoadAttr, verdict: VerifyResult): number;
  /** Why a program that has run on engine `jit` was interpreted all the same; undefined: it was not. */
  notCompiled(progFd: number): string | undefined;
  /** What the engines make of a program. @returns -EBADF, -EINVAL for a bad descriptor */
  inspect(progFd: number): ProgramInspection | number;
  /**
   * Room for `capacity` packets of at most `size` bytes, 14 to 65,535, on which an XDP program is run in place.
   * @returns -EBADF, -EINVAL (no XDP program, sizes), -ENOMEM, -ENOTSUPP where programs are only verified
   */
  openBatch(progFd: number, capacity: number, size: number): PacketBatch | number;
  /**
   * An event of this process that programs of type tracepoint and raw_tracepoint, or perf_event, can be attached to.
   * @param fields which loads of tracepoint programs must keep to; absent: any
   * @throws BpfError ENOMEM
   */
  openEvent(place: Place, shape: EventShape, fields?: readonly EventField[]): KernelEvent;
  /**
   * Give each line of `bpf_trace_printk` to another reader, besides `KernelOptions.trace`.
   * @returns what ends it
   */
  traceTo(reader: (line: string) => void): () => void;
  /**
   * As `setsockopt`, and says why it refuses.
   * @throws BpfError EBADF, EINVAL, EPERM, EACCES, ENOENT, ENOMEM, ENOPROTOOPT, EOPNOTSUPP
   */
  setSocketOption(socket: UserSocket, option: number, value: number | Uint8Array): void;
  /**
   * Run the callbacks of `bpf_timer`s that are due, in the order of their times, but not of those that are started meanwhile.
   * Nothing runs them otherwise: whoever owns the kernel calls this as time goes by, see `timerArmed`.
   * @param now nanoseconds of `clock.monotonic()`, its own answer by default; any other is for runs that repeat
   * @param fuel instructions that each callback may take; no end. One that could take more is interpreted.
   * @returns how many ran
   * @throws BpfError -EBUSY from inside a run; BudgetTrap: a callback took more, others may still be due
   */
  runTimers(now?: number, fuel?: number): number;
  /** When the next started `bpf_timer` is due: nanoseconds of `clock.monotonic()`; Infinity: none is started. */
  readonly nextTimer: number;
  /** Close every descriptor. */
  [Symbol.dispose](): void;
}

const ALL_CAPS = (1n << 64n) - 1n;
const TAI_OFFSET_SECONDS = 37;

/** A userspace kernel with nothing in it. */
export function createKernel(options: KernelOptions = {}): Kernel {
  return new UserspaceKernel(options);
}

type Command<C extends BpfCmd> = (sub: Subsystem, attr: BpfAttrs[C]) => number;

const COMMANDS: { readonly [C in BpfCmd]: Command<C> } = {
  [CMD.MAP_CREATE]: mapCreate,
  [CMD.MAP_LOOKUP_ELEM]: mapLookup,
  [CMD.MAP_UPDATE_ELEM]: mapUpdate,
  [CMD.MAP_DELETE_ELEM]: mapDelete,
  [CMD.MAP_GET_NEXT_KEY]: mapGetNextKey,
  [CMD.MAP_LOOKUP_AND_DELETE_ELEM]: mapLookupAndDelete,
  [CMD.MAP_FREEZE]: mapFreeze,
  [CMD.MAP_LOOKUP_BATCH]: mapBatch(CMD.MAP_LOOKUP_BATCH),
  [CMD.MAP_LOOKUP_AND_DELETE_BATCH]: mapBatch(CMD.MAP_LOOKUP_AND_DELETE_BATCH),
  [CMD.MAP_UPDATE_BATCH]: mapBatch(CMD.MAP_UPDATE_BATCH),
  [CMD.MAP_DELETE_BATCH]: mapBatch(CMD.MAP_DELETE_BATCH),
  [CMD.PROG_LOAD]: (sub, attr) => progLoad(sub, attr),
  [CMD.PROG_TEST_RUN]: progTestRun,
  [CMD.BTF_LOAD]: btfLoad,
  [CMD.PROG_GET_NEXT_ID]: (sub, attr) => getNextId(sub, sub.progs, attr),
  [CMD.MAP_GET_NEXT_ID]: (sub, attr) => getNextId(sub, sub.maps, attr),
  [CMD.BTF_GET_NEXT_ID]: (sub, attr) => getNextId(sub, sub.btfs, attr),
  [CMD.PROG_GET_FD_BY_ID]: (sub, attr) => getFdById(sub, sub.progs, attr),
  [CMD.MAP_GET_FD_BY_ID]: (sub, attr) => getFdById(sub, sub.maps, attr),
  [CMD.BTF_GET_FD_BY_ID]: (sub, attr) => getFdById(sub, sub.btfs, attr),
  [CMD.OBJ_GET_INFO_BY_FD]: objGetInfo,
};

class UserspaceKernel implements Kernel {
  readonly backend = 'userspace';
  readonly possibleCpus: number;
  readonly #settings: (name: string) => string | undefined;
  readonly #sub: Subsystem;
  /** Who reads what programs print. */
  readonly #traced = new Set<(line: string) => void>();

  constructor(options: KernelOptions) {
    this.possibleCpus = options.cpus ?? 1;
    const mapAt = new Map<number, BpfMap>();
    if (options.trace) this.#traced.add(options.trace);
    const trace = (line: string): void => this.#traced.forEach((reader) => reader(line));
    const host = createHost({ ...options, trace }, this.possibleCpus, mapAt);
    this.#sub = new Subsystem(
      host,
      options.caps ?? ALL_CAPS,
      mapAt,
      options.engine ?? (options.observe ? 'interp' : 'jit'),
      options.verifyOnly,
      options.hardened,
    );
    this.#sub.cpu.interpreter.observe = options.observe;
    this.#sub.profile = options.profile;
    const { kernelBtf } = options;
    this.#settings = options.kernelSetting ?? (() => undefined);
    this.#sub.kernelBtf = kernelBtf && !(kernelBtf instanceof KernelBtf) ? new KernelBtf(kernelBtf) : kernelBtf;
  }

  kernelSetting(name: string): string | undefined {
    return PROFILE_SETTINGS[name] ?? this.#settings(name);
  }

  get kernelBtf(): KernelBtf | undefined {
    return this.#sub.kernelBtf;
  }

  get memoryBytes(): number {
    return this.#sub.host.space.used;
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    const command: Command<C> | undefined = COMMANDS[cmd];
    if (command === undefined) return -ERRNO.EINVAL;
    return checkNumbers(attr) || command(this.#sub, attr);
  }

  loadUnverified(attr: ProgLoadAttr): number {
    return checkNumbers(attr) || progLoad(this.#sub, attr, assumeVerified);
  }

  verifierInput(attr: ProgLoadAttr): VerifyInput | number {
    return checkNumbers(attr) || verifierInput(this.#sub, attr);
  }

  loadJudged(attr: ProgLoadAttr, verdict: VerifyResult): number {
    return checkNumbers(attr) || progLoadJudged(this.#sub, attr, verdict);
  }

  notCompiled(progFd: number): string | undefined {
    const descriptor = this.#sub.get(progFd, 'prog');
    const compiled = typeof descriptor === 'number' ? undefined : descriptor.object.image.compiled;
    return compiled?.ok === false ? compiled.unsupported : undefined;
  }

  openBatch(progFd: number, capacity: number, size: number): PacketBatch | number {
    const sub = this.#sub;
    const descriptor = sub.get(progFd | 0, 'prog');
    if (typeof descriptor === 'number') return descriptor;
    const { object } = descriptor;
    if (sub.verifyOnly) return -ERRNO.ENOTSUPP;
    const fits = Number.isInteger(capacity) && capacity > 0 && Number.isInteger(size) && size >= 14 && size <= 0xffff;
    if (object.image.progType !== PROG_TYPE.XDP || !fits) return -ERRNO.EINVAL;
    const batch = openXdpBatch(sub.cpu, object.image, capacity, size, () => sub.progs.drop(object));
    if (batch === undefined) return -ERRNO.ENOMEM;
    sub.progs.hold(object);
    return batch;
  }

  openEvent(place: Place, shape: EventShape, fields?: readonly EventField[]): KernelEvent {
    return openEvent(this.#sub, place, shape, fields);
  }

  traceTo(reader: (line: string) => void): () => void {
    this.#traced.add(reader);
    return () => void this.#traced.delete(reader);
  }

  runTimers(now?: number, fuel?: number): number {
    const { host, cpu } = this.#sub;
    if (!host.rcu.idle) throw new BpfError(ERRNO.EBUSY, 'timers', 'a program runs');
    return cpu.timers.run(now ?? host.clock.monotonic(), fuel);
  }

  get nextTimer(): number {
    return this.#sub.cpu.timers.next;
  }

  inspect(progFd: number): ProgramInspection | number {
    const descriptor = this.#sub.get(progFd | 0, 'prog');
    return typeof descriptor === 'number' ? descriptor : inspectProgram(this.#sub.cpu, descriptor.object.image);
  }

  close(fd: number): void {
    this.#sub.close(fd);
  }

  mmap(fd: number, length: number, offset: number): MapView {
    return mapMmap(this.#sub, fd, length, offset);
  }

  poll(fd: number, signal?: AbortSignal): Promise<void> {
    return poll(this.#sub, fd, signal);
  }

  openPerfEvent(cpu: number): number {
    return openPerfEvent(this.#sub, cpu);
  }

  setsockopt(socket: SocketHandle, option: number, value: number | Uint8Array): number {
    return setsockopt(this.#sub, socket, option, value);
  }

  setSocketOption(socket: UserSocket, option: number, value: number | Uint8Array): void {
    setSocketOption(this.#sub, socket, option, value);
  }

  get caps(): bigint {
    return this.#sub.caps;
  }

  withCaps<T>(held: bigint, body: () => T): T {
    const before = this.#sub.caps;
    this.#sub.caps = before & held;
    try {
      return body();
    } finally {
      this.#sub.caps = before;
    }
  }

  withProfile<T>(profile: Profile, body: () => T): T {
    const before = this.#sub.profile;
    this.#sub.profile = profile;
    try {
      return body();
    } finally {
      this.#sub.profile = before;
    }
  }

  [Symbol.dispose](): void {
    for (const fd of [...this.#sub.fds.numbers()]) this.#sub.close(fd);
  }
}

function createHost(options: KernelOptions, possibleCpus: number, mapAt: Map<number, BpfMap>): Host {
  const space = new AddressSpace(options.memoryLimit, options.hardened);
  return {
    space,
    rcu: new Rcu(),
    clock: options.clock ?? hostClock,
    armed: options.timerArmed,
    task: options.task ?? { pid: 1, tgid: 1, uid: 0, gid: 0, comm: 'skep' },
    possibleCpus,
    mapAt: (address) => mapAt.get(address),
    programs: new ProgramNumbers(),
    warmup: options.warmup ?? 0,
    ended: (socket) => {
      for (const map of mapAt.values()) {
        map.dropOwner?.(socket);
        map.dropPlace?.();
      }
    },
    stopped: () => {
      endWalks(space);
      for (const map of mapAt.values()) map.runStopped?.();
    },
    hasDevice: (index) => options.devices?.includes(index) ?? index < 2 ** 31,
    isRandomGiven: options.random !== undefined,
    random: options.random ?? (() => Math.floor(Math.random() * 2 ** 32)),
    trace: options.trace ?? (() => {}),
  };
}

const NANOSECONDS = 1e6;

const hostClock: Clock = {
  monotonic: () => Math.floor(performance.now() * NANOSECONDS),
  boottime: () => Math.floor(performance.now() * NANOSECONDS),
  tai: () => (Date.now() + TAI_OFFSET_SECONDS * 1000) * NANOSECONDS,
};

/** PROG_TEST_RUN. -EBADF, -EINVAL for a bad descriptor; -EBUSY from inside a run; the rest is the hook's of the program's type. */
function progTestRun(sub: Subsystem, attr: ProgTestRunAttr): number {
  const descriptor = sub.get(attr.progFd | 0, 'prog');
  if (typeof descriptor === 'number') return descriptor;
  if (sub.verifyOnly) return -ERRNO.ENOTSUPP;
  const { object } = descriptor;
  // Context and packet memory belong to the CPU: a callback of a running program cannot start another.
  if (!sub.host.rcu.idle) return -ERRNO.EBUSY;
  sub.progs.hold(object);
  try {
    return testRun(sub.cpu, object.image, attr);
  } catch (error) {
    if (object.trusted && error instanceof Trap && !(error instanceof BudgetTrap))
      throw new InternalError(`a verified program was stopped: ${error.message}`);
    throw error;
  } finally {
    sub.progs.drop(object);
  }
}
