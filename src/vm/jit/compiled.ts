/** What the machine makes of a program, and what it is asked for. */
import type { JitOptions } from './options.ts';

export type CompileRequest = Pick<JitOptions, 'mode' | 'narrow'> &
  Partial<Pick<JitOptions, 'stackDepth' | 'budget' | 'mapLoads' | 'entry' | 'fuel' | 'packetFields'>>;

/** A program that a machine can run. */
export interface CompiledProgram {
  readonly ok: true;
  /** Words of r1 and r2 to the low word of r0. */
  readonly main: (r1: number, r2: number) => number;
  /** The same, `count` times; not in mode `checked`. */
  readonly repeat: (r1: number, r2: number, count: number) => number;
  /** Compiled with `entry`: as the table of programs holds it, and as JavaScript calls it: words of r1, top of the frame. */
  readonly entry: unknown;
  readonly enter: ((low: number, high: number, top: number) => void) | undefined;
  /** The function at a slot as what runs by itself: words of r1-r3; undefined where it is none that a helper was given. */
  readonly callback: (entry: number) => ((r1: number, r2: number, r3: number) => void) | undefined;
  /** Compiled with `packetFields`: the loop over a list of packets. */
  readonly batch: ((ctx: number, list: number, count: number) => void) | undefined;
  /** The same for one packet: the address of a context that the machine knows (`addContext`) to the low word of r0. */
  readonly call: ((context: number) => number) | undefined;
  /** Let V8 see it run with this r1, without any effect: programs without checks and budget, whose runs are short. */
  readonly warm: (r1: number, milliseconds: number) => void;
  readonly options: JitOptions;
  /** Whether a run may end in another program: it makes tail calls. */
  readonly mayEnd: boolean;
  /** Bytes of the module. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Why a program is left to the interpreter. */
export interface NotCompiled {
  readonly ok: false;
  readonly unsupported: string;
}
