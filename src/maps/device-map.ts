/**
 * Targets of redirection under an index: BPF_MAP_TYPE_DEVMAP (network devices) and BPF_MAP_TYPE_CPUMAP (CPUs). A value is
 * `u32 ifindex` (the CPU's queue size), with 8 bytes also a program: user space writes its descriptor and reads its id.
 * A slot whose first word is 0 is empty. Programs find the value where the slot is filled. @kernel dev_map_ops, cpu_map_ops
 *
 * Refuses: flags beyond BPF_EXIST (-EINVAL), an index beyond the end (-E2BIG; a deletion -EINVAL), BPF_NOEXIST (-EEXIST), a
 * device that is not there or a descriptor that is no program for this place (-EINVAL), a CPU that is not there (-ENODEV),
 * more than 16,384 in a queue (-EOVERFLOW), updates by programs (-ENOTSUPP).
 */
import { ERRNO } from '../errors/index.ts';
import type { Region } from '../memory/index.ts';
import { ELEM_FLAG, MAP_TYPE } from '../uapi/index.ts';
import { ArrayMap, build, indexOf } from './array.ts';
import type { MapDeps, MapInfo, SlotObject } from './bpf-map.ts';
import { HeldObjects } from './held-objects.ts';

/** Most frames in a CPU's queue. */
const MAX_QUEUE = 16384;
/** Bytes of a value that has a program, and where its id lies, which is also the word that stands for it. */
const WITH_PROGRAM = 8;
export const PROGRAM_OFFSET = 4;

/** What user space wrote, checked. */
export interface Target {
  /** `ifindex` or queue size. */
  readonly word: number;
  readonly program: SlotObject | undefined;
}

export class DeviceMap extends ArrayMap {
  readonly #programs: HeldObjects;

  /** @returns the map, or -ENOMEM. */
  static override create(info: MapInfo, deps: MapDeps): DeviceMap | number {
    return build(info, deps, 1, (header, values) => new DeviceMap(info, deps, header, values));
  }

  constructor(info: MapInfo, deps: MapDeps, header: Region, values: Region) {
    super(info, deps, header, values, 0);
    this.#programs = new HeldObjects(deps.rcu);
  }

  targetWord(index: number): number {
    const at = this.#filled(index);
    return at === 0 ? 0 : this.deps.memory.view.getUint32(at, true);
  }

  override lookupElem(key: number): number {
    return this.#filled(this.deps.memory.view.getUint32(key, true));
  }

  override updateElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  override deleteElem(): number {
    return -ERRNO.ENOTSUPP;
  }

  override sysLookup(key: Uint8Array, value: Uint8Array): number {
    const at = this.#filled(indexOf(key));
    if (at === 0) return -ERRNO.ENOENT;
    value.set(this.deps.memory.bytes.subarray(at, at + this.info.valueSize));
    return 0;
  }

  override sysUpdate(key: Uint8Array, value: Uint8Array, flags: number): number {
    const index = indexOf(key);
    if (flags > ELEM_FLAG.EXIST) return -ERRNO.EINVAL;
    if (index >= this.info.maxEntries) return -ERRNO.E2BIG;
    if (flags === ELEM_FLAG.NOEXIST) return -ERRNO.EEXIST;
    const target =
      this.info.type === MAP_TYPE.CPUMAP ? this.#cpu(index, value) : deviceTarget(this.deps, this.info, value);
    if (typeof target === 'number') return target;
    this.#put(index, target);
    return 0;
  }

  override sysDelete(key: Uint8Array): number {
    const index = indexOf(key);
    if (index >= this.info.maxEntries) return -ERRNO.EINVAL;
    this.#put(index, { word: 0, program: undefined });
    return 0;
  }

  override directValueAddress(): number {
    return -ERRNO.ENOTSUPP;
  }

  override destroy(): void {
    this.#programs.clear();
    super.destroy();
  }

  #filled(index: number): number {
    const at = this.valueAt(index, 0);
    return at !== 0 && this.deps.memory.view.getUint32(at, true) !== 0 ? at : 0;
  }

  #cpu(index: number, value: Uint8Array): Target | number {
    const word = indexOf(value);
    if (word > MAX_QUEUE) return -ERRNO.EOVERFLOW;
    if (index >= this.deps.cpus) return -ERRNO.ENODEV;
    const program = word && programOf(this.deps, this.info, value);
    // Linux makes the queue and loads its program in one step, and has one error for both.
    if (typeof program === 'number' && program < 0) return -ERRNO.ENOMEM;
    return { word, program: program || undefined } as Target;
  }

  #put(index: number, { word, program }: Target): void {
    const at = this.valueAt(index, 0);
    const { view } = this.deps.memory;
    view.setUint32(at, word, true);
    if (this.info.valueSize !== WITH_PROGRAM) return;
    const before = view.getUint32(at + PROGRAM_OFFSET, true);
    view.setUint32(at + PROGRAM_OFFSET, program?.word ?? 0, true);
    if (program) this.#programs.add(program);
    this.#programs.drop(before);
  }
}

/** The device that a value names; `word` 0 empties the slot. */
export function deviceTarget(deps: MapDeps, info: MapInfo, value: Uint8Array): Target | number {
  const word = indexOf(value);
  if (word === 0) return hasProgram(info, value) ? -ERRNO.EINVAL : { word, program: undefined };
  if (!deps.hasDevice(word)) return -ERRNO.EINVAL;
  const program = programOf(deps, info, value);
  return typeof program === 'number' ? -ERRNO.EINVAL : { word, program };
}

const descriptorIn = (value: Uint8Array): number => indexOf(value.subarray(4, WITH_PROGRAM)) | 0;
const hasProgram = (info: MapInfo, value: Uint8Array): boolean =>
  info.valueSize === WITH_PROGRAM && descriptorIn(value) > 0;

/** The program in a value, held; -errno. */
function programOf(deps: MapDeps, info: MapInfo, value: Uint8Array): SlotObject | undefined | number {
  return hasProgram(info, value) ? (deps.slots?.acquire(descriptorIn(value)) ?? -ERRNO.EBADF) : undefined;
}
