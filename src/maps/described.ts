/**
 * A map that is only looked at: it has a shape and no elements. Where programs are verified and never run, it stands for a
 * map of any type, also of one that has no implementation. Every command on its elements answers -ENOTSUPP.
 */
import { ERRNO } from '../errors/index.ts';
import type { BpfMap, MapInfo } from './bpf-map.ts';

const NONE = -ERRNO.ENOTSUPP;

export class DescribedMap implements BpfMap {
  readonly info: MapInfo;
  readonly address = 0;
  readonly memoryBytes = 0;

  constructor(info: MapInfo) {
    this.info = info;
  }

  get userValueSize(): number {
    return this.info.valueSize;
  }

  lookupElem(): number {
    return 0;
  }
  updateElem(): number {
    return NONE;
  }
  deleteElem(): number {
    return NONE;
  }
  sysLookup(): number {
    return NONE;
  }
  sysUpdate(): number {
    return NONE;
  }
  sysDelete(): number {
    return NONE;
  }
  sysLookupAndDelete(): number {
    return NONE;
  }
  sysGetNextKey(): number {
    return NONE;
  }
  directValueAddress(): number {
    return NONE;
  }
  destroy(): void {}
}
