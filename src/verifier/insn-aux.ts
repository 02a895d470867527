/** What the passes before the walk learn of each instruction, by slot index. */
import type { Btf } from '../btf/index.ts';
import type { MapDesc } from '../contracts/index.ts';
import { Arena } from './arena.ts';

/** Bits of `InsnAux.flags`. */
export const AUX = {
  /** States are compared here. */
  PRUNE_POINT: 1,
  /** The walk records how it came here, for precision backtracking. */
  JMP_POINT: 2,
  /** A checkpoint is always taken here (iterators, `may_goto`, callbacks). */
  FORCE_CHECKPOINT: 4,
  /** A call that runs a callback. */
  CALLS_CALLBACK: 8,
  /** The walk came here. */
  SEEN: 16,
  /** Second slot of `ld_imm64`. */
  IMM64_TAIL: 32,
  /** A barrier before it: no processor comes here by guessing. */
  NOSPEC: 64,
  /** A barrier behind it: its store is done before a processor goes on guessing. */
  NOSPEC_RESULT: 128,
} as const;

/** A map or map value that an `ld_imm64` loads. */
export interface MapRef {
  /** Index into `InsnAux.maps`. */
  readonly map: number;
  /** Offset into the value for the MAP_VALUE forms, else undefined. */
  readonly valueOffset: number | undefined;
}

/** A sub-program: slots `start` to the next one's start. */
export interface Subprog {
  readonly start: number;
  /** One past the last slot. */
  readonly end: number;
  /** Bytes of stack used so far. */
  stackDepth: number;
  hasTailCall: boolean;
  hasLdAbs: boolean;
  /** Some walked path leaves it behind to run later, on a stack of its own. */
  isAsync: boolean;
  /** What its function record says; undefined where there are none. */
  func: FunctionInfo | undefined;
}

/** A function as BTF describes it. @kernel bpf_func_info_aux */
export interface FunctionInfo {
  readonly name: string;
  /** Id of the FUNC type. */
  readonly type: number;
  /** Verified once and on its own, for all arguments of its prototype. */
  readonly isGlobal: boolean;
  /** The description was found not to fit a static function, and is not looked at any more. */
  unreliable: boolean;
  /** Some walked path calls it. */
  called: boolean;
  verified: boolean;
  /** Its parameters, once they were read. */
  args: readonly FuncArg[] | undefined;
}

/** What a function may expect of an argument. */
export type FuncArg =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'ctx' }
  | { readonly kind: 'dynptr' }
  /** A kernel object of struct `struct`, see kernel-types.ts, that stays there. */
  | { readonly kind: 'trusted'; readonly struct: number; readonly nullable: boolean }
  /** Anything: loads through it never fault. `struct` is the kernel's, or -1 for memory without one. */
  | { readonly kind: 'untrusted'; readonly struct: number }
  /** `size` bytes that can be read and written. */
  | { readonly kind: 'mem'; readonly size: number; readonly nullable: boolean };

export class InsnAux {
  readonly flags: Uint8Array;
  /** 1 where the walk has found nothing wrong with the fields by themselves. */
  readonly checked: Uint8Array;
  /** Registers read later: bit r of the value before each slot. */
  readonly liveRegs: Uint16Array;
  /** Where control goes from each slot; see `flowOf`. */
  flow: Int32Array | undefined;
  /** Number of the strongly connected component with a cycle, 0 where there is none. */
  readonly scc: Int32Array;
  /** Register type that a load or store saw first: the same instruction may not be used with different kinds. */
  readonly ptrType: Int32Array;
  /** How the operand is masked, and to which limit; see pointer/sanitize.ts. */
  readonly aluState: Uint8Array;
  readonly aluLimit: Uint32Array;
  /** Program array of each tail call that was walked; see call/tail-call.ts. */
  readonly tailCallMap = new Map<number, number>();
  readonly mapRefs = new Map<number, MapRef>();
  readonly maps: MapDesc[] = [];
  /** Shapes of maps in maps, by the outer map: indices into `maps`, behind the program's own. */
  readonly shapes = new Map<number, number>();
  readonly subprogs: Subprog[] = [];
  /** Calls of bpf_loop that Linux turns into loops: the function, -1 = not. */
  readonly inlinedLoops = new Map<number, number>();
  /** The BTF that function and line records refer to. */
  btf: Btf | undefined;
  /** Index + 1 into `Context.lines` of the line that covers each slot; 0 = none. Filled by btf-info. */
  readonly line: Uint32Array;
  /** All was walked and found safe: functions without a walked instruction are no part of the program. */
  isFinal = false;
  /** Index + 1 of the line that the log showed last. */
  lastLine = 0;

  readonly arena: Arena;

  constructor(count: number, arena = new Arena()) {
    this.arena = arena;
    this.flags = arena.uint8(count);
    this.checked = arena.uint8(count);
    this.liveRegs = arena.uint16(count);
    this.scc = arena.int32(count);
    this.ptrType = arena.int32(count);
    this.aluState = arena.uint8(count);
    this.aluLimit = arena.uint32(count);
    this.line = arena.uint32(count);
  }
}
