/** What a filter answers to one system call, whatever the filter is written in. */
import type { SeccompData } from './data.ts';

/** One value that a filter may return. */
export interface Outcome {
  /** 32 bits unsigned. */
  readonly returned: number;
  /** The instruction that ended the run. */
  readonly insn: number;
  /**
   * The comparisons on the way, in order: twice the instruction, and 1 more if it held. The last one is where this answer
   * parted from others. `comparisons()` takes them apart.
   */
  readonly steps: ArrayLike<number>;
}

export interface Comparison {
  readonly insn: number;
  /** Whether it jumped because the comparison held. */
  readonly held: boolean;
}

/** The comparisons on the way to an outcome. */
export const comparisons = ({ steps }: Outcome): Comparison[] =>
  Array.from(steps, (step) => ({ insn: step >> 1, held: (step & 1) === 1 }));

export interface FilterRun {
  /** Each value that may be returned, once; one only where the filter's answer is certain. */
  readonly outcomes: readonly Outcome[];
  /** Bits of the unknown words that it depends on. */
  readonly unknown: number;
  /** Bits of the words that were read. */
  readonly reads: number;
  /** False where there may be other values than those of `outcomes`. */
  readonly complete: boolean;
}

export interface SeccompProgram {
  /** How messages call it. */
  readonly name: string;
  /** Whether equal data always give equal answers. */
  readonly pure: boolean;
  run(data: SeccompData): FilterRun;
  /** The text of an instruction. */
  text(insn: number): string;
}
