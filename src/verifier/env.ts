/**
 * The walk's workspace (@kernel bpf_verifier_env): the current state, the paths still to walk, the checkpoints, what was
 * counted, and what the log has to print next. One per program.
 */
import { ScalarStore } from '../domain/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CAP, PROG_FLAG } from '../uapi/index.ts';
import type { VerifyInput } from './api.ts';
import { Arena } from './arena.ts';
import type { AttachTarget } from './attach/attach-target.ts';
import type { Context, SourceLine } from './context.ts';
import { InsnAux } from './insn-aux.ts';
import { LiveStack } from './live-stack.ts';
import { Log } from './log/log.ts';
import { Track } from './precision/track.ts';
import { profileReadsUnwritten } from './profile.ts';
import type { OpenLoop } from './prune/open-loops.ts';
import type { Reg } from './state/reg.ts';
import { scalar } from './state/reg.ts';
import { type HistoryEntry, State } from './state/state.ts';

/** Bytes of log kept where the caller does not say. */
const DEFAULT_LOG_SIZE = 16 << 20;

/** A path put aside at a branch. */
export interface PendingPath {
  readonly state: State;
  readonly insn: number;
  readonly prevInsn: number;
  /** Where the log ended then. */
  readonly logMark: number;
}

/** A state that later paths are compared with, and how often that helped. */
export interface Checkpoint {
  readonly state: State;
  hits: number;
  misses: number;
  /** Taken out of its list; forgotten when its last path ends. */
  evicted: boolean;
}

export class Env implements Context {
  readonly input: VerifyInput;
  readonly insns: readonly Instruction[];
  readonly log: Log;
  readonly aux: InsnAux;
  readonly bpfCapable: boolean;
  readonly perfmonCapable: boolean;
  /** Bytes of the stack that nothing wrote may be read. @kernel allow_uninit_stack */
  readonly readsUnwritten: boolean;
  /** Speculative paths are not followed, and stores need no barriers. */
  readonly bypassSpectreV1: boolean;
  readonly bypassSpectreV4: boolean;
  /** BPF_F_STRICT_ALIGNMENT without BPF_F_ANY_ALIGNMENT: packet and map accesses must be aligned. */
  readonly strictAlignment: boolean;
  /** BPF_F_TEST_STATE_FREQ: a checkpoint at every prune point. */
  readonly testStateFreq: boolean;
  lines: readonly SourceLine[] = [];
  /** What the program is attached to, where BTF says it. */
  target: AttachTarget | undefined;

  readonly store: ScalarStore;
  readonly #unknown: Reg;
  readonly liveStack: LiveStack;
  cur: State = new State([]);
  insnIdx = 0;
  prevInsnIdx = -1;
  /** Called with the state before each instruction of the walk. */
  observer: ((env: Env) => void) | undefined;
  /** Whether a path ends where one like it was found safe; without it only small programs come to an end. */
  prunes = true;
  readonly pending: PendingPath[] = [];
  /** Checkpoints by place, newest first; see prune/bucket.ts. */
  readonly checkpoints: (Checkpoint[] | undefined)[];
  /** By slot: listed checkpoints whose paths have all ended, and that are still to be cleaned; see prune/clean.ts. */
  readonly uncleaned: Uint32Array;
  /** Loops being walked, by their name in prune/bucket.ts. */
  readonly openLoops = new Map<string, OpenLoop>();
  /** Backedges of them all. */
  backedges = 0;
  /** The immediates of instructions that were walked, as registers. */
  readonly immediates: (Reg | undefined)[];
  /** What backtracking looks for; one at a time. */
  readonly track = new Track();
  /** Registers that matter to backtracking at each slot; made when it is first needed. */
  concerns: Uint16Array | undefined;
  /** History entry of the instruction being walked. */
  curHistory: HistoryEntry | undefined;
  idGen = 0;
  /** Numbers of two states are the same only when all that is known of them is. @kernel explore_alu_limits */
  exactNumbers = false;
  /** Helpers called. */
  readonly helpers = new Set<number>();

  insnProcessed = 0;
  jmpsProcessed = 0;
  /** See VerifiedProgram. */
  readonly guardedLoads = new Set<number>();
  readsObjects = false;
  passesNull = false;
  /** @kernel bpf_prog_aux.max_ctx_offset */
  maxCtxOffset = 0;
  /** See VerifiedProgram. */
  readonly recordLoads = new Map<number, number>();
  prevInsnProcessed = 0;
  prevJmpsProcessed = 0;
  totalStates = 0;
  peakStates = 0;
  maxStatesPerInsn = 0;
  /** Checkpoints in lists, and evicted ones whose paths are still open. */
  listedStates = 0;
  evictedStates = 0;

  /** Registers and slots that the next state line prints: bit r; slots 0-31 and 32-63. */
  scratchedRegs = 0;
  scratchedLow = 0;
  scratchedHigh = 0;
  /** Mark of the log behind the last printed instruction, 0 = none, and the length of its text with the newline. */
  prevLogPos = 0;
  prevInsnPrintLength = 0;
  /** Texts of instructions that were printed, and of what is known of numbers, by handle. */
  readonly insnTexts: (string | undefined)[] = [];
  readonly numberTexts = new Map<number, string>();
  /** A path begins: the next instruction prints `from X to Y`. */
  printState = false;

  /** @param store and `arena` are emptied, and void for whoever used them before. */
  constructor(input: VerifyInput, store = new ScalarStore(), arena = new Arena()) {
    this.input = input;
    this.store = store;
    store.renew();
    arena.reset();
    this.#unknown = scalar(store.UNKNOWN);
    this.insns = input.insns;
    this.log = new Log(input.logLevel, input.logSize ?? DEFAULT_LOG_SIZE);
    this.aux = new InsnAux(input.insns.length, arena);
    const has = (cap: number): boolean => ((input.caps >> BigInt(cap)) & 1n) !== 0n;
    this.bpfCapable = has(CAP.BPF) || has(CAP.SYS_ADMIN);
    this.perfmonCapable = has(CAP.PERFMON) || has(CAP.SYS_ADMIN);
    this.readsUnwritten = this.perfmonCapable && profileReadsUnwritten(this);
    this.bypassSpectreV1 = this.bypassSpectreV4 = this.perfmonCapable;
    const { STRICT_ALIGNMENT, ANY_ALIGNMENT } = PROG_FLAG;
    this.strictAlignment = (input.progFlags & (STRICT_ALIGNMENT | ANY_ALIGNMENT)) === STRICT_ALIGNMENT;
    this.testStateFreq = (input.progFlags & PROG_FLAG.TEST_STATE_FREQ) !== 0;
    this.uncleaned = arena.uint32(input.insns.length);
    this.immediates = new Array<Reg | undefined>(input.insns.length).fill(undefined);
    this.checkpoints = new Array<Checkpoint[] | undefined>(input.insns.length).fill(undefined);
    this.liveStack = new LiveStack(this);
  }

  /** Start to walk a function at `start` in `state`: nothing found before counts, but for the statistics. */
  begin(state: State, start: number): void {
    this.cur = state;
    this.insnIdx = start;
    this.prevInsnIdx = -1;
    this.checkpoints.fill(undefined);
    this.uncleaned.fill(0);
    this.openLoops.clear();
    this.backedges = 0;
    this.aux.lastLine = 0;
    this.printState = false;
  }

  get regs(): Reg[] {
    return this.cur.top.regs;
  }

  /** A number of which nothing is known. */
  unknown(): Reg {
    return this.#unknown;
  }

  /** Write the telling line and refuse. @returns -errno */
  fail(errno: number, message: string): number {
    this.log.write(`${message}\n`);
    return -errno;
  }

  scratchReg(reg: number): void {
    this.scratchedRegs |= 1 << reg;
  }

  scratchSlot(slot: number): void {
    if (slot < 32) this.scratchedLow |= 1 << slot;
    else this.scratchedHigh |= 1 << (slot - 32);
  }

  isSlotScratched(slot: number): boolean {
    return ((slot < 32 ? this.scratchedLow >>> slot : this.scratchedHigh >>> (slot - 32)) & 1) !== 0;
  }

  scratchAll(): void {
    this.scratchedRegs = this.scratchedLow = this.scratchedHigh = -1;
  }

  clearScratched(): void {
    this.scratchedRegs = this.scratchedLow = this.scratchedHigh = 0;
  }
}
