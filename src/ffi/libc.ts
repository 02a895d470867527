/**
 * The C library's functions that the linux backend and packet sockets need, as an interface of our own: nothing above this
 * folder knows which FFI makes the calls. All of them are synchronous and run on the calling thread; failures are -errno.
 */

/** Memory mapped from a descriptor. After `unmap()` the object is let go and `bytes` are zeros of their own. */
export interface Mapping {
  readonly bytes: Uint8Array;
  unmap(): void;
}

export interface Libc {
  /** bpf(2). `attr` is read and written in place. @returns a descriptor or 0, or -errno. */
  bpf(cmd: number, attr: Uint8Array): number;
  /** perf_event_open(2) for all processes on one CPU; `attr` is a `struct perf_event_attr`. */
  perfEventOpen(attr: Uint8Array, cpu: number): number;
  /** The address of the first byte, fixed as long as the buffer is referenced. */
  address(bytes: Uint8Array): number;
  /** close(2). */
  close(fd: number): number;
  /**
   * mmap(2), shared; `writable` false maps the pages read-only, and writing to `bytes` then ends the process.
   * @returns the mapping or -errno.
   */
  mmap(fd: number, length: number, offset: number, writable: boolean): Mapping | number;
  /** setsockopt(2). */
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  /** getsockopt(2): fills `value`. @returns how many bytes of it, or -errno. */
  getsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  /** socket(2). @returns a descriptor or -errno. */
  socket(domain: number, type: number, protocol: number): number;
  /** bind(2); `address` is the struct of the socket's domain. @returns 0 or -errno. */
  bind(fd: number, address: Uint8Array): number;
  /** getsockname(2): fills `address`. @returns 0 or -errno. */
  getsockname(fd: number, address: Uint8Array): number;
  /** if_nametoindex(3), in the network namespace of the calling thread. @returns 1 or more, or -errno. */
  interfaceIndex(name: string): number;
  /** Capability bits of the calling thread. @returns undefined where capget(2) fails. */
  getCaps(): { readonly permitted: bigint; readonly effective: bigint } | undefined;
  /** capset(2) of the effective set of the calling thread only; permitted bits stay, so that it can be undone. */
  setEffectiveCaps(bits: bigint): number;
  /** Resolves when the descriptor is readable; rejects with the signal's reason when it is aborted. */
  poll(fd: number, signal?: AbortSignal): Promise<void>;
}
