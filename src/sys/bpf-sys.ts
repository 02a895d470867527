/**
 * The seam. Everything above it (loader, links, readers, command line, language API) speaks only to `BpfSys`; the
 * userspace subsystem and the real kernel implement it.
 */
import type { KernelBtf } from '../btf/index.ts';
import type { BpfAttrs, BpfCmd } from './attr.ts';
import type { UserSocket } from './socket.ts';

/** A view of an object's memory; `bytes` stays valid until `unmap()`. */
export interface MapView {
  readonly bytes: Uint8Array;
  unmap(): void;
}

/** A socket as the platform knows it: a descriptor for the kernel, an object for user space. */
export type SocketHandle = number | UserSocket;

export interface BpfSys {
  /** `userspace` or `linux`. */
  readonly backend: string;
  /** CPUs that per-CPU values are kept for: `value` of such a map holds this many slots. */
  readonly possibleCpus: number;
  /** The types of the kernel that programs are for, where they are known. */
  readonly kernelBtf?: KernelBtf;
  /** A setting of that kernel's build as its configuration file has it, or LINUX_KERNEL_VERSION; undefined: not set, not known. */
  kernelSetting?(name: string): string | undefined;
  /** @returns a descriptor or 0, or -errno. */
  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number;
  close(fd: number): void;
  mmap(fd: number, length: number, offset: number): MapView;
  poll(fd: number, signal?: AbortSignal): Promise<void>;
  /**
   * A buffer for what `bpf_perf_event_output` sends on a CPU (perf_event_open(2), PERF_COUNT_SW_BPF_OUTPUT); `mmap` gives it
   * 1 + 2^n pages. @returns a descriptor or -errno
   */
  openPerfEvent(cpu: number): number;
  /**
   * setsockopt(2) at level SOL_SOCKET: an option of `SO`. Filters of classic BPF are the bytes of their instructions
   * (`struct sock_filter`); everything else is a number of 32 bits or its bytes.
   * @returns 0 or -errno.
   */
  setsockopt(socket: SocketHandle, option: number, value: number | Uint8Array): number;
}
