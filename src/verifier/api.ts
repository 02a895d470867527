/**
 * The verifier's contract: what goes in, what comes out. A refused program is a value, never an exception; a construct
 * that is not implemented yet is a verdict of its own that names it, never a guess.
 */
import type { Btf, KernelBtf } from '../btf/index.ts';
import type { MapDesc, Profile } from '../contracts/index.ts';
import type { VerifierStats } from '../errors/index.ts';
import type { Instruction } from '../isa/index.ts';

/** Level bits of PROG_LOAD's `log_level`. */
export const LOG_LEVEL = { BASIC: 1, VERBOSE: 2, STATS: 4, FIXED: 8 } as const;

/** Function and line records of a program, with the BTF they refer to, in the binary form PROG_LOAD takes. */
export interface ProgramBtf {
  /** Raw BTF blob. */
  readonly btf: Uint8Array;
  /** The same, where it was read already. */
  readonly types?: Btf;
  readonly funcInfo: Uint8Array;
  readonly funcInfoRecSize: number;
  readonly lineInfo: Uint8Array;
  readonly lineInfoRecSize: number;
}

export interface VerifyInput {
  /** Raw slots as given to PROG_LOAD: map descriptors still in `imm`. */
  readonly insns: readonly Instruction[];
  readonly progType: number;
  readonly expectedAttachType: number;
  readonly progFlags: number;
  readonly license: string;
  /**
   * What programs of some types are attached to: id of a type in the BTF of the kernel, or of the program that
   * `attachesToProgram` speaks of. 0: nothing.
   */
  readonly attachBtfId?: number;
  /** The target is another program. */
  readonly attachesToProgram?: boolean;
  /** Capability bits held (`1n << CAP.BPF`, …); see `CAP`. */
  readonly caps: bigint;
  /** The map behind a descriptor; undefined for a closed descriptor (EBADF), -EINVAL for one of something else. */
  mapOf(fd: number): MapDesc | number | undefined;
  readonly fdArray?: readonly number[];
  readonly btf?: ProgramBtf;
  /** The types of the kernel that the program is for; without them whatever asks for one is `unsupported`. */
  readonly kernelBtf?: KernelBtf;
  /** Whose verdict is asked for; absent: that of the kernel which all tables describe. */
  readonly profile?: Profile;
  /** LOG_LEVEL bits; 0 writes no log. */
  readonly logLevel: number;
  /** Most bytes of log kept; default 16 MiB. */
  readonly logSize?: number;
}

/** What the engines and the subsystem need of a program that passed. */
export interface VerifiedProgram {
  /** Slots as given; `maps` resolves the map loads. */
  readonly insns: readonly Instruction[];
  readonly progType: number;
  readonly gplCompatible: boolean;
  /** For each `ld_imm64` slot that loads a map or a map's value: index into `maps`, and the offset into the value. */
  readonly mapRefs: ReadonlyMap<number, { readonly map: number; readonly valueOffset: number | undefined }>;
  /** Descriptors' maps in order of first use. */
  readonly maps: readonly MapDesc[];
  /** Ids of the helpers it calls, ascending. */
  readonly helpers: readonly number[];
  /** Slots that can never be reached, proved by exploration: may be treated as dead. */
  readonly unreachable: ReadonlySet<number>;
  /** First slots of its functions that can be reached, ascending, the main program's 0 first. */
  readonly subprogs: readonly number[];
  /** Bytes of stack of the main program. */
  readonly stackDepth: number;
  /** Calls of bpf_loop that Linux makes loops of: their flags are always 0, and their function is always the same. */
  readonly inlinedLoops: ReadonlySet<number>;
  /** Slots of the loads through pointers that are not trusted to lead anywhere: they give 0 where they fail. */
  readonly guardedLoads: ReadonlySet<number>;
  /** Whether it reads objects of the kernel. */
  readonly readsObjects: boolean;
  /** Whether it passes NULL to a function for an argument that is tagged never to be: Linux accepts that, and may fault. */
  readonly passesNull: boolean;
  /** Bytes of context that it may touch: from the first to behind the last. */
  readonly maxCtxOffset: number;
  /** Of programs of type tracepoint, which loads of the record there are: at each offset the sizes in bytes, or-ed. */
  readonly recordLoads: ReadonlyMap<number, number>;
  readonly stats: VerifierStats;
}

export type VerifyResult =
  | {
      readonly ok: true;
      /** A character a byte: source lines are in UTF-8. */
      readonly log: string;
      readonly logLength: number;
      readonly stats: VerifierStats;
      readonly program: VerifiedProgram;
    }
  | {
      readonly ok: false;
      /** Positive error number. */
      readonly errno: number;
      /** As above. */
      readonly log: string;
      /** Bytes the whole log has, kept or not. */
      readonly logLength: number;
      /** The last telling line of the log; empty where Linux prints none. */
      readonly summary: string;
      /** Slot index of the refused instruction, -1 where there is none. */
      readonly insn: number;
      readonly stats: VerifierStats | undefined;
      /** Set when skep does not know the answer: the construct's name. `errno` is then ENOTSUPP. */
      readonly unsupported?: string;
    };
