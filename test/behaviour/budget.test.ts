/** Runs with a budget: programs are stopped in loops, in callbacks and in what they tail-call, and nothing else changes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BudgetTrap } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { EngineName, Kernel } from '../../src/kernel/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { Collection, Program, RunOptions } from '../../src/loader/index.ts';
import { assemble } from '../../src/asm/index.ts';
import { RingbufReader, UserRingbufWriter } from '../../src/events/index.ts';
import { LD_IMM64, encode } from '../../src/isa/index.ts';
import { BPF_CMD, HELPER_NAMES, MAP_TYPE, PROG_TYPE, PSEUDO } from '../../src/uapi/index.ts';
import { FunctionBtf } from '../function-btf.ts';
import { createMap, filled, load, loadBtf, update, u32 } from './support.ts';

const bytes = new Uint8Array(readFileSync(new URL('../objects/control.o', import.meta.url)));
const spec = loadCollectionSpec(bytes, { file: 'control.o' });
const data = new Uint8Array(64);

/** A clock that goes on by a millisecond whenever it is read. */
function ticking(): () => number {
  let time = 0;
  return () => (time += 1e6);
}

function open(engine: EngineName, names: readonly string[]): { kernel: Kernel; loaded: Collection } {
  const now = ticking();
  const kernel = createKernel({ engine, clock: { monotonic: now, boottime: now, tai: now } });
  return { kernel, loaded: spec.load(kernel, { programs: [...names] }) };
}

/** What a run returns, or why and where it was stopped. */
function outcome(program: Program, options: RunOptions): number | string {
  try {
    return program.run({ data, ...options }).retval;
  } catch (error) {
    if (!(error instanceof BudgetTrap)) throw error;
    return error.message;
  }
}

for (const engine of ['interp', 'jit'] as const) {
  describe(`budgets on ${engine}`, () => {
    it('stop a loop that calls back', () => {
      const { kernel, loaded } = open(engine, ['loop_many']);
      using program = loaded.programs['loop_many'];
      const all = program.run({ data }).retval;
      expect(outcome(program, { fuel: 5e6 })).toBe(all);
      expect(outcome(program, { fuel: 50_000 })).toMatch(
        /^trap at instruction \d+: the instruction budget is used up$/,
      );
      expect(outcome(program, { fuel: 0 })).toBe('trap at instruction 0: the instruction budget is used up');
      // All runs together have what one needs.
      expect(outcome(program, { fuel: 5e6, repeat: 100 })).toMatch('the instruction budget is used up');
      expect(outcome(program, { timeMs: 5 })).toMatch(/^trap at instruction \d+: the time budget is used up$/);
      expect(outcome(program, { timeMs: 5000 })).toBe(all);
      expect(program.run({ data }).retval).toBe(all);
      expect(kernel.notCompiled(program.fd)).toBeUndefined();
    });

    it('count what tail calls run', () => {
      const { kernel, loaded } = open(engine, ['again', 'two_levels', 'target', 'in_array_2', 'loop_many']);
      const { again, two_levels } = loaded.programs;
      const put = (index: number, program: Program): void => {
        expect(update(kernel, loaded.maps['progs'].fd, u32(index), u32(program.fd))).toBe('ok');
      };
      put(1, again);
      put(2, loaded.programs['loop_many']);
      expect(outcome(again, { fuel: 10_000 })).toBe(39);
      expect(outcome(again, { fuel: 100 })).toMatch('the instruction budget is used up');
      expect(outcome(two_levels, { fuel: 50_000 })).toMatch('the instruction budget is used up');
      expect(outcome(two_levels, { fuel: 5e6 })).toBe(outcome(two_levels, {}));
    });
  });
}

const call = (name: string): string => `call ${HELPER_NAMES.indexOf(name)}`;
/** Go round so often, which takes two instructions a round. */
const rounds = (count: string): string[] => [`r1 = ${count}`, 'r2 = subprog[round]', 'r3 = 0', 'r4 = 0', call('loop')];

/** A classifier with the function `round` and, where there are `lines` for it, `callback`; `map[m]` is the map. */
function withFunctions(kernel: Kernel, mapFd: number, main: readonly string[], callback?: readonly string[]): number {
  const rest = callback ? ['callback:', ...callback] : [];
  const { insns, mapRefs } = assemble([...main, 'round:', 'r0 = 0', 'exit', ...rest].join('\n'));
  const starts = insns.flatMap(({ opcode, src, imm }, slot) =>
    opcode === LD_IMM64 && src === PSEUDO.FUNC ? [slot + imm + 1] : [],
  );
  const types = new FunctionBtf('sched_cls');
  const records = [0, ...[...new Set(starts)].sort((a, b) => a - b)].flatMap((start, i) => [
    start,
    types.add(`f${i}`, i === 0 ? 'global' : 'static', i === 0 ? ['ctx'] : []) ?? 0,
  ]);
  const patched = insns.map((insn, slot) =>
    mapRefs.some((ref) => ref.insn === slot) ? { ...insn, src: 1, imm: mapFd } : insn,
  );
  const fd = load(kernel, {
    progType: PROG_TYPE.SCHED_CLS,
    insns: encode(patched),
    progBtfFd: loadBtf(kernel, types.bytes()),
    funcInfo: u32(...records),
    funcInfoRecSize: 8,
  });
  expect(fd).toBeGreaterThan(2);
  return fd;
}

describe.each(['interp', 'jit'] as const)('what a stopped program had begun ends, on %s', (engine) => {
  const enough = { dataIn: data };
  const little = { dataIn: data, fuel: 1000 };
  const kernel = createKernel({ engine });
  const run = (progFd: number, options: { dataIn: Uint8Array; fuel?: number }): number => {
    const attr = { progFd, retval: 0, ...options };
    expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
    return attr.retval | 0;
  };

  it('records that it has reserved are discarded', () => {
    const mapFd = createMap(kernel, { mapType: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 });
    // A long packet has many rounds.
    const progFd = withFunctions(kernel, mapFd, [
      ...['r7 = r1', 'r1 = map[m]', 'r2 = 8', 'r3 = 0', call('ringbuf_reserve'), 'if r0 == 0 goto none', 'r6 = r0'],
      ...rounds('*(u32 *)(r7 + 0)'),
      ...['r1 = r6', 'r2 = 0', call('ringbuf_submit'), 'none:', 'r0 = 0', 'exit'],
    ]);
    const reader = RingbufReader.open(kernel, mapFd, 4096);
    for (const _ of Array(600)) {
      expect(() => run(progFd, { ...little, dataIn: new Uint8Array(1500) })).toThrow(BudgetTrap);
      run(progFd, enough);
      expect([...reader.read()].length).toBe(1);
    }
    reader.close();
  });

  it('a drain ends, and goes on with the same record', () => {
    const mapFd = createMap(kernel, { mapType: MAP_TYPE.USER_RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 });
    const progFd = withFunctions(
      kernel,
      mapFd,
      ['r1 = map[m]', 'r2 = subprog[callback]', 'r3 = 0', 'r4 = 0', call('user_ringbuf_drain'), 'exit'],
      [...rounds('10000'), 'r0 = 0', 'exit'],
    );
    const writer = UserRingbufWriter.open(kernel, mapFd, 4096);
    for (const byte of [1, 2]) expect(writer.write(filled(8, byte))).toBe(true);
    for (const _ of [1, 2]) expect(() => run(progFd, little)).toThrow(BudgetTrap);
    expect(run(progFd, enough)).toBe(2);
    writer.close();
  });

  it('the memory of walks is used again', () => {
    const mapFd = createMap(kernel, { mapType: MAP_TYPE.HASH });
    expect(update(kernel, mapFd, u32(1), u32(1, 1))).toBe('ok');
    const progFd = withFunctions(
      kernel,
      mapFd,
      ['r1 = map[m]', 'r2 = subprog[callback]', 'r3 = 0', 'r4 = 0', call('for_each_map_elem'), 'exit'],
      [...rounds('10000'), 'r0 = 0', 'exit'],
    );
    expect(() => run(progFd, little)).toThrow(BudgetTrap);
    const before = kernel.memoryBytes;
    for (const _ of Array(100)) expect(() => run(progFd, little)).toThrow(BudgetTrap);
    expect(kernel.memoryBytes).toBe(before);
    expect(run(progFd, enough)).toBe(1);
  });
});
