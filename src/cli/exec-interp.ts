/**
 * A conformance program on the interpreter: not verified, every access checked. r1 is the memory's address (0 without
 * memory), r2 its length, and packet loads read it; a program that does not end is stopped after BUDGET instructions.
 */
import { Trap } from '../errors/index.ts';
import { PacketBuffer, helperRegistry } from '../helpers/index.ts';
import type { HelperEnv } from '../helpers/index.ts';
import type { Instruction } from '../isa/index.ts';
import { AddressSpace } from '../memory/index.ts';
import { Interpreter, checkedAddress, compile, setNumber, toBigInt } from '../vm/index.ts';
import type { Executable, HelperFn, HelperRegistry } from '../vm/index.ts';

/** Instructions that a program may run: about a second. */
export const BUDGET = 100_000_000;

/** What a run came to: r0, or why it was stopped. */
export type Outcome = { readonly r0: bigint } | { readonly stopped: string };

/** Called before each instruction. */
export type Observer = (slot: number, registers: Int32Array) => void;

const space = new AddressSpace();

/** Values that repeat from run to run. */
export const env: HelperEnv = {
  space,
  clock: { monotonic: () => 1e9, boottime: () => 1e9, tai: () => 1e9 },
  task: { pid: 1, tgid: 1, uid: 0, gid: 0, comm: 'skep' },
  cpu: 0,
  packet: undefined,
  cpus: 1,
  progType: 0,
  dynptr: 0,
  mapAt: () => undefined,
  random: () => 0x2545f491,
  trace: () => {},
};

const interpreter = new Interpreter(env);
const packetState = PacketBuffer.createState(space) as number;

/** The functions that uBPF's and rbpf's files call by these numbers, in place of Linux's. */
const TEST_FUNCTIONS: readonly HelperFn<HelperEnv>[] = [
  function gatherBytes(_env, r) {
    r[1] = r[2] & 0xff;
    r[0] = (r[4] << 24) | ((r[6] & 0xff) << 16) | ((r[8] & 0xff) << 8) | (r[10] & 0xff);
  },
  function memfrob({ space }, r, slot) {
    for (let i = 0; i < r[4] >>> 0; i++) space.bytes[checkedAddress(space, r[2], r[3], i, 1, true, slot)] ^= 42;
    setNumber(r, 0, 0);
  },
  function trashRegisters(_env, r) {
    setNumber(r, 0, 0); // the interpreter overwrites r1-r5 after every call
  },
  function squareRoot(_env, r) {
    setNumber(r, 0, Math.floor(Math.sqrt(Number(toBigInt(r[2], r[3])))));
  },
  function compareStrings({ space }, r, slot) {
    for (let i = 0; ; i++) {
      const a = space.bytes[checkedAddress(space, r[2], r[3], i, 1, false, slot)];
      const b = space.bytes[checkedAddress(space, r[4], r[5], i, 1, false, slot)];
      if (a === b && a !== 0) continue;
      return setNumber(r, 0, a - b);
    }
  },
  function identity(_env, r) {
    r[0] = r[2];
    r[1] = r[3];
  },
];

const helpers: HelperRegistry<HelperEnv> = (id) => TEST_FUNCTIONS[id] ?? helperRegistry(id);

/** Run a program on memory, which it may change. */
export function execInterp(insns: readonly Instruction[], mem: Uint8Array | undefined, observe?: Observer): Outcome {
  interpreter.observe = observe && ((it) => observe(it.slot, it.registers));
  try {
    return execute(insns, mem, interpret);
  } finally {
    interpreter.observe = undefined;
  }
}

/** What runs a program. @returns the words of r0 */
export type Engine = (
  executable: Executable<HelperEnv>,
  r1: number,
  r2: number,
) => readonly [low: number, high: number];

export const interpret: Engine = (executable, r1, r2) => {
  interpreter.run(executable, r1, r2, BUDGET);
  return [interpreter.registers[0], interpreter.registers[1]];
};

/** Run a program on memory with an engine. */
export function execute(insns: readonly Instruction[], mem: Uint8Array | undefined, engine: Engine): Outcome {
  const region = mem?.length ? space.allocate(mem.length, { kind: 'mem', name: 'memory' }) : undefined;
  if (mem?.length && region === undefined) return { stopped: `no room for ${mem.length} bytes of memory` };
  try {
    if (mem !== undefined && region !== undefined) {
      const { base } = region;
      space.bytes.set(mem, base);
      env.packet = new PacketBuffer(space, region, packetState);
      env.packet.cover(base, mem.length);
    }
    const [low, high] = engine(compile(insns, { helpers }), region?.base ?? 0, mem?.length ?? 0);
    return { r0: toBigInt(low, high) };
  } catch (error) {
    if (error instanceof Trap) return { stopped: error.message };
    throw error;
  } finally {
    env.packet = undefined;
    if (region !== undefined) space.free(region);
  }
}
