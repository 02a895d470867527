/** A program that is attached to an event, until it is detached or a run of it fails. */
import { BpfError, ERRNO } from '../errors/index.ts';
import type { AttachedStats, EventAttachOptions, EventAttachment, KernelEvent } from '../kernel/index.ts';
import type { ProgramInfo } from './program-ref.ts';

export interface TraceAttachOptions {
  /** Instructions that a run may take, at least 1; 1,000,000. Infinity: no end. */
  readonly fuel?: number;
  /** Called when the program is detached since a run failed; `trace_pipe` has a line then. What it throws is lost. */
  readonly detached?: (error: Error, link: TraceLink) => void;
}

export class TraceLink implements AttachedStats {
  /** `system:event`, or `interval` and its length. */
  readonly target: string;
  readonly program: ProgramInfo;
  readonly #attachment: EventAttachment;
  readonly #released: (link: TraceLink) => void;
  #attached = true;

  /**
   * @param released called once, when the program is detached; with the error if a run failed
   * @throws BpfError as KernelEvent.attach; EINVAL: the fuel
   */
  constructor(
    target: string,
    event: KernelEvent,
    fd: number,
    program: ProgramInfo,
    options: TraceAttachOptions,
    released: (link: TraceLink, error?: Error) => void,
  ) {
    const { fuel } = options;
    if (fuel !== undefined && !(fuel >= 1))
      throw new BpfError(ERRNO.EINVAL, 'attach', `fuel is a number from 1 on, not ${String(fuel)}`);
    this.target = target;
    this.program = program;
    this.#released = released;
    const stopped: EventAttachOptions['stopped'] = (error) => {
      if (!this.#attached) return;
      this.#attached = false;
      try {
        released(this, error);
        options.detached?.(error, this);
      } catch {
        // It is nobody's who caused the event.
      }
    };
    this.#attachment = event.attach(fd, { fuel, stopped });
  }

  get attached(): boolean {
    return this.#attached;
  }

  get runs(): number {
    return this.#attachment.runs;
  }

  get misses(): number {
    return this.#attachment.misses;
  }

  /** Again is harmless. */
  detach(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.#attachment.detach();
    this.#released(this);
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}
