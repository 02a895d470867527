/**
 * A perf event that holds what `bpf_perf_event_output` writes on one CPU: `openPerfEvent` makes it, mmap gives it a buffer, a
 * slot of a perf event array makes programs find it.
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import { PerfRing } from '../maps/index.ts';
import type { PerfEvent } from '../maps/index.ts';
import type { MapView } from '../sys/index.ts';
import type { KernelObject } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

export class PerfEventObject implements KernelObject, PerfEvent {
  readonly kind = 'perf';
  id = 0;
  refs = 0;
  readonly cpu: number;
  /** There while somebody maps it. */
  ring: PerfRing | undefined;
  mappings = 0;
  readonly #free: (ring: PerfRing) => void;

  constructor(cpu: number, free: (ring: PerfRing) => void) {
    this.cpu = cpu;
    this.#free = free;
  }

  unmap(): void {
    if (--this.mappings === 0) this.destroy();
  }

  destroy(): void {
    if (this.ring !== undefined) this.#free(this.ring);
    this.ring = undefined;
  }
}

/** @returns a descriptor; -EINVAL for a CPU that is not there, -EMFILE. */
export function openPerfEvent(sub: Subsystem, cpu: number): number {
  if (!(cpu >= 0 && cpu < sub.host.possibleCpus)) return -ERRNO.EINVAL;
  const { space, rcu } = sub.host;
  const event = sub.perfEvents.add(new PerfEventObject(cpu, (ring) => rcu.defer(() => space.free(ring.region))));
  event.refs++;
  const fd = sub.open(event);
  sub.perfEvents.drop(event);
  return fd;
}

/** The buffer of an event: made by its first mapping. @throws BpfError -EINVAL (size), -ENOMEM */
export function mapPerfEvent(sub: Subsystem, event: PerfEventObject, length: number): MapView {
  const { space } = sub.host;
  const ring = event.ring ?? PerfRing.create(space, length);
  if (typeof ring === 'number') throw new BpfError(ring, 'mmap');
  if (ring.region.size !== length) throw new BpfError(-ERRNO.EINVAL, 'mmap');
  event.ring = ring;
  event.mappings++;
  sub.perfEvents.hold(event);
  let view: Uint8Array | undefined;
  let mapped = true;
  return {
    get bytes() {
      if (!mapped) throw new BpfError(ERRNO.EFAULT, 'mmap', 'the view was unmapped');
      if (view?.buffer !== space.bytes.buffer) view = space.bytes.subarray(ring.region.base, ring.region.base + length);
      return view as Uint8Array;
    },
    unmap() {
      if (!mapped) return;
      mapped = false;
      event.unmap();
      sub.perfEvents.drop(event);
    },
  };
}
