/**
 * The error classes of the project. Below the seam everything answers `-errno`; above it these are thrown:
 * `BpfError` (a command failed), `VerifierError` (a program was refused), `FormatError` (bad bytes), `Trap` (a running
 * program did what it must not), `UnsupportedError` (not implemented yet, by name), `InternalError` (a bug of ours).
 */
import { errnoMessage, errnoName } from './errno.ts';

/** A `bpf()` command that failed; `code` is the errno's name, as in Node's own system errors. */
export class BpfError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly cmd: string;
  constructor(errno: number, cmd: string, detail = '') {
    super(`${cmd}: ${errnoMessage(errno)} (${errnoName(errno)})${detail && `: ${detail}`}`);
    this.name = 'BpfError';
    this.errno = Math.abs(errno);
    this.code = errnoName(errno);
    this.cmd = cmd;
  }
}

/** What the verifier counted on the way to its verdict; the fields of the log's `processed` line. */
export interface VerifierStats {
  /** Instructions walked, over all paths. */
  readonly insns: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
  /** Bytes of stack per sub-program, joined by `+`, as the log prints it; empty where it was not reached. */
  readonly stackDepth: string;
}

/** A program that the verifier refused. */
export class VerifierError extends BpfError {
  /** The whole log in the kernel's words. */
  readonly log: string;
  /** Index of the refused instruction, or -1 where the log names none. */
  readonly insn: number;
  readonly stats: VerifierStats | undefined;
  /** One line that says why. */
  readonly summary: string;
  /** Name of the program; empty where it is not known. */
  readonly program: string;
  constructor(errno: number, summary: string, log: string, insn: number, stats?: VerifierStats, program = '') {
    super(errno, 'BPF_PROG_LOAD', program === '' ? summary : `program ${program}: ${summary}`);
    this.name = 'VerifierError';
    this.log = log;
    this.insn = insn;
    this.stats = stats;
    this.summary = summary;
    this.program = program;
  }
}

/** Bytes that are not what they claim to be. */
export class FormatError extends Error {
  readonly file: string;
  readonly section: string;
  /** Offset in bytes from the start of the section, or of the file where there is no section; -1 if unknown. */
  readonly offset: number;
  /** Line of a text, from 1; 0 if unknown or not a text. */
  readonly line: number;
  readonly problem: string;
  constructor(problem: string, where: { file?: string; section?: string; offset?: number; line?: number } = {}) {
    const { file = '', section = '', offset = -1, line = 0 } = where;
    const place = [
      line ? (file ? `${file}:${line}` : `line ${line}`) : file,
      section && `section ${section}`,
      offset >= 0 && `offset 0x${offset.toString(16)}`,
    ]
      .filter(Boolean)
      .join(', ');
    super(place ? `${place}: ${problem}` : problem);
    this.name = 'FormatError';
    this.file = file;
    this.section = section;
    this.offset = offset;
    this.line = line;
    this.problem = problem;
  }
}

/** Something Linux knows and this project does not yet; the message names the construct. */
export class UnsupportedError extends Error {
  readonly construct: string;
  constructor(construct: string) {
    super(`not supported yet: ${construct}`);
    this.name = 'UnsupportedError';
    this.construct = construct;
  }
}

/** A running program was stopped. Both engines raise the same trap for the same cause. */
export class Trap extends Error {
  readonly reason: string;
  /** Slot index of the instruction. */
  readonly insn: number;
  constructor(reason: string, insn: number) {
    super(`trap at instruction ${insn}: ${reason}`);
    this.name = 'Trap';
    this.reason = reason;
    this.insn = insn;
  }
}

/** A program took more than it was given. */
export class BudgetTrap extends Trap {}

/** A bug of this project. */
export class InternalError extends Error {
  constructor(message: string) {
    super(`internal error: ${message}`);
    this.name = 'InternalError';
  }
}
