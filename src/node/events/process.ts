/**
 * Events of the process itself: what is thrown and not caught, warnings, its end, and how late its event loop is. Listening
 * changes nothing of what Node does then: `uncaughtException` and `unhandledRejection`, which do, get no listener.
 */
import { performance } from 'node:perf_hooks';
import { count, ERROR_FIELDS, errorValues, nanoseconds, text } from './read.ts';
import type { Foreign } from './read.ts';
import { event } from './source.ts';
import type { NodeEvent, Source } from './source.ts';

/** An event of `process` for which a listener changes nothing. */
function processEvent(name: 'uncaughtExceptionMonitor' | 'warning' | 'exit'): Source {
  return {
    text: `process event ${name}`,
    node: 20,
    listen(take) {
      const heard = (...args: unknown[]): void => take(args as unknown as Foreign);
      process.on(name, heard);
      return () => void process.off(name, heard);
    },
  };
}

/** Rejections as they are reported to the process, heard on the way: a listener would be taken for a handler. */
const rejections: Source = {
  text: 'process event unhandledRejection',
  node: 20,
  listen(take) {
    const before = process.emit;
    const own = Object.getOwnPropertyDescriptor(process, 'emit');
    let live = true;
    function emit(this: NodeJS.Process, ...args: unknown[]): unknown {
      if (live && args[0] === 'unhandledRejection') take(args.slice(1) as unknown as Foreign);
      return Reflect.apply(before, this, args);
    }
    process.emit = emit as typeof process.emit;
    return () => {
      live = false;
      // Somebody may have put a function of their own around this one; then it stays and only passes on.
      if (process.emit !== (emit as typeof process.emit)) return;
      if (own !== undefined) Object.defineProperty(process, 'emit', own);
      else Reflect.deleteProperty(process, 'emit');
    };
  },
};

/** Milliseconds between two looks at the event loop. */
const PERIOD = 20;

/** How much later than asked a timer runs. */
const lateness: Source = {
  text: `a timer of ${PERIOD} ms`,
  node: 20,
  listen(take) {
    let due = performance.now() + PERIOD;
    let before = performance.eventLoopUtilization();
    const timer = setInterval(() => {
      const now = performance.now();
      const used = performance.eventLoopUtilization();
      const sample = { delay: now - due, idle: used.idle - before.idle, active: used.active - before.active };
      before = used;
      due = now + PERIOD;
      take(sample as unknown as Foreign);
    }, PERIOD).unref();
    return () => clearInterval(timer);
  },
};

export const PROCESS_EVENTS: readonly NodeEvent[] = [
  event(
    'process:uncaught_exception',
    processEvent('uncaughtExceptionMonitor'),
    { origin: 'char[24]', ...ERROR_FIELDS },
    ({ 0: error, 1: origin }) => ({ origin: text(origin), ...errorValues(error) }),
  ),
  event('process:unhandled_rejection', rejections, ERROR_FIELDS, ({ 0: reason }) => errorValues(reason)),
  event('process:warning', processEvent('warning'), ERROR_FIELDS, ({ 0: warning }) => errorValues(warning)),
  event('process:exit', processEvent('exit'), { exit_code: 'u32' }, ({ 0: code }) => ({ exit_code: count(code) })),
  event(
    'event_loop:delay',
    lateness,
    { delay_ns: 'u64', idle_ns: 'u64', active_ns: 'u64' },
    ({ delay, idle, active }) => ({
      delay_ns: nanoseconds(delay),
      idle_ns: nanoseconds(idle),
      active_ns: nanoseconds(active),
    }),
  ),
];
