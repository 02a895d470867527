/**
 * BPF_MAP_TYPE_XSKMAP: AF_XDP sockets under an index. There are none in user space, so every slot is empty: a program that
 * redirects into it gets its fallback verdict. @kernel xsk_map_ops
 *
 * Refuses: flags beyond BPF_EXIST (-EINVAL), an index beyond the end (-E2BIG; a deletion -EINVAL), a descriptor that is no
 * socket (-ENOTSOCK) or closed (-EBADF), look-ups by user space (-EOPNOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { ELEM_FLAG } from '../uapi/index.ts';
import { ArrayMap, build, indexOf } from './array.ts';
import type { MapDeps, MapInfo } from './bpf-map.ts';

export class XskMap extends ArrayMap {
  /** @returns the map, or -ENOMEM. */
  static override create(info: MapInfo, deps: MapDeps): XskMap | number {
    return build(info, deps, 1, (header, values) => new XskMap(info, deps, header, values));
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region, values: Region) {
    super(info, deps, header, values, 0);
  }

  targetWord(): number {
    return 0;
  }

  override lookupElem(): number {
    return 0;
  }

  override updateElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  override deleteElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  override sysLookup(): number {
    return -ERRNO.EOPNOTSUPP;
  }

  override sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags > ELEM_FLAG.EXIST) return -ERRNO.EINVAL;
    if (indexOf(key) >= this.info.maxEntries) return -ERRNO.E2BIG;
    const object = this.deps.slots?.acquire(indexOf(value) | 0);
    return typeof object === 'number' ? object : -ERRNO.ENOTSOCK;
  }

  override sysDelete(key: Uint8Array): number {
    return indexOf(key) >= this.info.maxEntries ? -ERRNO.EINVAL : 0;
  }

  override directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }
}
