import { describe, expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import type { Instruction } from '../../isa/index.ts';
import { compile } from '../compile.ts';
import type { Executable, HelperFn } from '../executable.ts';
import { Interpreter } from '../interpreter.ts';
import type { Packet } from '../packet.ts';
import { flowGraph } from './flow-graph.ts';
import { JitMachine } from './index.ts';
import type { CompileRequest } from './index.ts';

interface Env {
  readonly space: AddressSpace;
  packet: Packet | undefined;
}

const env: Env = { space: new AddressSpace(), packet: undefined };
const machine = new JitMachine(env);
const interpreter = new Interpreter(env);

const insn = (opcode: number, dst = 0, src = 0, off = 0, imm = 0): Instruction => ({ opcode, dst, src, off, imm });

function executable(source: string | readonly Instruction[], helper?: HelperFn<Env>): Executable<Env> {
  const insns = typeof source === 'string' ? assemble(source).insns : source;
  return compile(insns, { helpers: () => helper, lazy: true });
}

/** r0 of a compiled program. */
function run(program: Executable<Env>, request: CompileRequest = { mode: 'verified' }, r1 = 0, r2 = 0): bigint {
  const compiled = machine.compile(program, request);
  if (!compiled.ok) throw new Error(compiled.unsupported);
  const returned = machine.run(compiled, r1, r2);
  const [low, high] = machine.result;
  expect(returned).toBe(low >>> 0);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function interpreted(program: Executable<Env>, r1 = 0, r2 = 0): bigint {
  interpreter.run(program, r1, r2);
  const [low, high] = interpreter.registers;
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** A loop that is entered in its middle when r1 is not 0. */
const TWO_ENTRIES = `
r0 = 0
if r1 != 0 goto pc+1
r0 += 100
r0 += 1
if r0 < 250 goto pc-3
exit`;

describe('flow graphs', () => {
  it('know blocks, loops, merges and dominators', () => {
    const { blocks, idom, isLoop, isMerge, reducible } = flowGraph(
      executable('r0 = 0\nr0 += 1\nif r0 == 5 goto pc+1\ngoto pc-3\nif r1 == 0 goto pc+1\nr0 += 1\nexit'),
      0,
    );
    expect(blocks.map(({ start, last, end }) => [start, last, end])).toEqual([
      [0, 1, 'fall'],
      [1, 2, 'if'],
      [3, 3, 'goto'],
      [4, 4, 'if'],
      [5, 6, 'fall'],
      [6, 6, 'exit'],
    ]);
    expect([...idom]).toEqual([0, 0, 1, 1, 3, 3]);
    expect([...isLoop]).toEqual([0, 1, 0, 0, 0, 0]);
    expect([...isMerge]).toEqual([0, 0, 0, 0, 0, 1]);
    expect(reducible).toBe(true);
  });

  it('leave out what cannot be reached, and know loops of two entries', () => {
    expect(flowGraph(executable('r0 = 0\ngoto pc+1\nr0 = 1\nexit'), 0).blocks.map(({ start }) => start)).toEqual([
      0, 3,
    ]);
    expect(flowGraph(executable(TWO_ENTRIES), 0).reducible).toBe(false);
  });
});

describe('compiled programs', () => {
  it('run loops of two entries', () => {
    for (const r1 of [0, 1])
      expect(run(executable(TWO_ENTRIES), undefined, r1)).toBe(interpreted(executable(TWO_ENTRIES), r1));
  });

  it('run sub-programs, each on a frame of its own', () => {
    const program = executable([
      ...[insn(0x7a, 10, 0, -8, 7), insn(0xb7, 1, 0, 0, 5), insn(0xb7, 6, 0, 0, 1000), insn(0x85, 0, 1, 0, 4)],
      ...[insn(0x79, 1, 10, -8), insn(0x0f, 0, 1), insn(0x0f, 0, 6), insn(0x95)],
      ...[insn(0x79, 2, 10, -8), insn(0x7b, 10, 1, -8), insn(0xb7, 6), insn(0xbf, 0, 1), insn(0x0f, 0, 2), insn(0x95)],
    ]);
    for (const mode of ['checked', 'verified'] as const) {
      expect(run(program, { mode })).toBe(1012n);
      expect(run(program, { mode })).toBe(1012n);
    }
  });
  it('end a sub-program where its packet load misses the packet', () => {
    const program = executable([
      ...[insn(0xbf, 6, 1), insn(0x85, 0, 1, 0, 2), insn(0xb7, 0, 0, 0, 9), insn(0x95)],
      ...[insn(0xbf, 6, 1), insn(0x28, 0, 0, 0, 0), insn(0x95)],
    ]);
    env.packet = undefined;
    for (const mode of ['checked', 'verified'] as const) expect(run(program, { mode })).toBe(9n);
  });

  it('load from the packet, big-endian', () => {
    const memory = env.space.allocate(64, { kind: 'packet', name: 'packet' })!;
    env.space.bytes.set([1, 2, 3, 4, 5, 6, 7, 8], memory.base);
    env.packet = { data: memory.base, length: 8, mac: memory.base, network: memory.base + 2 };
    const load = (opcode: number, imm: number): Executable<Env> => executable([insn(opcode, 0, 1, 0, imm), insn(0x95)]);
    for (const mode of ['checked', 'verified'] as const) {
      expect(run(executable([insn(0x20, 0, 0, 0, 1), insn(0x95)]), { mode })).toBe(0x02030405n);
      expect(run(executable([insn(0x28, 0, 0, 0, 6), insn(0x95)]), { mode })).toBe(0x0708n);
      expect(run(load(0x50, 3), { mode }, 2)).toBe(6n);
      expect(run(load(0x50, 3), { mode }, 5)).toBe(0n);
    }
    env.packet = undefined;
    env.space.free(memory);
  });

  it('keep what a helper returns, also where it grows the memory', () => {
    const program = executable(
      [insn(0xb7, 1, 0, 0, 3), insn(0xb7, 2, 0, 0, -1), insn(0x85, 0, 0, 0, 77), insn(0x95)],
      ({ space }, r) => {
        const region = space.allocate(space.bytes.length, { kind: 'mem', name: 'more' })!;
        space.free(region);
        r[0] = r[2];
        r[1] = r[5];
      },
    );
    for (const mode of ['checked', 'verified'] as const) expect(run(program, { mode })).toBe(0xffffffff_00000003n);
  });

  it('extend 32 bits by two shifts', () => {
    const shifts = (right: number, count: number, to = 3): Executable<Env> =>
      executable([
        ...[insn(0x18, 3, 0, 0, 0x89abcdef), insn(0, 0, 0, 0, 0x01234567), insn(0xb7, 4, 0, 0, 7)],
        ...[insn(0x67, 3, 0, 0, 32), insn(right, to, 0, 0, count), insn(0xbf, 0, 3), insn(0x95)],
      ]);
    const budget = { mode: 'checked', budget: true } as const;
    for (const request of [{ mode: 'verified' } as const, { mode: 'checked' } as const]) {
      expect(run(shifts(0x77, 32), request)).toBe(0x89abcdefn);
      expect(run(shifts(0xc7, 32), request)).toBe(0xffffffff_89abcdefn);
      expect(run(shifts(0x77, 16), request)).toBe(0x0000_89abcdef_0000n);
      expect(run(shifts(0x77, 32, 4), request)).toBe(0x89abcdef_00000000n);
    }
    const counted = machine.compile(shifts(0x77, 32), budget);
    expect(() => counted.ok && machine.run(counted, 0, 0, 3)).toThrow('instruction 4');
    expect(counted.ok && machine.run(counted, 0, 0, 6)).toBe(0x89abcdef);
    // a jump may go between the two
    const between = executable([
      ...[insn(0xb7, 0, 0, 0, -1), insn(0x55, 1, 0, 1), insn(0x67, 0, 0, 0, 32), insn(0x77, 0, 0, 0, 32), insn(0x95)],
    ]);
    expect([run(between), run(between, undefined, 1)]).toEqual([0xffffffffn, 0xffffffffn]);
  });

  it('count nothing that they were not compiled to count', () => {
    const compiled = machine.compile(executable('r0 = 0\nexit'), { mode: 'checked' });
    expect(() => compiled.ok && machine.run(compiled, 0, 0, 10)).toThrow('does not count');
  });

  it('name what is not compiled', () => {
    const unknown = executable('r0 = 0\nexit');
    unknown.op[0] = 0x87 | 0x08;
    expect(machine.compile(unknown, { mode: 'verified' })).toEqual({ ok: false, unsupported: 'operation 0x8f' });
  });

  it('beyond the size that the engine takes are named', () => {
    // r0 is compared and exchanged in a stack slot whose address escapes
    const exchange = insn(0xdb, 10, 1, -8, 0xf1);
    const program = executable([insn(0xb7), ...Array.from({ length: 250_000 }, () => exchange), insn(0x95)]);
    const compiled = machine.compile(program, { mode: 'verified' });
    expect(!compiled.ok && compiled.unsupported).toMatch(/^a function of \d{7,} bytes$/);
  });

  it('may have a hundred thousand instructions, straight, branching or nested', () => {
    const count = 100_000;
    const straight = [insn(0xb7), ...Array.from({ length: count }, () => insn(0x07, 0, 0, 0, 3)), insn(0x95)];
    expect(run(executable(straight))).toBe(BigInt(3 * count));
    // each pair jumps over the next addition when r1 is even
    const branches = Array.from({ length: count / 4 }, () => [
      ...[insn(0x45, 1, 0, 1, 1), insn(0x07, 0, 0, 0, 1), insn(0x77, 1, 0, 0, 1), insn(0x07, 0, 0, 0, 16)],
    ]).flat();
    const branching = executable([insn(0xb7), ...branches, insn(0x95)]);
    expect(run(branching, undefined, 0x5a5a)).toBe(interpreted(branching, 0x5a5a));
    // each jumps to its own exit at the end
    const exits = 8_000;
    const nested = executable([
      ...[insn(0xb7)],
      ...Array.from({ length: exits }, (_, i) => [
        insn(0x07, 0, 0, 0, 1),
        insn(0x1d, 0, 1, 2 * (exits - 1 - i) + 2 * i),
      ]).flat(),
      ...[insn(0xb7), insn(0x95)],
      ...Array.from({ length: exits }, () => [insn(0x07, 0, 0, 0, 5), insn(0x95)]).flat(),
    ]);
    for (const r1 of [1, 77, exits, exits + 1]) expect(run(nested, undefined, r1)).toBe(interpreted(nested, r1));
  });
});
