/**
 * `BpfSys` on the real `bpf(2)`. Nothing is ever attached: the seam has no command that does, and sockets are touched
 * only through `setsockopt` on a descriptor of the caller's. A buffer that is too short for what the kernel would read
 * or write answers -EFAULT, as a page that is not there would.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { BpfError, ERRNO } from '../errors/index.ts';
import { loadLibc } from '../ffi/index.ts';
import type { Libc } from '../ffi/index.ts';
import { ATTR_SIZE, clearInfoPointers, encodeAttr, pinInfoBuffers, readResults } from '../sys/index.ts';
import type {
  BpfAttrs,
  BpfCmd,
  BpfSys,
  MapBatchAttr,
  MapElemAttr,
  MapGetNextKeyAttr,
  MapView,
  ObjectKind,
  ObjInfoAttr,
  ProgTestRunAttr,
  SocketHandle,
} from '../sys/index.ts';
import { BPF_CMD, CAP, MAP_TYPE, SO } from '../uapi/index.ts';
import { hideHeader, showWholeFrame } from './packet-socket.ts';
import { runningTypes } from './vmlinux-btf.ts';
import { kernelSetting } from './kernel-config.ts';

/** Why there is no real kernel to talk to, in one sentence. */
export class LinuxUnavailableError extends Error {
  override readonly name = 'LinuxUnavailableError';
}

export interface LinuxSys extends BpfSys {
  readonly backend: 'linux';
  /**
   * Call `body` with only these capabilities in effect (bits of `CAP`, see capabilities(7)) of those the thread has;
   * all of them are back when it returns. Synchronous: other work of this thread cannot come in between.
   */
  withCaps<T>(held: bigint, body: () => T): T;
}

export interface LinuxOptions {
  /** How often a PROG_LOAD that answers EAGAIN (a signal came in) is tried again; 100. */
  readonly retries?: number;
}

/** @throws LinuxUnavailableError where this is not Linux, koffi is not installed, or privileges are missing. */
export async function openLinux(options: LinuxOptions = {}): Promise<LinuxSys> {
  if (process.platform !== 'linux')
    throw new LinuxUnavailableError(`The linux backend needs a Linux kernel; this is ${process.platform}.`);
  const libc = await loadLibc();
  if (!libc)
    throw new LinuxUnavailableError(
      `The linux backend needs the optional package koffi on x64 or arm64 (this is ${process.arch}): npm install koffi.`,
    );
  const sys = new Linux(libc, options.retries ?? 100);
  const fd = sys.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 1 });
  if (fd === -ERRNO.EPERM)
    throw new LinuxUnavailableError('The linux backend needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.');
  if (fd < 0) throw new LinuxUnavailableError(`${new BpfError(fd, 'bpf(BPF_MAP_CREATE)').message}.`);
  sys.close(fd);
  return sys;
}

const PER_CPU: ReadonlySet<number> = new Set([
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.PERCPU_ARRAY,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
]);

/** `struct perf_event_attr`: PERF_TYPE_SOFTWARE, its size, PERF_COUNT_SW_BPF_OUTPUT, PERF_SAMPLE_RAW, one event wakes. */
const PERF_EVENT_ATTR = {
  size: 136,
  words: [
    [0, 1],
    [4, 136],
    [8, 10],
    [24, 1 << 10],
    [48, 1],
  ],
} as const;

/** Bytes of a `struct sock_filter`. */
const SOCK_FILTER = 8;

/** Bytes of a key and of a value as user space passes them. */
interface Sizes {
  readonly key: number;
  readonly value: number;
}

class Linux implements LinuxSys {
  readonly backend = 'linux';
  readonly possibleCpus = countCpus(readFileSync('/sys/devices/system/cpu/possible', 'utf8'));
  readonly kernelBtf = runningTypes;
  readonly kernelSetting = kernelSetting;
  readonly #libc: Libc;
  readonly #retries: number;
  readonly #attr = new Uint8Array(ATTR_SIZE);
  /** By map descriptor, so that no buffer is too short; filled when a map is first used. */
  readonly #sizes = new Map<number, Sizes>();
  readonly #pin = (bytes: Uint8Array): number => this.#libc.address(bytes);

  constructor(libc: Libc, retries: number) {
    this.#libc = libc;
    this.#retries = retries;
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    if (cmd === BPF_CMD.OBJ_GET_INFO_BY_FD) return this.#getInfo(attr as ObjInfoAttr);
    if (cmd === BPF_CMD.PROG_TEST_RUN && isLimited(attr as ProgTestRunAttr)) return -ERRNO.EINVAL;
    if (cmd === BPF_CMD.PROG_TEST_RUN && (attr as ProgTestRunAttr).view === 'packet-socket') {
      const run = attr as ProgTestRunAttr;
      const doubled = showWholeFrame(run);
      const result = this.#call(BPF_CMD.PROG_TEST_RUN, doubled);
      hideHeader(doubled, run);
      return result;
    }
    return this.#checkElem(cmd, attr) || this.#call(cmd, attr);
  }

  #call<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    const pinned: Uint8Array[] = [];
    const error = encodeAttr(cmd, attr, this.#attr, (bytes) => {
      pinned.push(bytes);
      return this.#libc.address(bytes);
    });
    if (error) return error;
    let result = this.#libc.bpf(cmd, this.#attr);
    for (let i = 0; cmd === BPF_CMD.PROG_LOAD && result === -ERRNO.EAGAIN && i < this.#retries; i++)
      result = this.#libc.bpf(cmd, this.#attr);
    pinned.length = 0; // the buffers were referenced until here
    readResults(cmd, attr, this.#attr);
    return result;
  }

  /** @returns -EFAULT where the kernel would reach past the end of a key or a value. */
  #checkElem(cmd: BpfCmd, attr: object): number {
    if (!('mapFd' in attr)) return 0;
    if ('count' in attr) return this.#checkBatch(attr as MapBatchAttr);
    const { mapFd, key, value, nextKey } = attr as MapElemAttr & Partial<MapGetNextKeyAttr>;
    if (!key && !value && !nextKey) return 0;
    const sizes = this.#mapSizes(mapFd);
    if (!sizes) return 0; // not a map: the kernel answers before it reads
    const short = (bytes: Uint8Array | undefined, size: number): boolean => !!bytes && bytes.length < size;
    const reads = short(key, sizes.key) || short(nextKey, sizes.key);
    return reads || (cmd !== BPF_CMD.MAP_DELETE_ELEM && short(value, sizes.value)) ? -ERRNO.EFAULT : 0;
  }

  /** @returns -EFAULT where a buffer is shorter than `count` says. */
  #checkBatch({ mapFd, inBatch, outBatch, keys, values, count }: MapBatchAttr): number {
    const sizes = this.#mapSizes(mapFd);
    if (!sizes) return 0;
    const short = (bytes: Uint8Array | undefined, size: number): boolean => !!bytes && bytes.length < size;
    const place = Math.max(4, sizes.key);
    if (short(inBatch, place) || short(outBatch, place)) return -ERRNO.EFAULT;
    return short(keys, count * sizes.key) || short(values, count * sizes.value) ? -ERRNO.EFAULT : 0;
  }

  #mapSizes(fd: number): Sizes | undefined {
    const known = this.#sizes.get(fd);
    if (known || objectKind(fd) !== 'map') return known;
    const info = new Uint8Array(24);
    if (this.#getInfo({ bpfFd: fd, info }) < 0) return undefined;
    const [type, , key, value] = new Uint32Array(info.buffer);
    const sizes = { key, value: PER_CPU.has(type) ? Math.ceil(value / 8) * 8 * this.possibleCpus : value };
    this.#sizes.set(fd, sizes);
    return sizes;
  }

  #getInfo(attr: ObjInfoAttr): number {
    const kind = objectKind(attr.bpfFd);
    if (kind) pinInfoBuffers(kind, attr, this.#pin);
    const result = this.#call(BPF_CMD.OBJ_GET_INFO_BY_FD, attr);
    if (kind) clearInfoPointers(kind, attr.info);
    return result;
  }

  close(fd: number): void {
    this.#sizes.delete(fd);
    this.#libc.close(fd);
  }

  mmap(fd: number, length: number, offset: number): MapView {
    let view = this.#libc.mmap(fd, length, offset, true);
    // A ring buffer's producer pages and frozen arrays are for reading only.
    if (view === -ERRNO.EPERM || view === -ERRNO.EACCES) view = this.#libc.mmap(fd, length, offset, false);
    if (typeof view === 'number') throw new BpfError(view, 'mmap');
    return view;
  }

  poll(fd: number, signal?: AbortSignal): Promise<void> {
    return this.#libc.poll(fd, signal);
  }

  openPerfEvent(cpu: number): number {
    const attr = new Uint8Array(PERF_EVENT_ATTR.size);
    const view = new DataView(attr.buffer);
    for (const [at, value] of PERF_EVENT_ATTR.words) view.setUint32(at, value, true);
    return this.#libc.perfEventOpen(attr, cpu);
  }

  setsockopt(socket: SocketHandle, option: number, value: number | Uint8Array): number {
    const SOL_SOCKET = 1;
    if (typeof socket !== 'number') return -ERRNO.EBADF;
    let bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : value;
    const classic = option === SO.ATTACH_FILTER || option === SO.ATTACH_REUSEPORT_CBPF;
    if (classic && typeof value !== 'number') {
      if (value.length % SOCK_FILTER !== 0) return -ERRNO.EINVAL;
      bytes = this.#sockFprog(value);
    }
    return this.#libc.setsockopt(socket, SOL_SOCKET, option, bytes);
  }

  /** `struct sock_fprog` of a program's bytes, which the caller refers to until it has been read. */
  #sockFprog(program: Uint8Array): Uint8Array {
    const fprog = new DataView(new ArrayBuffer(16));
    // 16 bits: more instructions than a program can have must not become fewer.
    fprog.setUint16(0, Math.min(program.length / SOCK_FILTER, 0xffff), true);
    fprog.setBigUint64(8, program.length > 0 ? BigInt(this.#libc.address(program)) : 0n, true);
    return new Uint8Array(fprog.buffer);
  }

  withCaps<T>(held: bigint, body: () => T): T {
    const before = this.#libc.getCaps();
    if (!before) throw new BpfError(ERRNO.EPERM, 'capget');
    const error = this.#libc.setEffectiveCaps(before.effective & held);
    if (error) throw new BpfError(error, 'capset');
    try {
      return body();
    } finally {
      this.#libc.setEffectiveCaps(before.effective);
    }
  }
}

/** `0-3,8` is 9: per-CPU values have a slot for every number up to the highest. */
function countCpus(possible: string): number {
  return Math.max(...possible.trim().split(/[,-]/).map(Number)) + 1;
}

function objectKind(fd: number): ObjectKind | undefined {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return ({ 'anon_inode:bpf-prog': 'prog', 'anon_inode:bpf-map': 'map', 'anon_inode:btf': 'btf' } as const)[target];
  } catch {
    return undefined;
  }
}

/** Every capability there is, as `withCaps` takes them. */
export const ALL_CAPS = (1n << 64n) - 1n;
/** The capabilities that bpf(2) asks for. */
export const BPF_CAPS = (1n << BigInt(CAP.BPF)) | (1n << BigInt(CAP.PERFMON)) | (1n << BigInt(CAP.NET_ADMIN));

/** Linux runs a program to its end. */
const isLimited = ({ fuel, timeMs }: ProgTestRunAttr): boolean => fuel !== undefined || timeMs !== undefined;
