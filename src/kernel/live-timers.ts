/**
 * `bpf_timer`s as time really goes by: their callbacks run from a timer of the host.
 *
 *     const live = new LiveTimers(setTimeout, clearTimeout);
 *     const kernel = createKernel({ timerArmed: () => live.follow(kernel) });
 *
 * The kernel's clock is the host's (`performance.now`). A timer that is started keeps the host's timer, so Node.js stays alive
 * until `stop`, or until none is started any more. A callback that takes more instructions than it may, or traps, ends there:
 * its timer is not started again.
 */
import { Trap } from '../errors/index.ts';
import type { Kernel } from './kernel.ts';

export interface LiveTimersOptions {
  /** Instructions that a callback may take; 1,000,000. Infinity: no end. */
  readonly fuel?: number;
  /** Told of each callback that was stopped. */
  readonly stopped?: (trap: Trap) => void;
}

const DEFAULT_FUEL = 1_000_000;

/** Longest delay that hosts keep: 2^31 - 1 milliseconds. */
const MAX_DELAY = 0x7fffffff;
const NANOSECONDS = 1e6;

export class LiveTimers<Handle> {
  readonly #set: (body: () => void, milliseconds: number) => Handle;
  readonly #clear: (handle: Handle) => void;
  readonly #options: LiveTimersOptions;
  #pending: { readonly handle: Handle; readonly due: number } | undefined;

  constructor(
    set: (body: () => void, milliseconds: number) => Handle,
    clear: (handle: Handle) => void,
    options: LiveTimersOptions = {},
  ) {
    this.#set = set;
    this.#clear = clear;
    this.#options = options;
  }

  /** Wake up when the kernel's next timer is due. */
  follow(kernel: Pick<Kernel, 'nextTimer' | 'runTimers'>): void {
    const due = kernel.nextTimer;
    if (this.#pending !== undefined && this.#pending.due <= due) return;
    this.stop();
    if (due === Infinity) return;
    const milliseconds = Math.ceil((due - performance.now() * NANOSECONDS) / NANOSECONDS);
    const wake = (): void => {
      this.#pending = undefined;
      this.#run(kernel);
      this.follow(kernel);
    };
    this.#pending = { handle: this.#set(wake, Math.min(MAX_DELAY, Math.max(0, milliseconds))), due };
  }

  #run(kernel: Pick<Kernel, 'runTimers'>): void {
    try {
      kernel.runTimers(undefined, this.#options.fuel ?? DEFAULT_FUEL);
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      this.#options.stopped?.(error);
    }
  }

  stop(): void {
    if (this.#pending !== undefined) this.#clear(this.#pending.handle);
    this.#pending = undefined;
  }
}
