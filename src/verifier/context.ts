/**
 * What every pass may read: the program, who asks, the log, what earlier passes learned. The walk's own state is in
 * `env.ts`, which extends this.
 */
import type { Instruction } from '../isa/index.ts';
import type { VerifyInput } from './api.ts';
import type { AttachTarget } from './attach/attach-target.ts';
import type { InsnAux } from './insn-aux.ts';
import type { Log } from './log/log.ts';

/** A source line of the program's BTF. */
export interface SourceLine {
  readonly insn: number;
  /** Text of the line, as the compiler stored it. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Context {
  readonly input: VerifyInput;
  readonly insns: readonly Instruction[];
  readonly log: Log;
  readonly aux: InsnAux;
  /** CAP_BPF (or CAP_SYS_ADMIN): loops, back-edges and large programs are allowed. */
  readonly bpfCapable: boolean;
  /** CAP_PERFMON (or CAP_SYS_ADMIN): pointers may leak and be compared, no Spectre sanitation. */
  readonly perfmonCapable: boolean;
  /** What the program is attached to, where BTF says it; known once that is checked. */
  readonly target?: AttachTarget | undefined;
  /** Filled by btf-info, ascending by `insn`. */
  lines: readonly SourceLine[];
}

/** Raised for a construct that is not implemented; `verify()` turns it into the verdict `unsupported`. */
export class UnsupportedConstruct {
  readonly construct: string;
  constructor(construct: string) {
    this.construct = construct;
  }
}

/** Raised where a program is refused in the midst of arithmetic; the log already says why. */
export class Refusal {
  /** Positive error number. */
  readonly errno: number;
  constructor(errno: number) {
    this.errno = errno;
  }
}
