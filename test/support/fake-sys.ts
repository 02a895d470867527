/**
 * A `BpfSys` that takes every command, keeps the values of maps in JavaScript, and remembers what it was asked. For tests
 * of what is above the seam; no program runs on it.
 */
import { ERRNO } from '../../src/errors/index.ts';
import type {
  BpfAttrs,
  BpfCmd,
  BpfSys,
  MapCreateAttr,
  MapElemAttr,
  MapGetNextKeyAttr,
  MapView,
} from '../../src/sys/index.ts';
import { BPF_CMD } from '../../src/uapi/index.ts';

export interface Call {
  readonly cmd: BpfCmd;
  readonly attr: BpfAttrs[BpfCmd];
  /** What was answered. */
  readonly result: number;
}

/** Decides on a call before the fake does; undefined leaves it to the fake. */
export type Script = (cmd: BpfCmd, attr: BpfAttrs[BpfCmd]) => number | undefined;

export class FakeSys implements BpfSys {
  readonly backend = 'fake';
  readonly possibleCpus: number;
  readonly calls: Call[] = [];
  /** Descriptors that are open. */
  readonly open = new Set<number>();
  readonly #maps = new Map<number, Map<string, Uint8Array>>();
  readonly #script: Script;
  #next = 3;

  constructor(script: Script = () => undefined, possibleCpus = 2) {
    this.#script = script;
    this.possibleCpus = possibleCpus;
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    const copy = { ...attr };
    const result = this.#script(cmd, attr) ?? this.#do(cmd, attr);
    this.calls.push({ cmd, attr: copy, result });
    return result;
  }

  /** The attributes of every call of one command, as they were given. */
  attrs<C extends BpfCmd>(cmd: C): BpfAttrs[C][] {
    return this.calls.filter((call) => call.cmd === cmd).map((call) => call.attr as BpfAttrs[C]);
  }

  close(fd: number): void {
    if (!this.open.delete(fd)) throw new Error(`close of descriptor ${fd}, which is not open`);
  }

  mmap(): MapView {
    throw new Error('not in the fake');
  }

  poll(): Promise<void> {
    return Promise.reject(new Error('not in the fake'));
  }

  openPerfEvent(): number {
    return -ERRNO.EOPNOTSUPP;
  }

  setsockopt(): number {
    return -ERRNO.EINVAL;
  }

  #do(cmd: BpfCmd, attr: BpfAttrs[BpfCmd]): number {
    switch (cmd) {
      case BPF_CMD.MAP_CREATE:
        return this.#createMap(attr as MapCreateAttr);
      case BPF_CMD.PROG_LOAD:
      case BPF_CMD.BTF_LOAD:
        return this.#open();
      case BPF_CMD.MAP_GET_NEXT_KEY:
        return this.#nextKey(attr as MapGetNextKeyAttr);
      case BPF_CMD.MAP_LOOKUP_ELEM:
      case BPF_CMD.MAP_LOOKUP_AND_DELETE_ELEM:
      case BPF_CMD.MAP_UPDATE_ELEM:
      case BPF_CMD.MAP_DELETE_ELEM:
        return this.#element(cmd, attr as MapElemAttr);
      default:
        return 0;
    }
  }

  #open(): number {
    this.open.add(this.#next);
    return this.#next++;
  }

  #createMap({ maxEntries, keySize, valueSize }: MapCreateAttr): number {
    if (maxEntries === 0) return -ERRNO.EINVAL;
    if (keySize > 1 << 20 || valueSize > 1 << 28) return -ERRNO.E2BIG;
    const fd = this.#open();
    this.#maps.set(fd, new Map());
    return fd;
  }

  #element(cmd: BpfCmd, { mapFd, key = new Uint8Array(), value }: MapElemAttr): number {
    const map = this.#maps.get(mapFd);
    if (map === undefined) return -ERRNO.EBADF;
    const name = String(key);
    if (cmd === BPF_CMD.MAP_UPDATE_ELEM) {
      map.set(name, (value ?? new Uint8Array()).slice());
      return 0;
    }
    const have = map.get(name);
    if (have === undefined) return -ERRNO.ENOENT;
    if (cmd !== BPF_CMD.MAP_LOOKUP_ELEM) map.delete(name);
    value?.set(have);
    return 0;
  }

  /** As Linux: after a key that has gone comes the first. */
  #nextKey({ mapFd, key, nextKey }: MapGetNextKeyAttr): number {
    const keys = [...(this.#maps.get(mapFd) ?? []).keys()] as string[];
    const next = keys[key === undefined ? 0 : keys.indexOf(String(key)) + 1];
    if (next === undefined) return -ERRNO.ENOENT;
    nextKey.set(next.split(',').map(Number));
    return 0;
  }
}
