/** Runs with a budget: programs are stopped in loops, in callbacks and in what they tail-call, and nothing else changes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BudgetTrap } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { EngineName, Kernel } from '../../src/kernel/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { Collection, Program, RunOptions } from '../../src/loader/index.ts';
import { update, u32 } from './support.ts';

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
