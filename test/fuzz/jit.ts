/**
 * Random programs on the interpreter and compiled to WebAssembly. Programs that compute, and those around the stack, run
 * in every mode, and all registers and the stack must come out alike; wild ones run checked, and r0 or the trap, the memory
 * and the instruction where
 * the budget ends must be the same.
 */
import { formatProgram } from '../../src/asm/index.ts';
import { Trap } from '../../src/errors/index.ts';
import type { Instruction } from '../../src/isa/index.ts';
import { AddressSpace } from '../../src/memory/index.ts';
import type { Region } from '../../src/memory/index.ts';
import { Random } from '../../src/util/index.ts';
import { Interpreter, JitMachine, checkedAddress, compile } from '../../src/vm/index.ts';
import type { CompileRequest, HelperFn, World } from '../../src/vm/index.ts';
import { FRAME_MEMORY, frameProgram } from '../support/frame-programs.ts';
import { VALUE_SIZE, randomProgram, randomValue } from '../support/random-programs.ts';
import { wildProgram } from '../support/wild-programs.ts';
import type { Campaign } from './campaign.ts';

const LENGTH = 60;
/** Of wild programs. */
const MEMORY_SIZE = 64;

interface Env extends World {
  readonly space: AddressSpace;
}

/** One of each kind: pure, writing memory, failing, growing the memory. */
const HELPERS: Readonly<Record<number, HelperFn<Env>>> = {
  1: (_env, r) => {
    for (let i = 0; i < 10; i++) r[i & 1] = Math.imul((i < 2 ? 0 : r[i & 1]) ^ r[i + 2], 0x9e3779b1);
  },
  2: ({ space }, r, slot) => {
    const address = checkedAddress(space, r[2], r[3], 0, 8, true, slot);
    space.view.setInt32(address, r[4], true);
    r[0] = r[1] = -1;
  },
  3: (_env, r, slot) => {
    if (r[2] & 1) throw new Trap('the helper refuses', slot);
    r[0] = r[2];
    r[1] = r[3];
  },
  4: ({ space }, r) => {
    const region = space.allocate(0x10000 * (1 + (r[2] & 31)), { kind: 'mem', name: 'more' });
    if (region !== undefined) space.free(region);
    r[0] = region === undefined ? 1 : 2;
    r[1] = r[2];
  },
};
const HELPER_IDS = [1, 2, 3, 4, 99];

/** An engine in an address space of its own; both lay their memory out alike. */
class Bench {
  readonly env: Env & { packet: World['packet'] };
  readonly memory: Region;

  constructor(engine: (env: Env) => void) {
    const space = new AddressSpace();
    this.env = { space, packet: undefined };
    engine(this.env);
    const memory = space.allocate(Math.max(VALUE_SIZE, FRAME_MEMORY, MEMORY_SIZE), { kind: 'mem', name: 'memory' });
    if (memory === undefined) throw new Error('no memory');
    this.memory = memory;
  }

  /** @returns r0 or the trap, and the memory afterwards */
  run(input: Uint8Array, body: () => readonly [low: number, high: number]): string {
    const { bytes } = this.env.space;
    const { base } = this.memory;
    this.memory.size = input.length;
    bytes.set(input, base);
    this.env.packet = { data: base + 4, length: input.length - 4, mac: base, network: base + 8 };
    const after = (): string => Buffer.from(this.env.space.bytes.subarray(base, base + input.length)).toString('hex');
    try {
      const [low, high] = body();
      return `r0 ${(high >>> 0).toString(16).padStart(8, '0')}${(low >>> 0).toString(16).padStart(8, '0')} ${after()}`;
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      return `${error.message} ${after()}`;
    }
  }
}

let interpreter!: Interpreter<Env>;
const reference = new Bench((env) => {
  interpreter = new Interpreter(env);
  env.space.allocate(1, { kind: 'mem', name: 'as much as the machine takes' });
});
let machine!: JitMachine<Env>;
const compiled = new Bench((env) => void (machine = new JitMachine(env)));

function executableOf(insns: readonly Instruction[]): ReturnType<typeof compile<Env>> {
  return compile(insns, { helpers: (id) => HELPERS[id], resolve: () => reference.memory.base, lazy: true });
}

function interpret(insns: readonly Instruction[], input: Uint8Array, budget: number): string {
  const executable = executableOf(insns);
  return reference.run(input, () => {
    interpreter.run(executable, reference.memory.base, input.length, budget);
    return [interpreter.registers[0], interpreter.registers[1]];
  });
}

function jit(insns: readonly Instruction[], input: Uint8Array, budget: number, request: CompileRequest): string {
  const program = machine.compile(executableOf(insns), request);
  if (!program.ok) return `not compiled: ${program.unsupported}`;
  return compiled.run(input, () => {
    machine.run(program, compiled.memory.base, input.length, budget);
    return machine.result;
  });
}

/** One kind of random programs, and how they are compiled. */
interface Kind {
  make(r: Random): Instruction[];
  budget(r: Random): number;
  readonly memory: number;
  readonly requests: readonly CompileRequest[];
}

const ALL: readonly CompileRequest[] = [{ mode: 'checked' }, { mode: 'verified' }, { mode: 'hardened' }];
const KINDS: readonly Kind[] = [
  { make: (r) => randomProgram(r, LENGTH, 0), budget: () => Infinity, memory: VALUE_SIZE, requests: ALL },
  { make: (r) => frameProgram(r, LENGTH, 2), budget: () => Infinity, memory: FRAME_MEMORY, requests: ALL },
  {
    make: (r) => wildProgram(r, MEMORY_SIZE, HELPER_IDS),
    budget: (r) => r.below(r.below(2) ? 2000 : 60),
    memory: MEMORY_SIZE,
    requests: [{ mode: 'checked', budget: true }],
  },
];

function runCase(seed: number, caseNumber: number): string | undefined {
  const r = new Random((seed + Math.imul(caseNumber, 0x9e3779b1)) >>> 0);
  const { make, budget: budgetOf, memory, requests } = KINDS[caseNumber % KINDS.length];
  const insns = make(r);
  const budget = budgetOf(r);
  const input = new Uint8Array(memory);
  for (let at = 0; at < memory; at += VALUE_SIZE) input.set(randomValue(r).subarray(0, memory - at), at);
  const expected = interpret(insns, input, budget);
  for (const request of requests) {
    const actual = jit(insns, input, budget, request);
    if (actual === expected) continue;
    const given = Buffer.from(input).toString('hex');
    const program = formatProgram(insns).join('\n');
    return `expected ${expected}\nactual   ${actual} (${request.mode})\ninput    ${given}, budget ${budget}\n${program}`;
  }
  return undefined;
}

export const campaign: Campaign = {
  name: 'jit',
  summary: 'random programs on the interpreter and compiled: registers, memory and traps',
  defaultCount: 200_000,
  runCase,
};
