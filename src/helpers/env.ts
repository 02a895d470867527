/** What a helper may touch: everything of the world around a running program comes through here, so that runs repeat. */
import { Trap } from '../errors/index.ts';
import type { BpfMap } from '../maps/index.ts';
import type { AddressSpace } from '../memory/index.ts';
import type { Executable, HelperFn } from '../vm/index.ts';
import type { PacketBuffer } from './packet-buffer.ts';

/** Clocks in nanoseconds. Above 2^53 (104 days) the low bits of a double are lost. */
export interface Clock {
  /** @kernel CLOCK_MONOTONIC */
  monotonic(): number;
  /** @kernel CLOCK_BOOTTIME */
  boottime(): number;
  /** @kernel CLOCK_TAI */
  tai(): number;
}

/** The task in whose context programs run. */
export interface Task {
  readonly pid: number;
  readonly tgid: number;
  readonly uid: number;
  readonly gid: number;
  /** At most 15 bytes. */
  readonly comm: string;
}

/** Timers in map values, by the address of their field. All answer as the helpers do. */
export interface Timers {
  init(field: number, map: BpfMap, flags: number): number;
  /** @param entry first slot of the callback in `program` */
  setCallback(field: number, program: Executable<HelperEnv>, entry: number): number;
  start(field: number, nanoseconds: number, flags: number): number;
  cancel(field: number): number;
}

export interface HelperEnv {
  readonly space: AddressSpace;
  readonly clock: Clock;
  readonly task: Task;
  /** Number of the CPU that runs the program. */
  cpu: number;
  /** The packet of the current context; undefined where there is none. */
  packet: PacketBuffer | undefined;
  /** CPUs that there are. */
  readonly cpus: number;
  /** Type of the program that runs: some helpers answer by it. */
  progType: number;
  /** Absent where nothing runs callbacks. */
  readonly timers?: Timers;
  /** 16 bytes for the dynptr that a callback is given. */
  readonly dynptr: number;
  /** The live map whose header is at an address. */
  mapAt(address: number): BpfMap | undefined;
  /** 32 random bits. */
  random(): number;
  /** One message of `bpf_trace_printk`, without the newline at its end. */
  trace(line: string): void;
}

/** A family's helpers by name, without `bpf_`. */
export type Family = Readonly<Record<string, HelperFn<HelperEnv>>>;

/** Helpers of programs that run on a packet. The verifier proves that there is one; an unverified program traps. */
export function onPacket(family: Family): Family {
  const guarded = Object.entries(family).map(([name, helper]): [string, HelperFn<HelperEnv>] => [
    name,
    (env, r, slot, program) => {
      if (env.packet === undefined) throw new Trap('there is no packet', slot);
      return helper(env, r, slot, program);
    },
  ]);
  return Object.fromEntries(guarded);
}
