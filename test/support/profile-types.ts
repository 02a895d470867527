/** The types of the kernel whose answers are recorded: others' have other ids and offsets, and say nothing about them. */
import { createHash } from 'node:crypto';
import { kernelBtfSource } from '../../src/node/index.ts';

/** SHA-256 of `/sys/kernel/btf/vmlinux` of the Linux 6.18.44 that was measured. */
const DIGEST = '0ad581b5657148c12456ad80d957c465e46fe4956759adde9133735423060b4b';

/** Raw BTF of that kernel, undefined where it is not at hand. */
export function profileTypes(): Uint8Array | undefined {
  const bytes = kernelBtfSource()();
  return bytes && createHash('sha256').update(bytes).digest('hex') === DIGEST ? bytes : undefined;
}
