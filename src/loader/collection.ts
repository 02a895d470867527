/** What `spec.load` made: live maps and programs, closed together. */
import type { BpfSys } from '../sys/index.ts';
import type { LiveMap } from './live-map.ts';
import type { Program } from './program.ts';

export class Collection {
  /** By the name of the function. */
  readonly programs: Record<string, Program>;
  /** By the keys of the spec. */
  readonly maps: Record<string, LiveMap>;
  readonly #sys: BpfSys;
  #btfFd: number;

  /** Takes over the descriptors. `btfFd` below 0: there is none. */
  constructor(sys: BpfSys, programs: Record<string, Program>, maps: Record<string, LiveMap>, btfFd: number) {
    this.#sys = sys;
    this.programs = programs;
    this.maps = maps;
    this.#btfFd = btfFd;
  }

  /** Whether the kernel took the object's BTF. */
  get hasBtf(): boolean {
    return this.#btfFd >= 0;
  }

  /** Close every descriptor; again is harmless. What is still used elsewhere lives on. */
  close(): void {
    for (const program of Object.values(this.programs)) program.close();
    for (const map of Object.values(this.maps)) map.close();
    if (this.#btfFd >= 0) this.#sys.close(this.#btfFd);
    this.#btfFd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
