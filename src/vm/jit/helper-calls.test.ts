/** Which helpers compiled programs call, and which they do without: by mode, and by what the helper core answers. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace, ASK } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import type { HelperFn } from '../executable.ts';
import type { JitOptions } from './options.ts';
import { JitMachine } from './index.ts';

const space = new AddressSpace();
const STATE = 77;
/** What the helper core is told to answer, and what it was asked. */
let answer = 0;
let asked: number[] | undefined;
const core = (...words: number[]): number => {
  asked = words;
  return answer;
};
const functions = { csum_replace: core, csum_diff: core, xdp_adjust_head: core, load_bytes: core, strncmp: core };
const machine = new JitMachine({ space, packet: undefined }, undefined, undefined, () => ({ functions, state: STATE }));

/** The helper itself: -5, in both words. */
let helped = false;
const helper: HelperFn<{ space: AddressSpace; packet: undefined }> = (_env, r) => {
  helped = true;
  r[0] = -5;
  r[1] = -1;
};

/** Whether r0 = `expected`, and who made it. */
function call(id: number, expected: number, mode: JitOptions['mode'] = 'verified'): string {
  const text = `r2 = 2\nr3 = 0x300000003 ll\nr4 = -4\nr5 = 0x500000005 ll\ncall ${id}\nr2 = ${expected} ll
    if r0 == r2 goto +2\nr0 = 1\nexit\nr0 = 0\nexit`;
  const program = machine.compile(compile(assemble(text).insns, { helpers: () => helper, lazy: true }), { mode });
  if (!program.ok) throw new Error(program.unsupported);
  asked = undefined;
  helped = false;
  expect(machine.run(program, 9), 'r0').toBe(0);
  return `${asked === undefined ? '' : `core(${(asked as number[]).join()})`}${helped ? ' helper' : ''}`;
}

describe('helpers', () => {
  it('are done by the core with their arguments as words', () => {
    answer = 0;
    expect(call(44, 0)).toBe('core(77,2)');
    expect(call(26, 0)).toBe('core(77,2,3,-4)');
    expect(call(11, 0)).toBe('core(77,2,-1,-4,-1,255)');
  });

  it('give words of either sign', () => {
    answer = -1;
    expect(call(182, -1)).toBe('core(9,2,3)');
    expect(call(28, 2 ** 32 - 1)).toBe('core(9,2,3,-4,5)');
  });

  it('are called where the core asks for them', () => {
    answer = ASK;
    expect(call(44, -5)).toBe('core(77,2) helper');
  });

  it('are called in mode hardened where they touch what the program names', () => {
    answer = 0;
    expect(call(44, 0, 'hardened')).toBe('core(77,2)');
    expect(call(26, -5, 'hardened')).toBe(' helper');
    expect(call(28, -5, 'hardened')).toBe(' helper');
  });

  it('are called in mode checked, and where the core has no such function', () => {
    expect(call(44, -5, 'checked')).toBe(' helper');
    expect(call(42, -5, 'checked')).toBe(' helper');
    expect(call(65, -5)).toBe(' helper');
  });

  it('of which there is nothing to do are not called', () => {
    for (const id of [42, 93, 94]) expect(call(id, 0), String(id)).toBe('');
  });
});
