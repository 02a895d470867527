/**
 * BPF_MAP_TYPE_STACK_TRACE: stacks by a number that `bpf_get_stackid` gives. Programs of this subsystem run in no kernel
 * and have no stack to be walked: the helper finds none (-EFAULT), and the map stays empty. @kernel stack_trace_map_ops
 *
 * Refuses: updates (-EINVAL), a deletion beyond the end (-E2BIG); everything else finds nothing (-ENOENT).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { indexOf } from './array.ts';
import type { BpfMap, MapDeps, MapInfo } from './bpf-map.ts';
import { allocateHeader } from './storage.ts';

export class StackTraceMap implements BpfMap {
  readonly info: MapInfo;
  readonly #deps: MapDeps;
  readonly #header: Region;

  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): StackTraceMap | number {
    const header = allocateHeader(info, deps, 0);
    return header === undefined ? -ERRNO.ENOMEM : new StackTraceMap(info, deps, header);
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region) {
    this.info = info;
    this.#deps = deps;
    this.#header = header;
  }

  get address(): number {
    return this.#header.base;
  }
  get memoryBytes(): number {
    return this.#header.reserved;
  }
  get userValueSize(): number {
    return this.info.valueSize;
  }

  lookupElem(): number {
    return 0;
  }
  updateElem(): number {
    return -ERRNO.EINVAL;
  }
  deleteElem(): number {
    return -ERRNO.EINVAL;
  }
  sysLookup(): number {
    return -ERRNO.ENOENT;
  }
  sysUpdate(): number {
    return -ERRNO.EINVAL;
  }
  sysDelete(key: Uint8Array): number {
    return indexOf(key) >= this.info.maxEntries ? -ERRNO.E2BIG : -ERRNO.ENOENT;
  }
  sysLookupAndDelete(): number {
    return -ERRNO.ENOENT;
  }
  sysGetNextKey(): number {
    return -ERRNO.ENOENT;
  }
  directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }
  destroy(): void {
    this.#deps.rcu.defer(() => this.#deps.memory.free(this.#header));
  }
}
