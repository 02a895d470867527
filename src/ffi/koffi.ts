/** `Libc` through koffi, an optional dependency: where it is not installed, `loadLibc` answers undefined. */
import type { Libc, Mapping } from './libc.ts';

/** The part of koffi's API that is used here, so that the project compiles without it. */
interface Koffi {
  load(path: string | null): { func(prototype: string): (...args: unknown[]) => number | bigint };
  address(value: unknown): bigint;
  view(address: bigint, length: number): ArrayBuffer;
  errno(): number;
  node: { poll(fd: number, callback: () => void): { close(): void } };
}

/** Numbers of bpf(2) and perf_event_open(2), by Node's name of the architecture. */
const NUMBERS: Readonly<Record<string, readonly [bpf: number, perf: number] | undefined>> = {
  x64: [321, 298],
  arm64: [280, 241],
};
const PERF_FLAG_FD_CLOEXEC = 8;
const PROT = { READ: 1, WRITE: 2 };
const MAP = { SHARED: 1, PRIVATE_ANONYMOUS_FIXED: 0x32 };
/** _LINUX_CAPABILITY_VERSION_3: two 32-bit words a set; pid 0 is the calling thread. */
const CAP_HEADER = { version: 0x20080522, pid: 0 };

export async function loadLibc(): Promise<Libc | undefined> {
  const numbers = NUMBERS[process.arch];
  if (process.platform !== 'linux' || numbers === undefined) return undefined;
  const name: string = 'koffi';
  try {
    const module = (await import(name)) as { default: Koffi };
    return new KoffiLibc(module.default, ...numbers);
  } catch {
    return undefined;
  }
}

class KoffiLibc implements Libc {
  readonly #koffi: Koffi;
  readonly #nrBpf: number;
  readonly #syscall;
  readonly #perfEventOpen;
  readonly #nrPerf: number;
  readonly #close;
  readonly #mmap;
  readonly #munmap;
  readonly #setsockopt;
  readonly #getsockopt;
  readonly #socket;
  readonly #bind;
  readonly #getsockname;
  readonly #ifNameToIndex;
  readonly #capget;
  readonly #capset;
  readonly #collected = new FinalizationRegistry((release: () => void) => release());

  constructor(koffi: Koffi, nrBpf: number, nrPerf: number) {
    const libc = koffi.load(null);
    this.#koffi = koffi;
    this.#nrBpf = nrBpf;
    this.#nrPerf = nrPerf;
    // syscall(3) is variadic in C; with integers and pointers only, both ABIs pass the arguments alike.
    this.#syscall = libc.func('long syscall(long number, int cmd, void *attr, unsigned int size)');
    this.#perfEventOpen = libc.func(
      'long syscall(long number, const void *attr, long pid, long cpu, long group, unsigned long flags)',
    );
    this.#close = libc.func('int close(int fd)');
    this.#mmap = libc.func('intptr_t mmap(intptr_t addr, size_t length, int prot, int flags, int fd, int64_t offset)');
    this.#munmap = libc.func('int munmap(intptr_t addr, size_t length)');
    this.#setsockopt = libc.func(
      'int setsockopt(int fd, int level, int option, const void *value, unsigned int length)',
    );
    this.#getsockopt = libc.func('int getsockopt(int fd, int level, int option, void *value, void *length)');
    this.#socket = libc.func('int socket(int domain, int type, int protocol)');
    this.#bind = libc.func('int bind(int fd, const void *address, unsigned int length)');
    this.#getsockname = libc.func('int getsockname(int fd, void *address, void *length)');
    this.#ifNameToIndex = libc.func('unsigned int if_nametoindex(const char *name)');
    this.#capget = libc.func('int capget(void *header, void *data)');
    this.#capset = libc.func('int capset(void *header, const void *data)');
  }

  /** A call's result, or -errno where it is negative. */
  #result(returned: number | bigint): number {
    return returned < 0 ? -this.#koffi.errno() : Number(returned);
  }

  bpf(cmd: number, attr: Uint8Array): number {
    return this.#result(this.#syscall(this.#nrBpf, cmd, attr, attr.length));
  }

  perfEventOpen(attr: Uint8Array, cpu: number): number {
    return this.#result(this.#perfEventOpen(this.#nrPerf, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
  }

  address(bytes: Uint8Array): number {
    return Number(this.#koffi.address(bytes));
  }

  close(fd: number): number {
    return this.#result(this.#close(fd));
  }

  mmap(fd: number, length: number, offset: number, writable: boolean): Mapping | number {
    const prot = writable ? PROT.READ | PROT.WRITE : PROT.READ;
    const address = this.#mmap(0, length, prot, MAP.SHARED, fd, offset);
    if (Number(address) === -1) return -this.#koffi.errno();
    const buffer = this.#koffi.view(BigInt(address), length);
    this.#collected.register(buffer, () => this.#munmap(address, length));
    return {
      bytes: new Uint8Array(buffer),
      // Views may still look at these addresses: they get empty pages, and are unmapped when the last view is collected.
      unmap: () => void this.#mmap(address, length, PROT.READ | PROT.WRITE, MAP.PRIVATE_ANONYMOUS_FIXED, -1, 0),
    };
  }

  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number {
    return this.#result(this.#setsockopt(fd, level, option, value, value.length));
  }

  getsockopt(fd: number, level: number, option: number, value: Uint8Array): number {
    const length = Uint32Array.of(value.length);
    const error = this.#result(this.#getsockopt(fd, level, option, value, length));
    return error || length[0];
  }

  socket(domain: number, type: number, protocol: number): number {
    return this.#result(this.#socket(domain, type, protocol));
  }

  bind(fd: number, address: Uint8Array): number {
    return this.#result(this.#bind(fd, address, address.length));
  }

  getsockname(fd: number, address: Uint8Array): number {
    return this.#result(this.#getsockname(fd, address, Uint32Array.of(address.length)));
  }

  interfaceIndex(name: string): number {
    return Number(this.#ifNameToIndex(name)) || -this.#koffi.errno();
  }

  getCaps(): { permitted: bigint; effective: bigint } | undefined {
    const words = this.#readCaps();
    if (!words) return undefined;
    const join = (low: number, high: number): bigint => BigInt(low) | (BigInt(high) << 32n);
    return { effective: join(words[0], words[3]), permitted: join(words[1], words[4]) };
  }

  setEffectiveCaps(bits: bigint): number {
    const words = this.#readCaps();
    if (!words) return -this.#koffi.errno();
    words[0] = Number(bits & 0xffffffffn);
    words[3] = Number((bits >> 32n) & 0xffffffffn);
    return this.#result(this.#capset(Uint32Array.of(CAP_HEADER.version, CAP_HEADER.pid), words));
  }

  /** effective, permitted, inheritable of capabilities 0-31, then of 32-63. */
  #readCaps(): Uint32Array | undefined {
    const words = new Uint32Array(6);
    const header = Uint32Array.of(CAP_HEADER.version, CAP_HEADER.pid);
    return this.#capget(header, words) < 0 ? undefined : words;
  }

  poll(fd: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const handle = this.#koffi.node.poll(fd, () => {
        signal?.removeEventListener('abort', abort);
        handle.close();
        resolve();
      });
      const abort = (): void => {
        handle.close();
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
