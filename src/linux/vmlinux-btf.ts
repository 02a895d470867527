/** Ids of types in the running kernel's own BTF, by name: what kfuncs, kernel symbols and attach targets are called by. */
import { readFileSync } from 'node:fs';
import { KernelBtf } from '../btf/index.ts';

/** Read when they are needed first. */
export const runningTypes = new KernelBtf(readVmlinuxBtf);

/** The running kernel's BTF, raw. @throws where the kernel offers none. */
export function readVmlinuxBtf(): Uint8Array {
  return readFileSync('/sys/kernel/btf/vmlinux');
}

/** @returns the id of the first type with that name whose kind is one of `kinds`, in their order, or undefined. */
export function findBtfId(name: string, kinds: readonly number[]): number | undefined {
  return runningTypes.find(name, kinds);
}
