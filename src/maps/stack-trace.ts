/**
 * BPF_MAP_TYPE_STACK_TRACE: stacks by a number that `bpf_get_stackid` gives. Programs of this subsystem run in no kernel
 * and have no stack to be walked: the helper finds none (-EFAULT), and the map stays empty. @kernel stack_trace_map_ops
 *
 * Refuses: updates (-EINVAL), a deletion beyond the end (-E2BIG); everything else finds nothing (-ENOENT).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { indexOf } from './array.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';
import { KeylessMap } from './keyless-map.ts';
import { allocateHeader } from './storage.ts';

export class StackTraceMap extends KeylessMap {
  /** @returns the map, or -ENOMEM. */
  static create(info: MapInfo, deps: MapDeps): StackTraceMap | number {
    const header = allocateHeader(info, deps, 0);
    return header === undefined ? -ERRNO.ENOMEM : new StackTraceMap(info, deps, header);
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region) {
    super(info, deps, [header], -ERRNO.ENOENT);
  }

  /** Stacks are hashed: their number is a power of two. */
  get #buckets(): number {
    return 2 ** Math.ceil(Math.log2(this.info.maxEntries));
  }

  override updateElem(): number {
    return -ERRNO.EINVAL;
  }
  override deleteElem(): number {
    return -ERRNO.EINVAL;
  }
  override sysUpdate(): number {
    return -ERRNO.EINVAL;
  }
  override sysDelete(key: Uint8Array): number {
    return indexOf(key) >= this.#buckets ? -ERRNO.E2BIG : -ERRNO.ENOENT;
  }
}
