/**
 * The packets of a capture as if they came now: as fast as they are taken, or with the time that was between them. Nothing is
 * lost when nobody takes them: the file waits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Packet, PacketReader } from '../../pcap/index.ts';
import { showCaptured } from './captured-link.ts';
import { PacketView } from './packet-view.ts';
import type { PacketSource } from './packet-view.ts';

/** `full`: at once; `real`: as they were captured; a number: so many times as quick as that. */
export type Pace = 'full' | 'real' | number;

/** Longest that a timer takes, in milliseconds. */
const MAX_SLEEP = 2 ** 31 - 1;

/** How many times as quick as captured; Infinity: at once. @throws RangeError */
function factorOf(pace: Pace): number {
  const factor = pace === 'full' ? Infinity : pace === 'real' ? 1 : pace;
  if (typeof factor !== 'number' || !(factor > 0))
    throw new RangeError(`pace is full, real, or a number above 0, not ${pace}`);
  return factor;
}

export class PacketCapture implements PacketSource {
  readonly fd = undefined;
  readonly view = new PacketView();
  readonly lasting = true;
  readonly #reader: PacketReader;
  readonly #batches: AsyncIterator<Packet[]>;
  readonly #factor: number;
  /** The batch that is being read, which outlives who waits for it. */
  #reading: Promise<IteratorResult<Packet[]>> | undefined;
  #batch: readonly Packet[] = [];
  #at = 0;
  /** Packets of the batch whose time has come. */
  #due = 0;
  /** Milliseconds of the capture's clock and of ours when the first packet was due. */
  #began: { readonly captured: number; readonly now: number } | undefined;

  readonly #stop: () => void;

  /**
   * @param stop ends what the reader reads from
   * @throws RangeError: not a pace
   */
  constructor(reader: PacketReader, pace: Pace, stop: () => void) {
    this.#stop = stop;
    this.#factor = factorOf(pace);
    this.#reader = reader;
    this.#batches = reader.batches()[Symbol.asyncIterator]();
  }

  next(): boolean {
    if (this.#at >= this.#due) return false;
    showCaptured(this.view, this.#batch[this.#at++]);
    return true;
  }

  async ready(signal: AbortSignal): Promise<boolean> {
    if (this.#at >= this.#batch.length) {
      this.#reading ??= this.#batches.next();
      const { done, value } = await unlessAborted(this.#reading, signal);
      this.#reading = undefined;
      if (done) return false;
      this.#batch = value;
      this.#at = this.#due = 0;
    }
    if (this.#factor === Infinity) this.#due = this.#batch.length;
    else await this.#wait(signal);
    return true;
  }

  /** Until at least one packet of the batch is due. */
  async #wait(signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.#until(this.#batch[this.#at]);
      if (left <= 0) break;
      await sleep(Math.min(left, MAX_SLEEP), undefined, { signal });
    }
    while (this.#due < this.#batch.length && this.#until(this.#batch[this.#due]) <= 0) this.#due++;
  }

  /** Milliseconds until a packet is due. */
  #until({ seconds, nanoseconds }: Packet): number {
    const captured = seconds * 1000 + nanoseconds / 1e6;
    const now = performance.now();
    this.#began ??= { captured, now };
    return (captured - this.#began.captured) / this.#factor - (now - this.#began.now);
  }

  dropped(): number {
    return 0;
  }

  close(): void {
    this.#batch = [];
    this.#at = this.#due = 0;
    this.#stop();
    // What is still being read may fail: nobody waits for it.
    this.#reader.return().catch(() => {});
  }
}

/** @throws the signal's reason, as soon as it is aborted */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
