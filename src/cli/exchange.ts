/**
 * What `verify` and `prog` share: the backend that the user chose, as the exchange format wants it, and the batch form.
 */
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KernelBtf } from '../btf/index.ts';
import type { Profile } from '../contracts/index.ts';
import { UnsupportedError } from '../errors/index.ts';
import { answerLines } from '../loader/index.ts';
import type { ExchangeBackend, ExchangeOptions } from '../loader/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { kernelBtfSource, NO_KERNEL_BTF } from '../node/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { UsageError } from './command.ts';
import type { Io } from './command.ts';

export type BackendName = 'userspace' | 'linux';

export function backendName(text: string | undefined): BackendName {
  if (text === undefined || text === 'userspace') return 'userspace';
  if (text === 'linux') return 'linux';
  throw new UsageError(`--backend is userspace or linux, not ${text}`);
}

/** An option's value in a range. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${option} is a whole number from ${min} to ${max}, not ${text || 'nothing'}`);
}

/**
 * @param verifyOnly in user space: verdicts only, also for programs that could not run there.
 * @param btfFile in user space: the types of the kernel that programs are for; see `kernelBtfSource`.
 * @param profile in user space: whose verdicts; by default those of Linux 6.18.
 * @throws LinuxUnavailableError where the kernel cannot be reached.
 */
export async function openExchangeBackend(
  name: BackendName,
  verifyOnly = false,
  btfFile?: string,
  profile?: Profile,
): Promise<ExchangeBackend> {
  if (name === 'linux') return openLinuxBackend();
  const { createKernel } = await import('../kernel/index.ts');
  const kernelBtf = new KernelBtf(kernelBtfSource(btfFile));
  const { kernelSetting } = await import('../linux/index.ts');
  return new UserspaceBackend(() => createKernel({ verifyOnly, kernelBtf, kernelSetting, profile }), kernelBtf);
}

async function openLinuxBackend(): Promise<ExchangeBackend> {
  const { findBtfId, openLinux } = await import('../linux/index.ts');
  const sys = await openLinux();
  return {
    with: (caps, body) => (caps === undefined ? body(sys) : sys.withCaps(caps, () => body(sys))),
    btfId: findBtfId,
  };
}

/** Finds ids of the kernel's types by name. It throws UnsupportedError where there are none. */
export const btfIdIn =
  (kernelBtf: KernelBtf): NonNullable<ExchangeBackend['btfId']> =>
  (name, kinds) => {
    if (!kernelBtf.btf) throw new UnsupportedError(`${name}: ${NO_KERNEL_BTF}`);
    return kernelBtf.find(name, kinds);
  };

/** Objects that one userspace kernel answers before a new one takes its place: bounds what ids and memory grow to. */
const OBJECTS_PER_KERNEL = 4096;

/**
 * Kernels are costly next to small programs, so one answers many objects: each object closes all its descriptors, and
 * what has no descriptor is gone. A kernel that threw is not used again.
 */
class UserspaceBackend implements ExchangeBackend {
  readonly #create: () => Kernel;
  readonly btfId: ExchangeBackend['btfId'];
  #kernel: Kernel | undefined;
  #left = 0;

  constructor(create: () => Kernel, kernelBtf: KernelBtf) {
    this.#create = create;
    this.btfId = btfIdIn(kernelBtf);
  }

  with<T>(caps: bigint | undefined, body: (sys: BpfSys) => T): T {
    if (!this.#kernel || this.#left-- === 0) {
      this.#kernel = this.#create();
      this.#left = OBJECTS_PER_KERNEL - 1;
    }
    const kernel = this.#kernel;
    this.#kernel = undefined;
    const result = caps === undefined ? body(kernel) : kernel.withCaps(caps, () => body(kernel));
    this.#kernel = kernel;
    return result;
  }
}

/** Answer every line of a file, or of standard input where it is `-` or not given. */
export async function runBatch(
  file: string | undefined,
  io: Io,
  backend: ExchangeBackend,
  options: ExchangeOptions & { btfDir?: string },
): Promise<void> {
  const readBtf = btfReader(options.btfDir);
  for await (const line of answerLines(openBatch(file, io), backend, { ...options, readBtf })) {
    io.out(line);
    await io.drained?.();
  }
}

/** A file, or standard input where it is `-` or not given. */
export const openBatch = (file: string | undefined, io: Io): AsyncIterable<Uint8Array> =>
  file === undefined || file === '-' ? io.stdin() : (createReadStream(file) as AsyncIterable<Uint8Array>);

/** Reads each file of the folder once. */
export function btfReader(folder = 'btf'): (name: string) => Uint8Array {
  const btfs = new Map<string, Uint8Array>();
  return (name) => {
    const bytes = btfs.get(name) ?? readFileSync(join(folder, name));
    btfs.set(name, bytes);
    return bytes;
  };
}
