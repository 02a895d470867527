/**
 * Programs of type perf_event that run again and again. Their context is a `struct bpf_perf_event_data` of which only
 * `sample_period` is real: there are no registers to sample.
 */
import { INTERVAL_PLACE } from '../contracts/index.ts';
import { BpfError, ERRNO } from '../errors/index.ts';
import { detachedLine } from './host-event.ts';
import type { EventWorld } from './host-event.ts';
import { programInfo } from './program-ref.ts';
import type { ProgramRef } from './program-ref.ts';
import { TraceLink } from './trace-link.ts';
import type { TraceAttachOptions } from './trace-link.ts';

/** What calls back again and again: `setInterval` of a platform. */
export interface Timers {
  /** @returns what ends it */
  every(milliseconds: number, body: () => void): () => void;
}

/** x86-64: 21 registers, then `sample_period` and `addr`. @kernel struct bpf_perf_event_data */
const SAMPLE_PERIOD = 21 * 8;
const CONTEXT_SIZE = SAMPLE_PERIOD + 16;
/** Longest interval that hosts keep. */
const MAX_INTERVAL = 0x7fffffff;
const NANOSECONDS = 1e6;

/**
 * @param released called once, when the program is detached
 * @throws BpfError as TraceHost.interval
 */
export function attachInterval(
  { kernel, pipe }: EventWorld,
  timers: Timers | undefined,
  milliseconds: number,
  program: ProgramRef,
  options: TraceAttachOptions,
  released: (link: TraceLink) => void,
): TraceLink {
  if (!(milliseconds >= 1 && milliseconds <= MAX_INTERVAL))
    throw new BpfError(ERRNO.EINVAL, 'interval', `1 to ${MAX_INTERVAL} milliseconds, not ${String(milliseconds)}`);
  if (timers === undefined) throw new BpfError(ERRNO.EOPNOTSUPP, 'interval', 'this host has no timers');
  const name = `interval:${milliseconds}ms`;
  const event = kernel.openEvent({ ...INTERVAL_PLACE, name }, { size: CONTEXT_SIZE, args: [] });
  let stop = (): void => {};
  try {
    const { source } = event;
    const period = BigInt(Math.round(milliseconds * NANOSECONDS));
    source.space.view.setBigUint64(source.address + SAMPLE_PERIOD, period, true);
    const info = programInfo(kernel, program);
    const link = new TraceLink(name, event, program.fd, info, options, (gone, error) => {
      stop();
      event.close();
      if (error) pipe.print('interval', detachedLine(gone, error));
      released(gone);
    });
    stop = timers.every(milliseconds, () => {
      if (source.idle) source.fire();
      else source.missed();
    });
    return link;
  } catch (error) {
    event.close();
    throw error;
  }
}
