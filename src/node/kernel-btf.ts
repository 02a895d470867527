/** The types of the kernel that programs are for: the running one's, or another's from a file. */
import { readFileSync } from 'node:fs';
import { Btf } from '../btf/index.ts';

const RUNNING_KERNEL = '/sys/kernel/btf/vmlinux';

/** What is missing where there are none. */
export const NO_KERNEL_BTF = `no types of a kernel: ${RUNNING_KERNEL} is not readable; --btf FILE or SKEP_BTF names another`;

/**
 * Reads, when it is needed, a file of raw BTF: `file`, else the one that the environment's SKEP_BTF names, else the running
 * kernel's. The running kernel's may be missing: then there are no types.
 * @throws FormatError for what is no BTF, and what the system says of a file that was named and cannot be read.
 */
export function kernelBtfSource(file = process.env.SKEP_BTF): () => Uint8Array | undefined {
  return () => (file ? Btf.parse(readFileSync(file), { file }).bytes : readRunning());
}

function readRunning(): Uint8Array | undefined {
  try {
    return readFileSync(RUNNING_KERNEL);
  } catch {
    return undefined;
  }
}
