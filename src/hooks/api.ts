/**
 * What the subsystem gives, and what this folder makes of it.
 */
import type { Clock, HelperEnv, PacketBuffer, Task } from '../helpers/index.ts';
import type { BpfMap } from '../maps/index.ts';
import type { AddressSpace, Rcu, Region } from '../memory/index.ts';
import type { CompiledProgram, Executable, Interpreter, JitMachine, Meter, NotCompiled } from '../vm/index.ts';
import type { NarrowContext } from './narrow-fields.ts';
import type { ProgramNumbers } from './program-numbers.ts';
import type { TimerQueue } from './timers.ts';

/** The world that programs run in; given by the subsystem. */
export interface Host {
  readonly space: AddressSpace;
  readonly rcu: Rcu;
  readonly clock: Clock;
  readonly task: Task;
  /** CPUs that `attr.cpu` may name: 0 to `possibleCpus - 1`. */
  readonly possibleCpus: number;
  /** The live map whose header is at an address: one `Map` look-up. */
  mapAt(address: number): BpfMap | undefined;
  /** The programs that slots of prog arrays may name. */
  readonly programs: ProgramNumbers<ProgramImage>;
  /** The run of a program has ended: what its maps keep for its socket and its place goes. */
  ended(socket: number): void;
  /** A program was stopped half-way, and no other runs: what it had begun with maps ends. */
  stopped(): void;
  /** A timer has been started: nanoseconds of the monotonic clock at which it is due. */
  readonly armed?: (expires: number) => void;
  /** Whether there is a network device with this index, which is positive. */
  readonly hasDevice: (index: number) => boolean;
  /** Milliseconds of runs without effect before a compiled program's first run; 0: none. */
  readonly warmup: number;
  /** 32 random bits. */
  readonly random: () => number;
  /** Whether somebody gives those, and means programs to see them. */
  readonly isRandomGiven: boolean;
  /** One line of `bpf_trace_printk`. */
  trace(line: string): void;
}

/** Who keeps a program and its maps alive. */
export interface ProgramOwner {
  hold(): void;
  drop(): void;
}

/** A program ready to run. It holds no references: the subsystem keeps its maps alive. */
export interface ProgramImage {
  readonly executable: Executable<HelperEnv>;
  readonly progType: number;
  readonly expectedAttachType: number;
  /** Whether the verifier let it pass: then it runs without checks where it is compiled. */
  readonly verified: boolean;
  /** Bytes of stack of the main program. */
  readonly stackDepth: number;
  /** Whether it has maps whose values belong to its socket or its place. */
  readonly keepsStorage: boolean;
  /** Bytes of context that it may touch. */
  readonly maxCtxOffset: number;
  /** Slots of the `ld_imm64` that load a map's header. */
  readonly mapLoads: ReadonlySet<number>;
  /** For those who keep the program beyond its run: timers. */
  readonly owner?: ProgramOwner;
  /** Made by the CPU that runs it first. */
  compiled: CompiledProgram | NotCompiled | undefined;
  /** The same compiled in other ways: as what tail calls start, and counting what it takes. */
  readonly variants: Map<string, CompiledProgram | NotCompiled>;
}

/** What runs programs: `interp` checks every access; `jit` compiles them to WebAssembly, and leaves to it what it cannot. */
export type EngineName = 'interp' | 'jit';

/** One CPU: its engines with their stacks, and the context and packet memory that all runs share. */
export interface Cpu {
  readonly host: Host;
  readonly env: HelperEnv;
  readonly timers: TimerQueue;
  readonly interpreter: Interpreter<HelperEnv>;
  /** Absent: everything is interpreted. */
  readonly jit: JitMachine<HelperEnv> | undefined;
  /** Context structs are made here. */
  readonly ctx: Region;
  /** How verified programs are compiled. */
  readonly mode: 'verified' | 'hardened';
  /** What the run that is under way may take. */
  meter: Meter | undefined;
  /** The same as a `__sk_buff`. */
  readonly skbContext: NarrowContext;
  /** Who prepared `ctx`, `packet` and `sock` last and counts on it; whoever else writes there says so. */
  prepared: object | undefined;
  /** Packets are copied here; `env.packet` while a program runs on one. */
  readonly packet: PacketBuffer;
  /** What `__sk_buff.sk` points to. */
  readonly sock: Region;
}
