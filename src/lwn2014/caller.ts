/** Who calls, and what callers pass. */
import type { Kernel } from '../kernel/index.ts';
import type { Namespace } from './namespace.ts';

/** Memory of the caller: of any typed array its bytes. Absent: a null pointer. */
export type Bytes = ArrayBufferView | undefined;

export interface Caller {
  readonly kernel: Kernel;
  readonly names: Namespace;
  /** Takes lines that a kernel would print. */
  readonly printk?: (line: string) => void;
}

/** The caller's own bytes, not a copy; undefined for what is no memory. */
export function bytesOf(memory: unknown): Uint8Array | undefined {
  if (memory instanceof Uint8Array) return memory;
  return ArrayBuffer.isView(memory) ? new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength) : undefined;
}
