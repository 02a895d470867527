/**
 * Waiting for what programs send: ring buffers and perf events become readable while programs run, and whoever waits is told
 * when the outermost of them has ended. Everything else never becomes ready.
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import type { Subsystem } from './subsystem.ts';

/** What a waiter asks after each run: whether it is done. */
type Ready = () => boolean;

/** @throws BpfError -EBADF; -EOPNOTSUPP for what cannot become ready; the signal's reason */
export function poll(sub: Subsystem, fd: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const ready = readiness(sub, fd);
    if (ready()) return resolve();
    const stop = (): void => {
      leave();
      reject(signal?.reason as Error);
    };
    const leave = sub.host.rcu.onQuiescence(() => {
      if (!ready()) return;
      leave();
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** At first whether there is something to read, then whether something has asked for a wake-up. */
function readiness(sub: Subsystem, fd: number): Ready {
  const object = sub.fds.get(fd)?.object;
  if (object === undefined) throw new BpfError(-ERRNO.EBADF, 'poll');
  if (object.kind === 'perf') return () => object.ring?.readable ?? false;
  const map = object.kind === 'map' ? object.map : undefined;
  if (map?.takeWake === undefined) throw new BpfError(-ERRNO.EOPNOTSUPP, 'poll', 'this never becomes ready');
  let first = true;
  map.takeWake();
  return () => {
    if (!first) return map.takeWake?.() ?? false;
    first = false;
    return map.readable ?? false;
  };
}
