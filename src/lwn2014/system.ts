/**
 * The system of the patch set that LWN described in July 2014, literally: `bpf()`, with all that it does behind one number,
 * and `setsockopt()`. Without CAP_SYS_ADMIN every command of `bpf()` is refused (-EPERM) before anything else is looked at, and so
 * is attaching a program; classic filters are anybody's, as ever. A refusal is -errno, what is made is its id, all else 0;
 * nothing is thrown for what a caller passes.
 *
 *     const system = openLwn2014();
 *     system.bpf(BPF_PROG_LOAD, 1, BPF_PROG_TYPE_SOCKET_FILTER, attributes, attributes.length);
 *     system.setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER_EBPF, 1);
 */
import { profileNamed } from '../contracts/index.ts';
import { BpfError, ERRNO, InternalError, UnsupportedError } from '../errors/index.ts';
import { createKernel } from '../kernel/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { userSocket } from '../node/index.ts';
import type { FilterTarget } from '../node/index.ts';
import type { UserSocket } from '../sys/index.ts';
import { TraceHost } from '../tracing/index.ts';
import type { TraceHostOptions } from '../tracing/index.ts';
import { CAP, PROG_TYPE, SO } from '../uapi/index.ts';
import { bytesOf } from './caller.ts';
import type { Bytes, Caller } from './caller.ts';
import {
  BPF_MAP_CREATE,
  BPF_MAP_DELETE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_UNLOAD,
  SOL_SOCKET,
  SO_ATTACH_FILTER_EBPF,
} from './constants.ts';
import * as maps from './maps.ts';
import { namespaceOf } from './namespace.ts';
import * as programs from './programs.ts';
import { Wrappers } from './wrappers.ts';
import type { Commands } from './wrappers.ts';

export interface Lwn2014Options {
  /** The subsystem, which others may use as it is today; a new one by default. */
  readonly kernel?: Kernel;
  /** Capabilities of the caller, of those that the kernel's has: bits of `CAP`; all. */
  readonly caps?: bigint;
  /** Takes what a kernel would print: why a program is refused, line by line. */
  readonly printk?: (line: string) => void;
}

type Command<C extends keyof Commands> = (caller: Caller, ...args: Commands[C]) => number;

const COMMANDS: { readonly [C in keyof Commands]: Command<C> } = {
  [BPF_MAP_CREATE]: maps.mapCreate,
  [BPF_MAP_DELETE]: maps.mapDelete,
  [BPF_MAP_LOOKUP_ELEM]: maps.mapLookupElem,
  [BPF_MAP_UPDATE_ELEM]: maps.mapUpdateElem,
  [BPF_MAP_DELETE_ELEM]: maps.mapDeleteElem,
  [BPF_MAP_GET_NEXT_KEY]: maps.mapGetNextKey,
  [BPF_PROG_LOAD]: programs.progLoad,
  [BPF_PROG_UNLOAD]: programs.progUnload,
};

const isCommand = (cmd: unknown): boolean => typeof cmd === 'number' && Object.hasOwn(COMMANDS, cmd);

/** The system as one caller sees it; ids are the same for all callers of a kernel. */
export function openLwn2014(options: Lwn2014Options = {}): Lwn2014 {
  return new Lwn2014(options);
}

const PROFILE = profileNamed('lwn-2014');
const ALL_CAPS = (1n << 64n) - 1n;

export class Lwn2014 extends Wrappers {
  readonly kernel: Kernel;
  readonly #caps: bigint;
  readonly #caller: Caller;
  readonly #ownsKernel: boolean;

  /** `openLwn2014` makes them. */
  constructor({ kernel, caps = ALL_CAPS, printk }: Lwn2014Options) {
    super();
    if (typeof caps !== 'bigint') throw new TypeError('caps: a bigint of bits of CAP');
    this.kernel = kernel ?? createKernel();
    this.#ownsKernel = kernel === undefined;
    this.#caps = caps;
    this.#caller = { kernel: this.kernel, names: namespaceOf(this.kernel), printk };
  }

  /**
   * The system call: a command, and what it takes.
   * @returns an id, 0, or -errno: EPERM without CAP_SYS_ADMIN, EINVAL for an unknown command, what maps.ts and programs.ts say
   */
  override bpf<C extends keyof Commands>(cmd: C, ...args: Commands[C]): number {
    return this.#asCaller(() => {
      const command: Command<C> | undefined = isCommand(cmd) ? COMMANDS[cmd] : undefined;
      return command === undefined ? -ERRNO.EINVAL : command(this.#caller, ...args);
    });
  }

  /**
   * setsockopt(2). SO_ATTACH_FILTER_EBPF takes the id of a program, which is verified again if it is for no place; the other
   * options are those of today, SO_ATTACH_FILTER, SO_DETACH_FILTER and SO_LOCK_FILTER. A filter takes the place of the one before.
   * @param socket one of Node's, or a packet socket
   * @param value a number, or the bytes of an option's value
   * @returns 0 or -errno: ENOTSOCK, EBADF: no socket, a closed one; ENOPROTOOPT: another level or option; EPERM:
   *   SO_ATTACH_FILTER_EBPF without CAP_SYS_ADMIN, a locked filter; EINVAL: the id is no program's that a socket takes, or no
   *   number of 4 bytes; EACCES: the program needs what the socket does not grant, or reads what it does not have; ENOENT:
   *   nothing to detach
   */
  setsockopt(socket: FilterTarget | UserSocket, level: number, option: number, value: number | Bytes): number {
    const set = (): number => {
      const target = socketOf(socket);
      if (target === undefined) return -ERRNO.ENOTSOCK;
      if (target.closed) return -ERRNO.EBADF;
      if (level !== SOL_SOCKET || typeof option !== 'number') return -ERRNO.ENOPROTOOPT;
      if (option !== SO_ATTACH_FILTER_EBPF) return this.#option(target, option, value);
      return this.#asCaller(() => this.#attach(target, value));
    };
    return this.#answer(set);
  }

  /**
   * Tracing, where `bpf_<ID>` in an event's `filter` is a program of the system: of type BPF_PROG_TYPE_TRACING_FILTER, or for
   * no place, which is then verified again. The host belongs to the caller, who closes it.
   */
  trace(options: TraceHostOptions = {}): TraceHost {
    const use = <T>(id: number, attach: (fd: number) => T): T => {
      const said: string[] = [];
      const printk = (line: string): void => {
        said.push(line);
        this.#caller.printk?.(line);
      };
      const caller = { ...this.#caller, printk };
      const link = this.#asCaller(() => programs.withProgram(caller, id, PROG_TYPE.TRACEPOINT, attach));
      if (typeof link !== 'number') return link;
      // The verifier's last line says how much it has done.
      const why = said.findLast((line) => !line.startsWith('processed ')) ?? 'CAP_SYS_ADMIN is needed';
      throw new BpfError(link, 'filter', `bpf_${id}: ${why}`);
    };
    return new TraceHost(this.kernel, { ...options, programIds: { use } });
  }

  /** Close the kernel, if the system made it. */
  [Symbol.dispose](): void {
    if (!this.#ownsKernel) return;
    this.#caller.names.maps.clear();
    this.#caller.names.programs.clear();
    this.kernel[Symbol.dispose]();
  }

  #attach(target: UserSocket, value: number | Bytes): number {
    const id = typeof value === 'number' ? value : numberIn(bytesOf(value));
    if (id === undefined) return -ERRNO.EINVAL;
    return programs.withProgram(this.#caller, id, PROG_TYPE.SOCKET_FILTER, (fd) =>
      this.#option(target, SO.ATTACH_BPF, fd),
    );
  }

  #option(target: UserSocket, option: number, value: number | Bytes): number {
    const given = typeof value === 'number' ? value : bytesOf(value);
    if (given === undefined) return -ERRNO.EFAULT;
    this.kernel.setSocketOption(target, option, given);
    return 0;
  }

  /** What refuses by throwing, as a system call answers. */
  #answer(body: () => number): number {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof BpfError || error instanceof UnsupportedError)) throw error;
      this.#caller.printk?.(error.message);
      return error instanceof BpfError ? -error.errno : -ERRNO.ENOTSUPP;
    }
  }

  /** Run `body` with the caller's capabilities and the verdicts of 2014. @returns -EPERM without CAP_SYS_ADMIN */
  #asCaller<T>(body: () => T): T | number {
    const { kernel } = this;
    const admin = (kernel.caps & this.#caps) >> BigInt(CAP.SYS_ADMIN);
    if ((admin & 1n) === 0n) return -ERRNO.EPERM;
    if (PROFILE === undefined) throw new InternalError('no profile lwn-2014');
    return kernel.withCaps(this.#caps, () => kernel.withProfile(PROFILE, body));
  }
}

/** @returns undefined for what is no socket */
function socketOf(socket: FilterTarget | UserSocket): UserSocket | undefined {
  if (typeof socket !== 'object' || socket === null) return undefined;
  if ('place' in socket && 'filter' in socket) return socket;
  try {
    return userSocket(socket);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The number that is the whole value of an option. */
function numberIn(bytes: Uint8Array | undefined): number | undefined {
  if (bytes?.length !== 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
}
