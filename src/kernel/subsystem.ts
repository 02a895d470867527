/** What all commands share: the memory, the objects and who holds them. */
import type { KernelBtf } from '../btf/index.ts';
import type { Profile } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { createCpu } from '../hooks/index.ts';
import type { Cpu, EngineName, Host } from '../hooks/index.ts';
import { MapCore } from '../maps/index.ts';
import type { BpfMap } from '../maps/index.ts';
import { DescriptorTable } from './descriptors.ts';
import type { Descriptor } from './descriptors.ts';
import { ObjectTable } from './objects.ts';
import type { PerfEventObject } from './perf-event.ts';
import type { AnyObject, BtfObject, MapObject, ProgObject } from './objects.ts';
import type { ProgArrays } from './prog-array.ts';

/** What a descriptor may be used for. */
export interface Access {
  readonly read: boolean;
  readonly write: boolean;
}

export const READ_WRITE: Access = { read: true, write: true };

export class Subsystem {
  readonly host: Host;
  /** What programs run on. */
  readonly cpu: Cpu;
  /** Capabilities that the caller holds. */
  caps: bigint;
  readonly fds = new DescriptorTable();
  readonly maps = new ObjectTable<MapObject>();
  readonly progs = new ObjectTable<ProgObject>();
  readonly btfs = new ObjectTable<BtfObject>();
  readonly perfEvents = new ObjectTable<PerfEventObject>();
  /** Types of the kernel that programs are for. */
  kernelBtf: KernelBtf | undefined;
  /** Whose verdicts PROG_LOAD gives; undefined: those of the kernel that the tables describe. */
  profile: Profile | undefined;
  /** Programs are verified and never run. */
  readonly verifyOnly: boolean;
  readonly progArrays: ProgArrays = new WeakMap();
  readonly #mapAt: Map<number, BpfMap>;

  /** @param mapAt the maps by header address: the table that `host.mapAt` reads. */
  constructor(
    host: Host,
    caps: bigint,
    mapAt: Map<number, BpfMap>,
    engine: EngineName,
    verifyOnly = false,
    hardened = false,
  ) {
    this.verifyOnly = verifyOnly;
    this.host = host;
    MapCore.of({ memory: host.space, rcu: host.rcu }); // takes its memory now
    this.cpu = createCpu(host, engine, hardened ? 'hardened' : 'verified');
    this.caps = caps;
    this.#mapAt = mapAt;
  }

  /** Make a running program able to find a map. @returns what undoes it. */
  publish(map: BpfMap): () => void {
    this.#mapAt.set(map.address, map);
    return () => void this.#mapAt.delete(map.address);
  }

  /** A new descriptor for an object, which it holds. @returns its number, or -EMFILE. */
  open(object: AnyObject, access: Access = READ_WRITE): number {
    const fd = this.fds.add({ object, read: access.read, write: access.write });
    if (fd < 0) return fd;
    object.refs++;
    if (object.kind === 'map' && object.descriptors++ === 0) object.map.opened?.();
    return fd;
  }

  close(fd: number): void {
    const descriptor = this.fds.remove(fd);
    if (descriptor === undefined) return;
    const { object } = descriptor;
    if (object.kind === 'map' && --object.descriptors === 0) {
      object.map.released?.();
      this.cpu.timers.mapReleased(object.map);
    }
    this.drop(object);
  }

  drop(object: AnyObject): void {
    if (object.kind === 'map') this.maps.drop(object);
    else if (object.kind === 'prog') this.progs.drop(object);
    else if (object.kind === 'btf') this.btfs.drop(object);
    else this.perfEvents.drop(object);
  }

  /** The descriptor of an object of one kind; -EBADF for a closed one, -EINVAL for another kind's. */
  get<K extends AnyObject['kind']>(fd: number, kind: K): TypedDescriptor<K> | number {
    const descriptor = this.fds.get(fd);
    if (descriptor === undefined) return this.fds.isForeign(fd) ? -ERRNO.EINVAL : -ERRNO.EBADF;
    return descriptor.object.kind === kind ? (descriptor as TypedDescriptor<K>) : -ERRNO.EINVAL;
  }
}

export type TypedDescriptor<K extends AnyObject['kind']> = Descriptor & { readonly object: AnyObject & { kind: K } };
