/** Tail calls into programs without tail calls of their own, in every way of running programs. */
import { expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { KernelOptions } from '../../src/kernel/index.ts';
import { MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, load, returns, run, u32, update } from './support.ts';

const ENGINES: readonly KernelOptions[] = [{ engine: 'interp' }, { engine: 'jit' }, { engine: 'jit', hardened: true }];

for (const options of ENGINES) {
  it(`the callee runs in its caller's frame on ${options.engine}${options.hardened ? ' hardened' : ''}`, () => {
    using sys = createKernel(options);
    const progs = createMap(sys, { mapType: MAP_TYPE.PROG_ARRAY, valueSize: 4 });
    expect(update(sys, progs, u32(0), u32(load(sys, { insns: returns(7) })))).toBe('ok');
    const stack = assemble('*(u64 *)(r10 - 512) = 9\nr0 = *(u64 *)(r10 - 512)\nexit');
    expect(update(sys, progs, u32(1), u32(load(sys, { insns: encode(stack.insns) })))).toBe('ok');
    for (const [slot, retval] of [7, 9, 3].entries()) {
      const { insns } = assemble(`r2 = 0 ll\nr3 = ${slot}\ncall 12\nr0 = 3\nexit`);
      insns[0] = { ...insns[0], src: 1, imm: progs };
      expect(run(sys, load(sys, { insns: encode(insns) }))).toBe(retval);
    }
  });
}
